"""A module that calls what the newest minor version of the ABI added: in this server, and in one of the version before."""
import http.server
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading

import pytest
from support import abi_corpus
from support.releases import is_here, releases, unpack
from support.sockets import Socket
from support.steward import BINARY, BUILD, ROOT, Steward, eventually

TREE = pathlib.Path(ROOT)
SOURCE = TREE / "tests/abi/newer-plugin/newer.c"
MINOR = abi_corpus.version(TREE / "include")[1]
ANSWERED, _, TIMED_OUT, TOO_LONG = 1, 2, 3, 4


def build(folder, source=SOURCE, *options):
    so = pathlib.Path(folder) / "newer.so"
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden", *options,
                    "-I", str(TREE / "include"), str(source), "-o", str(so)], check=True)
    return so


@pytest.fixture(name="server")
def newer_server(tmp_path):
    build(tmp_path)
    for name in ("auth", "users"):
        shutil.copy(next(pathlib.Path(BUILD).rglob(f"plugins/{name}.so")), tmp_path)
    with Steward(plugins="auth, users, newer", options={"plugins": {"dir": str(tmp_path)}, "log": {"level": "info"},
                                                        "server": {"shutdown_timeout": "300ms"}}) as running:
        yield running


@pytest.fixture(name="silent")
def silent_machine():
    """A machine that takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(20)
        yield listening


def url_of(machine):
    return f"http://127.0.0.1:{machine.getsockname()[1]}/"


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(name="files")
def file_server(tmp_path):
    """The URL of a file of a thousand bytes, of Python's own server."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "thousand").write_bytes(bytes(1000))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: Files(*args, directory=str(folder))) as machine:
        thread = threading.Thread(target=machine.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{machine.server_address[1]}/thousand"
        machine.shutdown()
        thread.join()


def test_it_reads_times(server):
    answer = server.post("/api/newer/time", {"at": "2026-03-06T05:42:08.5+08:00", "text": "1970-01-01T00:00:01Z"}, token=None)
    assert answer.json() == {"at": 1772746928500, "is_time": True, "parsed": 1000}
    assert server.post("/api/newer/time", {"at": 7, "text": "now"}, token=None).json() == {
        "at": 7, "is_time": False, "parsed": -1}
    assert server.post("/api/newer/time", {"at": "today"}, token=None).json()["error"] == "invalid at"


def test_a_route_may_allow_less_of_a_body_than_the_server(server):
    assert server.post("/api/newer/short", data=b'{"at":"2026-01-01"}').status_code == 400
    assert server.post("/api/newer/short", data=b'{"text":"12345678"}').status_code == 200
    assert server.post("/api/newer/short", data=b'{"text":"123456789a"}').status_code == 413
    assert server.post("/api/newer/short", data=iter([b'{"text":"', b'123456789a"}'])).status_code == 413
    assert server.post("/api/newer/time", data=b'{"text":"123456789a"}').status_code == 200


def test_it_answers_the_socket_that_asks(server):
    with Socket(server, server.admin()) as asks, Socket(server, server.admin()) as twin:
        asks.send({"type": "NEWER_ASK", "ack": True, "local_id": "1"})
        assert asks.get("NEWER_ANSWER")["type"] == "NEWER_ANSWER"
        twin.send({"type": "NEWER_ASK", "ack": True, "local_id": "2"})
        assert twin.get()["type"] == "NEWER_ANSWER", "the first, so none came for the other"
        assert twin.get()["type"] == "ACK"
    assert server.get("/api/newer/no-socket", token=None).status_code == 404


def test_it_is_told_what_a_call_came_to(server, files, silent):
    def far(**query):
        return server.get("/api/newer/far", token=None, params=query).json()
    whole = {"status": 200, "outcome": ANSWERED, "head_status": 200, "timed": True}
    assert far(url=files) == whole
    assert far(url=files, method="HEAD") == whole
    assert far(url=files, method="HEAD", max=10) == whole
    assert far(url=files, max=999) == {**whole, "status": 0, "outcome": TOO_LONG}
    assert far(url=url_of(silent), timeout=50) == {"status": 0, "outcome": TIMED_OUT, "head_status": 0, "timed": True}


def test_a_request_that_a_stop_cuts_short_is_answered_and_the_log_says_so(server, silent):
    answers = []
    asking = threading.Thread(target=lambda: answers.append(
        server.get("/api/newer/far", token=None, params={"url": url_of(silent)})))
    asking.start()
    with silent.accept()[0]:   # so it waits for us
        server.stop()
        asking.join(30)
    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [(503, "the server stops")]
    log = server.log()
    assert re.search(r"1 requests are still in work after \d+ ms: what they wait for is ended", log), log
    assert "never answered" not in log and "not answered" not in log


# ---- in a server of the minor version before ----

@pytest.fixture(scope="module", name="older")
def older_server(tmp_path_factory):
    """The program of the first release."""
    number, commit = releases()[0]
    if not is_here(commit):
        pytest.skip(f"the commit of release {number} is not in this clone")
    folder = tmp_path_factory.mktemp("older")
    unpack(commit, folder)
    made = folder / "build"
    subprocess.run(["cmake", "-G", "Ninja", "-S", str(folder), "-B", str(made), "-DSTEWARD_TESTS=OFF",
                    "-DCMAKE_BUILD_TYPE=Debug"], capture_output=True, check=True)
    subprocess.run(["ninja", "-C", str(made), "-j", str(min(3, os.cpu_count() or 1)), "steward"], capture_output=True,
                   check=True)
    return next(made.rglob("bin/steward"))


def inspect(program, so):
    done = subprocess.run([str(program), "plugin", "inspect", str(so)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_an_older_server_says_that_it_is_too_old(older, tmp_path):
    so = build(tmp_path)
    assert inspect(BINARY, so)[0] == 0
    code, said = inspect(older, so)
    assert code == 1
    assert re.search(r"newer needs a newer server: sw_(body_time|time_parse|send_origin)\b", said), said


def test_an_older_server_refuses_the_number_too_where_no_function_is_missing(older, tmp_path):
    """A module that only reads a member that is new."""
    source = tmp_path / "newer.c"
    source.write_text('#include <steward/plugin.h>\nconst sw_plugin sw_plugin_v1 = { SW_PLUGIN_HEAD, .name = "newer", '
                      '.version = "1", .license = "MIT", .summary = "Nothing." };\n', encoding="utf-8")
    so = build(tmp_path, source, "-Wno-missing-field-initializers")
    assert inspect(BINARY, so)[0] == 0
    code, said = inspect(older, so)
    assert code == 1
    assert f"needs a newer server: its ABI is 1.{MINOR}, this server's 1.0" in said
