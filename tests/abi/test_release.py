"""Modules of the first release: their source and the headers of that day, built here and loaded by the server of today.

release-1.0.0/README.md says what is what. Everything a module of 1.0.0 could call is called and its outcome checked; a
function that is gone would leave its module quarantined, and every test of it would fail."""
import base64
import contextlib
import hashlib
import hmac
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
from support import abi_guard
from support.sockets import Socket
from support.steward import BINARY, BUILD, ROOT, Steward, eventually

RELEASE = pathlib.Path(ROOT) / "tests/abi/release-1.0.0"
OWN = ["auth", "users", "messages"]
MODULES = ["hello", "wide", "deep", "wire", "reach"]
COMPILERS = {
    "gcc": ["gcc", "-std=c11"],
    "clang": ["clang", "-std=c11"],
    "g++": ["g++", "-std=c++20", "-xc++"],
    "clang++": ["clang++", "-std=c++20", "-xc++"],
}


def modules_of(compiler):
    """hello is C alone."""
    return [name for name in MODULES if name != "hello" or "++" not in compiler]


def build(compiler, name, folder):
    """A module as its author built it then: the pinned headers alone."""
    so = pathlib.Path(folder) / f"{name}.so"
    done = subprocess.run([*COMPILERS[compiler], "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-I",
                           str(RELEASE / "include"), str(RELEASE / f"{name}.c"), "-o", str(so)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return so


@pytest.fixture(scope="module", params=COMPILERS)
def server(request, tmp_path_factory):
    if shutil.which(COMPILERS[request.param][0]) is None:
        pytest.skip(f"no {request.param} here")
    folder = tmp_path_factory.mktemp("plugins")
    for name in OWN:
        shutil.copy(next(pathlib.Path(BUILD).rglob(f"plugins/{name}.so")), folder)
    names = modules_of(request.param)
    for name in names:
        build(request.param, name, folder)
    options = {"plugins": {"dir": str(folder)}, "plugin:deep": {"text": "first", "secret": "hidden"}}
    if "hello" in names:
        options["plugin:hello"] = {"greeting": "Good day"}
    with Steward(plugins=", ".join(OWN + names), options=options) as running:
        states = running.get("/api/health").json()["checks"]["plugins"]
        assert {name: states[name] for name in names} == {name: "enabled" for name in names}, running.log()
        yield running


def test_the_pinned_files_are_those_of_the_release():
    """They are never edited: a module in the field was built with them."""
    kept = dict(reversed(line.split("  ")) for line in (RELEASE / "SHA256SUMS").read_text(encoding="ascii").splitlines())
    found = {str(file.relative_to(RELEASE)): hashlib.sha256(file.read_bytes()).hexdigest()
             for file in RELEASE.rglob("*") if file.is_file() and file.name not in ("SHA256SUMS", "README.md", ".clang-format")}
    assert found == kept


def test_the_pinned_modules_call_every_function_of_abi_1_0(tmp_path):
    called = set()
    for name in MODULES:
        shown = subprocess.run(["nm", "-D", "--undefined-only", str(build("gcc", name, tmp_path))], capture_output=True,
                               text=True, check=True).stdout
        called |= set(re.findall(r"\b(sw_\w+)", shown))
    baseline = (abi_guard.BASELINES / "steward-abi-1.0.xml").read_text(encoding="utf-8")
    assert called == set(re.findall(r"<function-decl name='(sw_\w+)' mangled-name", baseline))


@pytest.mark.parametrize("name", MODULES)
def test_inspect_shows_the_pinned_modules(name, tmp_path):
    shown = subprocess.run([BINARY, "plugin", "inspect", str(build("gcc", name, tmp_path))], capture_output=True, text=True,
                           check=False)
    assert shown.returncode == 0, shown.stderr
    assert re.search(rf"^name +{name}$", shown.stdout, re.M) and re.search(r"^abi +1\.0$", shown.stdout, re.M)


# ---- hello: the template of that day ----

@pytest.mark.parametrize("server", ["gcc", "clang"], indirect=True)
def test_hello_greets_writes_and_counts(server):
    assert server.post("/api/hello").json() == {"text": "Good day, admin!", "count": 1}
    assert server.post("/api/hello", {"word": "Hi"}).json() == {"text": "Hi, admin!", "count": 2}
    assert server.post("/api/hello", {"word": 7}).status_code == 400
    server.post("/api/messages", {"agent_id": "x", "level": "hello", "content": "counted in the same transaction"})
    assert server.get("/api/hello").json() == {"messages_seen": 1, "greeted": [{"name": "admin", "count": 2}]}
    assert server.get("/api/hello", token=None).status_code == 401


# ---- wide: requests and data ----

def test_wide_reads_a_request(server):
    answer = server.get("/api/wide/request/12/a%20b?number=99&text=%20x%20&time=1970-01-01T00:00:02Z",
                        headers={"User-Agent": "the test"})
    assert answer.headers["X-Wide"] == "wide"
    assert answer.json() == {
        "id": 12, "word": "a b", "number": 10, "text": "x", "time": "1970-01-01T00:00:02.000Z", "asked": True,
        "agent": "the test", "address": "127.0.0.1", "named": True, "tag": 0, "role": "ADMIN", "same_role": True,
        "made": "wide 1", "so_far": 1}
    assert server.get("/api/wide/request/0/x").json()["error"] == "invalid id"
    refused = server.get("/api/wide/request/1/x?number=3")
    assert (refused.status_code, refused.json()["error"], refused.json()["code"]) == (400, "not 3", "no_three")


def test_wide_reads_a_body(server):
    answer = server.post("/api/wide/body", {"word": "w", "number": 200, "flag": False, "list": ["é", 5, 1.5, True]})
    assert answer.status_code == 201
    assert answer.json() == {"word": "w", "other": "or", "number": 100, "flag": 0, "first": "é",
                             "rest": [5, 1.5, True, None], "count": 104, "has": True}
    assert server.post("/api/wide/body", {}).json()["code"] == "missing_field"
    raw = server.request("PUT", "/api/wide/raw", data=b"any \x01 bytes", token=None)
    assert (raw.content, raw.headers["Content-Type"]) == (b"any \x01 bytes", "application/x-wide")
    assert server.request("PUT", "/api/wide/raw", data=b"", token=None).status_code == 204


def test_wide_refuses_in_its_own_words(server):
    answer = server.get("/api/wide/refusal", token=None)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "9")
    assert answer.json() == {**answer.json(), "error": "come back in 9 s", "code": "wide_busy", "detail": "said in full"}


def test_wide_writes_publishes_and_reads_rows(server):
    before = server.get("/api/wide/counts").json()
    first = server.post("/api/wide/rows", {"word": "one"}).json()
    second = server.post("/api/wide/rows", {"word": "two"}).json()
    assert first == {"id": first["id"], "changes": 1, "now": True} and second["id"] > first["id"]
    twin = server.post("/api/wide/rows", {"word": "one"})
    assert (twin.status_code, twin.json()["error"]) == (409, "wide_rows.word by o")

    row = {"id": first["id"], "word": "one", "again": "one", "real": 0.5, "bytes": "2.0", "nothing": True}
    assert server.get("/api/wide/rows?word=one").json() == [{**row, "bytes": server.get("/api/wide/rows").json()[0]["bytes"]}]
    assert float(server.get("/api/wide/rows").json()[0]["bytes"]) == 2
    assert [r["word"] for r in server.get(f"/api/wide/rows?after={first['id']}").json()] == ["two"]
    assert [r["word"] for r in server.get("/api/wide/rows").json()] == ["one", "two"]
    expected = {key: before[key] + 2 for key in before}
    eventually(lambda: server.get("/api/wide/counts").json() == expected, what="both commits and events")


# ---- deep: the host itself ----

def test_deep_has_its_options(server):
    assert server.get("/api/deep/options").json() == {
        "text": "first", "number": 7, "switch": True, "time": 2000, "bytes": 4096, "has_b": True, "second": "b",
        "third": False, "secret": 6, "choice": "red", "env": "development", "loops": 2}


def test_deep_knows_the_host(server):
    shown = server.get("/api/deep/host").json()
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", shown.pop("uuid"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown.pop("time"))
    assert re.fullmatch(r"\d+\.\d+\.\d+", shown.pop("version"))
    assert shown == {"env": "development", "data_dir": server.data, "state": True, "forward": True, "admin": "", "pass": "",
                     "generated": 3}
    assert "deep was asked at" in server.log()


def test_deep_makes_digests_and_seals(server):
    digest = hashlib.sha256(b"steward").digest()
    assert server.get("/api/deep/digests").json() == {
        "sha256": digest.hex(), "base64url": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "hmac": hmac.new(b"key", b"steward", "sha256").hexdigest(), "keyed": True, "plain": "plain", "refused": True}


def test_deep_hashes_passwords(server):
    assert server.get("/api/deep/password").json() == {"right": True, "wrong": False, "nobody": False, "too_little": True}


def test_deep_uses_services(server):
    shown = server.get("/api/deep/services").json()
    assert shown.pop("user")["username"] == "admin"
    assert shown == {"name": "admin", "grown": True, "first": True, "unsized": True, "absent": True, "undeclared": True}


def test_deep_works_by_itself(server):
    def counts():
        return server.get("/api/deep/counts").json()
    eventually(lambda: counts()["timed"] > 0 and counts()["swept"] > 0, what="timer and housekeeping")
    assert (counts()["prepared"], counts()["later"]) == (1, 2)
    assert server.get("/api/health", token="admin").status_code == 200

    server.options["plugin:deep"]["text"] = "second"
    server.write_config()
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: counts()["reconfigured"] > 0, what="the reload")
    assert server.get("/api/deep/options").json()["text"] == "second"


# ---- wire: frames and recovery ----

def test_wire_stores_answers_and_sends_on(server):
    agent_id, agent_token = server.agent("wired")
    with Socket(server, server.admin()) as human, Socket(server, agent_token) as agent:
        assert agent.get("WIRE_WELCOME")["payload"] == {"hello": False, "since": -1}
        assert server.get("/api/wire/online").json()["online"] is True
        agent.send({"type": "WIRE", "local_id": "l1", "stream_id": "s", "target_id": 7, "conversation_id": 8, "ack": True,
                    "payload": {"n": 1}})
        seen = agent.get("WIRE_SEEN")
        assert seen["payload"] == {"local": "l1", "streamed": True, "target": 7, "conversation": 8}
        row = human.get("WIRE_ROW")
        assert row["payload"] == {"n": 1}
        # The next one, so what was sent to an audience without a size went to nobody.
        assert agent.get()["type"] == "WIRE_ECHO" and agent.get()["id"] == row["id"]
        assert "the size of its sw_audience is not set" in server.log()
        eventually(lambda: server.get("/api/wire/online").json()["receipts"] == 100 + row["id"], what="the receipt")
        agent.send({"type": "WIRE", "local_id": "l2", "payload": 5})
        assert agent.get("ERROR")["payload"]["error"] == "the payload of WIRE is no object"
    with Socket(server, server.admin(), query=f"&since_id={row['id'] - 1}") as back:
        assert back.get("HELLO")["payload"]["last_id"] == row["id"]
        assert back.get("WIRE_ROW") == row
        assert back.get("WIRE_WELCOME")["payload"] == {"hello": True, "since": row["id"] - 1}
        assert server.post("/api/wire/close").status_code == 200
        assert back.wait_closed() == 4010
    eventually(lambda: server.get("/api/wire/online").json()["online"] is False, what="the socket's end")


# ---- reach: other machines, and answers that come later ----

@pytest.mark.parametrize("query", ["", "?soon=1"])
def test_reach_answers_later(server, query):
    assert server.get("/api/reach/later" + query).json() == "over three lanes"


def test_reach_talks_to_other_machines(server):
    ping = f"{server.url}/api/ping"
    waited = server.get("/api/reach/waited", params={"url": ping}).json()
    assert (waited["status"], waited["type"].split(";")[0]) == (200, "application/json") and "pong" in waited["body"]
    assert server.get("/api/reach/called", params={"url": ping}).json() == "answered"
    assert server.get("/api/reach/waited", params={"url": "http://198.51.100.1/"}).status_code == 400

    said = server.get("/api/reach/called", params={"url": f"{server.ws_url}?token={server.admin()}"}).json()
    assert '"ERROR"' in said, "the hub refuses a text that is no frame"
    refused = server.get("/api/reach/called", params={"url": server.ws_url}).json()
    assert refused == "refused by 401", "there is no token in the URL"


def test_the_modules_can_be_disabled_and_enabled(server):
    for name in ("deep", "wire", "wide", "reach"):
        assert server.post(f"/api/plugins/{name}/disable").status_code == 200
        assert server.post(f"/api/plugins/{name}/enable").status_code == 200
    assert server.get("/api/deep/counts").json()["switched"] == 1
