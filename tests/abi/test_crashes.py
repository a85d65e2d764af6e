"""A plugin that crashes: the report about it, when it is put aside, how it comes back, and safe mode."""
import glob
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import time

import pytest
import requests
from support.steward import BINARY, BUILD, ROOT, Steward, eventually, sanitizer

SOURCES = os.path.join(ROOT, "tests/abi/crashing-plugin")
MINE = "crashing"
EXIT = {"thread": 98, "address,undefined": 99}.get(sanitizer())  # of a sanitizer that reports a fault; None: the signal
SECRET = "s3cr3t-t0k3n-of-a-client"


def compile_plugin(folder, name, *flags):
    so = os.path.join(str(folder), f"{name}.so")
    done = subprocess.run(["cc", "-std=c11", "-g", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-I", f"{ROOT}/include",
                           *flags, f"{SOURCES}/{name}.c", "-o", so, "-pthread"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return so


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Builds of the plugins by name, made once: copying keeps their bytes."""
    folder = tmp_path_factory.mktemp("crashing")
    made = {}
    for key, name, flags in (("crashing", "crashing", []), ("newer", "crashing", ['-DVERSION="1.0.1"']),
                             ("auth", "crashing", ["-DAUTH"]), ("caller", "caller", []),
                             ("caller-auth", "caller", ["-DAUTH"])):
        (folder / key).mkdir()
        made[key] = compile_plugin(folder / key, name, *flags)
    return made


class Hub:
    """A server with the plugin, that may crash and be started again on the same data."""

    def __init__(self, tmp_path, built, plugins="auth, users, messages, crashing", build="crashing", env=None, safe=False,
                 **options):
        self.plugin_dir = tmp_path / "plugins"
        self.plugin_dir.mkdir(exist_ok=True)
        for so in glob.glob(f"{BUILD}/lib/steward/plugins/*.so"):
            os.symlink(so, self.plugin_dir / os.path.basename(so))
        self.built = built
        self.install(build)
        shutil.copy(built["caller"], self.plugin_dir)
        settings = {"plugins": {"dir": str(self.plugin_dir), **options.pop("plugin_options", {})}, **options}
        (tmp_path / "hub").mkdir()
        self.server = Steward(plugins=plugins, options=settings, folder=str(tmp_path / "hub"), env=env)
        self.server.serve_options = ["--safe-mode"] if safe else []

    def install(self, build):
        shutil.copy(self.built[build], self.plugin_dir / "crashing.so.new")
        os.replace(self.plugin_dir / "crashing.so.new", self.plugin_dir / "crashing.so")

    def start(self):
        self.server.tokens.clear()
        self.server.start()
        return self

    def fails_to_start(self):
        with pytest.raises(AssertionError, match="did not start"):
            self.server.start()
        self.forget_reports()

    def forget_reports(self):
        """What a sanitizer said about a crash that was wanted."""
        self.server.checked = len(self.server.log())

    def ended(self, seconds=60):
        """The exit code of a server that ends by itself."""
        process = self.server.process
        code = process.wait(timeout=seconds)
        process.stdout.close()
        self.server.process = None
        self.forget_reports()
        return code

    def crash(self, where="handler", how="null", path="crash", token=SECRET):
        query = f"?token={token}" if token else ""
        try:
            self.server.post(f"/api/{path}/{where}/{how}{query}", {"password": SECRET}, token=token)
        except requests.RequestException:
            pass  # it crashed before it answered
        return self.ended()

    def crash_often(self, times):
        for _ in range(times):
            self.start()
            self.crash()

    def state(self):
        row = self.row()
        return row["state"]

    def row(self, name=MINE):
        return next(p for p in self.server.get("/api/plugins").json() if p["name"] == name)

    def file(self):
        return os.path.join(self.server.data, "crash.log")

    def records(self, word="crash"):
        with open(self.file(), encoding="ascii") as file:
            lines = [line.split() for line in file if line.strip()]
        return [dict(pair.split("=", 1) for pair in line[2:]) for line in lines if line[1] == word]

    def steward(self, *words):
        # Looking for leaks needs rights that root gives up when it acts for the owner of the data.
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        done = subprocess.run([BINARY, *words, "-c", self.server.write_config()], capture_output=True, text=True, check=False,
                              cwd=self.server.folder, env=env)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def hub(tmp_path, built):
    made = []

    def make(**options):
        made.append(Hub(tmp_path, built, **options))
        return made[-1]
    yield make
    for one in made:
        one.server.close()


def line(word, at_ms, **fields):
    """A line of the file as the server writes it."""
    body = " ".join(["2026-01-01T00:00:00.000Z", word, f"at={at_ms}", *(f"{k}={v}" for k, v in fields.items())])
    total = 14695981039346656037
    for byte in body.encode():
        total = ((total ^ byte) * 1099511628211) % 2**64
    return f"{body} sum={total:016x}\n"


def build_of(so):
    with open(so, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]


def write_crashes(hub, ages, **fields):
    os.makedirs(hub.server.data, mode=0o700, exist_ok=True)
    now = int(time.time() * 1000)
    fields = {"plugin": MINE, "build": build_of(hub.plugin_dir / "crashing.so"), "signal": 11, **fields}
    with open(hub.file(), "a", encoding="ascii") as file:
        for age in ages:
            file.write(line("crash", now - int(age * 1000), **fields))


# ---- the report ----

def as_crashed(code, number):
    """As without the handler: ended by that signal, or by the sanitizer that reports it."""
    assert code in (-number, EXIT)


WAYS = {"null": signal.SIGSEGV, "overflow": signal.SIGSEGV, "abort": signal.SIGABRT, "jump": signal.SIGSEGV,
        "nonsense": signal.SIGSEGV, "copy": signal.SIGSEGV, "trap": signal.SIGILL, "divide": signal.SIGFPE}
if platform.machine() != "x86_64":  # where dividing is no fault, and a trap is another one
    del WAYS["trap"], WAYS["divide"]


@pytest.mark.parametrize("how", WAYS)
def test_a_handler_that_crashes_in_whatever_way_is_named(hub, how):
    one = hub().start()
    as_crashed(one.crash("handler", how), WAYS[how])
    (record,) = one.records()
    assert record["plugin"] == MINE
    assert record["version"] == "1.0.0"
    assert record["build"] == build_of(one.built["crashing"])
    assert record["signal"] == str(int(WAYS[how]))
    assert (record["part"], record["kind"], record["name"]) == ("handler", "POST", "/api/crash/:where/:how")
    assert re.fullmatch(r"worker-\d", record["thread"])
    assert "guessed" not in record
    at_home = [record.get(k, "") for k in ("place", "caller") if record.get(k, "").startswith("crashing.so+0x")]
    assert at_home, record  # in the plugin, or where it called from

    one.start()
    assert f"plugin {MINE} 1.0.0 crashed the server at" in one.server.log()
    assert f"{signal.Signals(WAYS[how]).name}" in one.server.log()
    row = one.row()
    assert row["state"] == "enabled"
    assert row["crashes"] == 1
    assert "in the handler of POST /api/crash/:where/:how" in row["last_crash"]
    for text in (open(one.file(), encoding="ascii").read(), one.server.log()):
        assert SECRET not in text


PLACES = {  # what the path says: part, kind, name, thread of the report
    "step": ("step", "POST", "/api/crash/:where/:how", "writer"),
    "commit": ("commit", "POST", "/api/crash/:where/:how", "writer"),
    "after": ("handler", "event", "crashing.after", r"worker-\d"),
    "subscriber": ("subscriber", "event", "crashing.in_tx", "writer"),
    "task": ("handler", "task", None, r"worker-\d"),
    "done": ("done", None, None, "writer"),
    "answer": ("answer", "POST", "/api/crash/:where/:how", "http-out"),
    "timer": ("handler", "timer", "tick", r"worker-\d"),
    "housekeeping": ("step", "housekeeping", "sweep", "writer"),
}


@pytest.mark.parametrize("where", PLACES)
def test_a_crash_is_told_with_what_was_being_done(hub, where):
    one = hub().start()
    as_crashed(one.crash(where), signal.SIGSEGV)
    (record,) = one.records()
    part, kind, name, thread = PLACES[where]
    assert record["plugin"] == MINE
    assert (record["part"], record.get("kind"), record.get("name")) == (part, kind, name)
    assert re.fullmatch(thread, record["thread"])
    assert record["place"].startswith("crashing.so+0x")
    assert int(record["address"], 16) == 16


@pytest.mark.parametrize("where", ["step", "commit", "handler-on-loop"])
def test_every_thread_of_the_server_can_tell_that_its_stack_ran_out(hub, where):
    one = hub().start()
    if where == "handler-on-loop":
        as_crashed(one.crash("handler", "overflow", path="crash-on-loop", token=None), signal.SIGSEGV)
        assert re.fullmatch(r"loop-\d", one.records()[0]["thread"])
    else:
        as_crashed(one.crash(where, "overflow"), signal.SIGSEGV)
    (record,) = one.records()
    assert record["plugin"] == MINE
    assert record["place"].startswith("crashing.so+0x")


def test_a_frame_that_crashes_is_named(hub):
    from support.sockets import Socket  # here, since the others need no WebSocket
    for kind in ("CRASH", "CRASH_LOOP"):
        one = hub() if kind == "CRASH" else one
        one.start()
        socket = Socket(one.server, one.server.admin())
        socket.send({"type": kind, "payload": {"secret": SECRET}})
        as_crashed(one.ended(), signal.SIGSEGV)
        record = one.records()[-1]
        assert (record["plugin"], record["kind"], record["name"]) == (MINE, "frame", kind)


@pytest.mark.parametrize("how", ["null", "abort", "copy"])
def test_a_thread_of_the_plugins_own_is_known_by_its_code_or_its_stack(hub, how):
    one = hub().start()
    as_crashed(one.crash("thread", how), WAYS[how])
    (record,) = one.records()
    assert record["plugin"] == MINE
    assert record["part"] == "thread"
    assert record.get("guessed", "0") == ("1" if how == "abort" else "0") or how == "copy"


def test_the_place_is_one_that_addr2line_knows(hub):
    one = hub().start()
    one.crash("handler", "null")
    name, offset = one.records()[0]["place"].split("+")
    said = subprocess.run(["addr2line", "-f", "-i", "-e", str(one.plugin_dir / name), offset], capture_output=True,
                          text=True, check=True)
    assert "write_to_null" in said.stdout


def test_exit_from_a_handler_is_a_crash_as_well(hub):
    one = hub().start()
    one.crash("handler", "exit")
    one.start()
    one.crash("thread", "exit")
    first, second = one.records()
    assert (first["plugin"], first["part"], first["name"]) == (MINE, "handler", "/api/crash/:where/:how")
    assert "signal" not in first
    assert first["caller"].startswith("crashing.so+0x")
    assert (second["plugin"], second["part"], second["guessed"]) == (MINE, "thread", "1")
    one.start()
    assert "exit() was called, called from crashing.so+0x" in one.server.log()
    one.server.stop()
    assert len(one.records()) == 2  # the end that was asked for is none


def test_who_makes_another_plugin_crash_is_named_and_the_other_one_keeps_its_name_clean(hub):
    one = hub(plugins="auth, users, crashing, caller").start()
    try:
        one.server.post("/api/call", token=None)
    except requests.RequestException:
        pass
    one.ended()
    (record,) = one.records()
    assert (record["plugin"], record["version"]) == ("caller", "2.0.0")
    assert record["place"].startswith("crashing.so+0x")
    assert record["caller"].startswith("caller.so+0x")


def test_a_signal_from_outside_is_held_against_nobody(hub):
    one = hub(plugin_options={"crash_limit": "1"}).start()
    os.kill(one.server.process.pid, signal.SIGABRT)
    assert one.ended() == -signal.SIGABRT
    (record,) = one.records()
    assert (record["plugin"], record["sender"]) == ("core", str(os.getpid()))
    one.start()
    assert f"the server crashed at" in one.server.log()
    assert f"SIGABRT sent by process {os.getpid()}" in one.server.log()
    assert one.state() == "enabled"


def test_a_crash_is_logged_by_one_start_alone(hub):
    one = hub().start()
    one.crash()
    for _ in range(2):
        one.start()
        one.server.stop()
    assert one.server.log().count("crashed the server at") == 1


# ---- put aside, and back ----

def test_a_plugin_that_crashes_too_often_is_put_aside_and_the_hub_runs(hub):
    one = hub(plugins="auth, users, messages, crashing, caller")
    one.crash_often(2)
    one.start()
    assert one.state() == "enabled"  # two are not three
    one.crash()
    one.start()
    row = one.row()
    assert row["state"] == "quarantined"
    assert row["crashes"] == 3
    assert row["error"].startswith("it crashed the server 3 times within 10m; \"steward plugin release crashing\" lets it")
    assert one.server.log().count("plugin crashing is quarantined: it crashed the server 3 times") == 1
    assert "needs crash/1" in one.row("caller")["error"]

    health = one.server.get("/api/health").json()
    assert health["status"] == "degraded"
    assert health["checks"]["plugins"][MINE] == "quarantined"
    assert one.server.get("/api/crash").status_code == 404
    assert one.server.post("/api/crash/handler/null").status_code == 404
    posted = one.server.post("/api/messages", {"agent_id": "x", "level": "info", "content": "the others serve"})
    assert posted.status_code == 201
    assert 'steward_plugin_crashes{plugin="crashing"} 3\n' in one.server.get("/metrics").text
    refused = one.server.post("/api/plugins/crashing/enable")
    assert refused.status_code == 409
    assert "steward plugin release crashing" in refused.json()["error"]


def test_it_stays_aside_over_restarts_within_the_window(hub):
    one = hub()
    one.crash_often(3)
    for _ in range(2):
        one.start()
        assert one.state() == "quarantined"
        one.server.stop()


def test_a_released_plugin_starts_with_the_next_start(hub):
    one = hub()
    one.crash_often(3)
    one.start()
    code, said = one.steward("plugin", "release", MINE)  # beside the running server
    assert (code, said) == (0, "plugin crashing is released: 3 crashes no longer count; it starts with the next start of "
                               "the server\n")
    assert one.state() == "quarantined"
    one.server.stop()
    one.start()
    assert one.state() == "enabled"
    assert "crashes" not in one.row()
    assert one.server.get("/api/crash").json() == {"version": "1.0.0"}
    for times in (1, 2, 3):
        assert one.row().get("crashes", 0) == times - 1
        one.crash()
        one.start()
    assert one.state() == "quarantined"
    one.server.stop()
    assert one.steward("plugin", "release", MINE)[0] == 0  # without a server
    one.start()
    assert one.state() == "enabled"


def test_releasing_what_never_crashed_says_so(hub):
    one = hub()
    nothing = "has no crash on record: nothing keeps it from starting"
    assert one.steward("plugin", "release", MINE) == (0, f"plugin {MINE} {nothing}\n")  # there is no data folder yet
    one.start()
    assert one.steward("plugin", "release", MINE) == (0, f"plugin {MINE} {nothing}\n")
    code, said = one.steward("plugin", "release", "No/Name")
    assert code == 1
    assert "is no name of a plugin" in said
    code, said = one.steward("plugin", "release")
    assert code == 2
    assert "usage: steward plugin release" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another")
def test_root_releases_as_the_owner_of_the_data(hub, tmp_path):
    one = hub()
    one.crash_often(3)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != folder.parent and str(folder).startswith("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o011)
    for path, _, names in os.walk(one.server.data):
        os.chown(path, 65534, 65534)
        for name in names:
            os.chown(os.path.join(path, name), 65534, 65534)
    code, said = one.steward("plugin", "release", MINE)
    assert code == 0, said
    assert os.stat(one.file()).st_uid == 65534
    assert len(one.records("release")) == 1

    # A file of root's that somebody has put there by a link is not written.
    write_crashes(one, [3])
    before = open(one.file(), encoding="ascii").read()
    (tmp_path / "roots").write_text(before)
    (tmp_path / "roots").chmod(0o600)
    os.unlink(one.file())
    os.link(tmp_path / "roots", one.file())
    code, said = one.steward("plugin", "release", MINE)
    assert code == 1
    assert "Permission denied" in said
    assert (tmp_path / "roots").read_text() == before


def test_another_build_gets_its_chance(hub):
    one = hub()
    one.crash_often(3)
    one.start()
    assert one.state() == "quarantined"
    one.server.stop()
    one.install("newer")
    one.start()
    assert one.state() == "enabled"
    assert one.server.get("/api/crash").json() == {"version": "1.0.1"}
    one.server.stop()
    one.install("crashing")
    one.start()
    assert one.state() == "quarantined"


def test_crashes_count_for_as_long_as_the_window(hub):
    one = hub()
    write_crashes(one, [601, 602, 603, 604])
    one.start()
    assert one.state() == "enabled"
    one.server.stop()
    write_crashes(one, [300, 200, 100])
    one.start()
    assert one.state() == "quarantined"


def test_it_is_tried_again_once_the_window_has_passed(hub):
    one = hub(plugin_options={"crash_window": "1s", "crash_limit": "1"})
    one.start()
    one.crash()

    def runs():
        one.start()
        state = one.state()
        one.server.stop()
        return state == "enabled"
    eventually(runs, what="the window to pass")


@pytest.mark.parametrize("limit, state", [("0", "enabled"), ("1", "quarantined")])
def test_the_limit_is_an_option(hub, limit, state):
    one = hub(plugin_options={"crash_limit": limit})
    one.crash_often(1 if limit == "1" else 4)
    one.start()
    assert one.state() == state


@pytest.mark.parametrize("when", ["start", "prepare"])
def test_a_plugin_that_crashes_while_it_starts_cannot_keep_the_hub_down(hub, when):
    one = hub(**{"plugin:crashing": {"when": when}})
    for _ in range(3):
        one.fails_to_start()
    one.start()
    assert one.state() == "quarantined"
    assert {record["part"] for record in one.records()} == {when}
    assert f"in {when}()" in one.row()["last_crash"]


def test_a_plugin_that_crashes_while_it_is_loaded_cannot_keep_the_hub_down(hub):
    one = hub(env={"CRASH_ON_LOAD": "1"})
    for _ in range(3):
        one.fails_to_start()
    one.start()
    assert one.state() == "quarantined"
    assert [record["part"] for record in one.records()] == ["load"] * 3
    assert "while it was loaded" in one.row()["last_crash"]


def test_a_crash_in_stop_reconfigure_switched_or_health_counts(hub):
    one = hub()
    for number, when in enumerate(("stop", "reconfigure", "switch", "health")):
        one.server.options["plugin:crashing"] = {"when": ""}
        one.start()
        one.server.options["plugin:crashing"] = {"when": when}
        one.server.write_config()
        one.server.admin()
        before = one.server.log().count("configuration read again")
        one.server.process.send_signal(signal.SIGHUP)
        if when != "reconfigure":
            eventually(lambda: one.server.log().count("configuration read again") > before, what="the reload")
        if when == "stop":
            one.server.process.terminate()
        elif when in ("switch", "health"):
            try:
                one.server.post("/api/plugins/crashing/disable") if when == "switch" else one.server.get("/api/health")
            except requests.RequestException:
                pass
        as_crashed(one.ended(), signal.SIGSEGV)
        record = one.records()[number]
        assert (record["plugin"], record["part"]) == (MINE, when)
        if number == 2:
            assert one.steward("plugin", "release", MINE)[0] == 0


def test_a_required_plugin_is_started_whatever_it_did(hub):
    """The operator has said: not without it. So the server comes back with it as often as the service manager likes."""
    one = hub(**{"plugin:crashing": {"required": "true"}})
    one.crash_often(4)
    one.start()
    assert one.state() == "enabled"
    assert "plugin crashing is started all the same, since it is required" in one.server.log()


def test_who_signs_people_in_is_put_aside_for_crashes_of_its_start_alone(hub):
    """Without it nobody gets in: to put it aside would take down what that is to save."""
    one = hub(plugins="crashing, users", build="auth")
    for _ in range(4):
        one.start()
        try:
            one.server.get("/api/users/agents", token="crash")
        except requests.RequestException:
            pass
        one.ended()
    assert [(r["part"], r["kind"], r["vital"]) for r in one.records()] == [("service", "authenticate", "1")] * 4
    one.start()
    assert one.server.get("/api/plugins", token="anybody").status_code == 200
    one.server.stop()

    one.server.options["plugin:crashing"] = {"when": "start"}
    for _ in range(3):
        one.fails_to_start()
    one.start()
    assert "plugin crashing is quarantined" in one.server.log()
    assert one.server.get("/api/ping", token=None).status_code == 200
    assert one.server.get("/api/plugins", token="anybody").status_code == 503


def test_whom_the_one_who_signs_people_in_needs_is_not_put_aside_either(hub):
    one = hub(plugins="crashing, caller")
    shutil.copy(one.built["caller-auth"], one.plugin_dir / "caller.so")
    one.crash_often(3)
    assert [(r["plugin"], r.get("vital")) for r in one.records()] == [(MINE, "1")] * 3
    one.start()
    assert {p["name"]: p["state"] for p in one.server.get("/api/plugins", token="anybody").json()} == {
        MINE: "enabled", "caller": "enabled"}


def test_the_counter_is_faster_than_the_service_manager_gives_up():
    with open(f"{ROOT}/packaging/systemd/steward.service", encoding="utf-8") as file:
        unit = dict(re.findall(r"^(\w+)=(.*)$", file.read(), re.M))
    assert unit["Restart"] == "on-failure"
    limit, plugins_at_once = 3, 3  # plugins.crash_limit; so many plugins that crash one after the other
    assert int(unit["StartLimitBurst"]) >= limit * plugins_at_once + 1
    assert float(unit["RestartSec"].removesuffix("s")) * limit < 600  # plugins.crash_window


# ---- the file ----

def test_a_crash_file_of_any_content_stops_no_start(hub):
    one = hub()
    os.makedirs(one.server.data, mode=0o700)
    with open(one.file(), "wb") as file:
        file.write(os.urandom(2_000_000) + b"\n" + b"crash " * 1000 + b"\n")
    write_crashes(one, [3, 2, 1])
    with open(one.file(), "a", encoding="ascii") as file:
        file.write(line("crash", int(time.time() * 1000), plugin=MINE)[:50])  # cut off by a kill -9
    one.start()
    assert one.state() == "quarantined"
    assert re.search(r"warn crashes \d+ damaged lines of crash.log are passed over", one.server.log())
    one.server.stop()
    assert os.path.getsize(one.file()) < 10_000  # written anew
    one.start()
    assert one.state() == "quarantined"
    assert one.server.log().count("damaged lines") == 1


def test_the_file_does_not_grow_for_ever(hub):
    one = hub()
    write_crashes(one, range(1_000_000, 997_000, -1))
    one.start()
    assert one.state() == "enabled"
    one.server.stop()
    assert len(one.records()) == 128
    assert os.stat(one.file()).st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_used_costs_the_reports_and_nothing_else(hub):
    one = hub()
    os.makedirs(one.file(), mode=0o700)
    one.start()
    assert "warn crashes crashes cannot be recorded in" in one.server.log()
    assert one.state() == "enabled"
    as_crashed(one.crash(), signal.SIGSEGV)
    one.start()
    assert one.state() == "enabled"


def test_other_commands_leave_the_file_alone(hub):
    one = hub()
    one.crash_often(3)
    before = open(one.file(), encoding="ascii").read()
    code, said = one.steward("check")
    assert code == 0, said
    assert open(one.file(), encoding="ascii").read() == before


# ---- safe mode ----

def test_safe_mode_starts_with_auth_and_users_alone(hub):
    one = hub(safe=True, plugins="auth, users, messages, crashing, gone",
                   plugin_options={"required": "messages, crashing"},
                   env={"CRASH_ON_LOAD": "1", "STEWARD_PLUGIN_CRASHING_WHEN": "start"},
                   **{"plugin:crashing": {"when": "start", "no_such_option": "7"}, "plugin:gone": {"x": "1"},
                      "plugin:not-enabled": {"x": "1"}})
    one.start()
    assert "safe mode" in one.server.log()
    listed = {p["name"]: p for p in one.server.get("/api/plugins").json()}
    assert {name: p["state"] for name, p in listed.items()} == {
        "auth": "enabled", "users": "enabled", "messages": "disabled", "crashing": "disabled", "gone": "disabled"}
    assert "--safe-mode" in listed["crashing"]["error"]
    health = one.server.get("/api/health").json()
    assert health["safe_mode"] is True
    assert one.server.get("/api/messages").status_code == 404
    assert one.server.get("/api/users/agents").status_code == 200
    refused = one.server.post("/api/plugins/messages/enable")
    assert refused.status_code == 409
    assert "--safe-mode" in refused.json()["error"]
    before = one.server.log().count("configuration read again")
    one.server.process.send_signal(signal.SIGHUP)
    eventually(lambda: one.server.log().count("configuration read again") > before, what="the reload")
    one.server.stop()


def test_safe_mode_brings_back_auth_when_another_plugin_took_its_place(hub):
    one = hub(safe=True, plugins="crashing, messages", build="auth")
    one.start()
    assert {p["name"]: p["state"] for p in one.server.get("/api/plugins").json()} == {
        "auth": "enabled", "users": "enabled", "messages": "disabled", "crashing": "disabled"}
    assert one.server.get("/api/plugins", token="anybody").status_code == 401


def test_safe_mode_takes_the_servers_own_auth_whatever_stands_in_the_configured_folder(hub):
    one = hub(safe=True)
    os.unlink(one.plugin_dir / "auth.so")
    (one.plugin_dir / "auth.so").write_bytes(b"not the server's")
    one.start()
    assert one.row("auth")["state"] == "enabled"


def test_safe_mode_does_not_look_at_earlier_crashes(hub):
    one = hub(safe=True)
    for name in ("auth", "users"):
        write_crashes(one, [3, 2, 1], plugin=name, build=build_of(f"{BUILD}/lib/steward/plugins/{name}.so"))
    one.start()
    assert one.row("auth")["state"] == "enabled"
    assert one.row("users")["state"] == "enabled"


def test_without_safe_mode_health_does_not_mention_it(hub):
    one = hub().start()
    assert "safe_mode" not in one.server.get("/api/health").json()
