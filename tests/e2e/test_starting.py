"""A start that fails says why where one looks, tells the service manager whether to try again, and leaves nothing behind."""
import os
import re
import shutil
import socket
import subprocess

import pytest
from support.steward import BINARY, Steward, outer_environment, run_steward

ENV = {"SERVER_PORT": "0", "BCRYPT_COST": "4", "STEWARD_PLUGINS_ENABLED": "auth, users"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:")
namespaces = shutil.which("unshare") and subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0
needs_namespaces = pytest.mark.skipif(not namespaces, reason="mounting needs root and a namespace")


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def in_namespace(script, cwd, **env):
    """A shell script with mounts of its own, $STEWARD being the server."""
    return subprocess.run(["unshare", "-m", "sh", "-ec", script], cwd=cwd, check=False, capture_output=True, text=True,
                          env=outer_environment(**{**ENV, **env, "STEWARD": BINARY}), timeout=60)


@pytest.mark.parametrize("words", [["check"], ["options"], ["options", "limits"], ["options", "--template"], ["routes"]])
def test_commands_that_only_look_make_no_log_file(tmp_path, words):
    conf = write(tmp_path / "steward.conf", f"[log]\nfile = {tmp_path}/steward.log\n")
    done = run_steward(*words, "-c", conf, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path) == ["steward.conf"]


def test_why_a_start_failed_stands_on_stderr_too_when_the_log_is_a_file(tmp_path):
    (tmp_path / "data").write_text("a file where the data folder should be", encoding="ascii")
    conf = write(tmp_path / "steward.conf", f"[log]\nfile = {tmp_path}/steward.log\n[server]\ndata_dir = {tmp_path}/data\n")
    done = run_steward("serve", "-c", conf, cwd=tmp_path, env=ENV)
    assert done.returncode == 1
    assert "data folder" in done.stderr and "data folder" in (tmp_path / "steward.log").read_text(encoding="utf-8")


def test_once_it_serves_the_log_file_alone_has_the_lines():
    with Steward() as server:
        server.options["log"]["file"] = os.path.join(server.folder, "steward.log")
        server.restart()
        before = len(server.log())
        server.options["log"]["level"] = "nonsense"
        server.write_config()
        server.process.send_signal(1)
        path = server.options["log"].pop("file")
        server.options["log"]["level"] = "debug"
        server.stop()
        with open(path, encoding="utf-8") as file:
            assert "nothing was changed" in file.read()
        assert "nothing was changed" not in server.log()[before:]


@pytest.mark.parametrize("text", ["[server]\nport = 99999\n", "[server\n", "[nowhere]\nx = 1\n",
                                  "[auth]\njwt_secret = short\n", "[log]\nfile = /nonexistent/folder/log\n"])
def test_a_bad_configuration_exits_with_78_so_that_it_is_not_tried_again(tmp_path, text):
    done = run_steward("serve", "-c", write(tmp_path / "bad.conf", text), cwd=tmp_path, env=ENV)
    assert done.returncode == 78, done.stderr
    assert "bad.conf" in done.stderr
    assert os.listdir(tmp_path) == ["bad.conf"]


def test_wrong_options_of_plugins_exit_with_78_too(tmp_path):
    done = run_steward("serve", "-c", write(tmp_path / "bad.conf", "[plugin:auth]\nfailures = many\n"), cwd=tmp_path, env=ENV)
    assert done.returncode == 78 and "bad.conf:2" in done.stderr


def test_a_configuration_that_is_not_there_exits_with_78(tmp_path):
    done = run_steward("serve", "-c", "not-there.conf", cwd=tmp_path, env=ENV)
    assert done.returncode == 78 and "not-there.conf: cannot be read" in done.stderr


def test_what_may_be_better_the_next_time_exits_with_1(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run_steward("serve", cwd=tmp_path, env={**ENV, "SERVER_PORT": str(taken.getsockname()[1])})
    assert done.returncode == 1 and "in use" in done.stderr


def test_a_server_that_finds_its_port_taken_leaves_no_folder_and_no_keys(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run_steward("serve", cwd=tmp_path, env={**ENV, "SERVER_PORT": str(taken.getsockname()[1])})
    assert os.listdir(tmp_path) == []


def test_a_host_that_is_none_leaves_no_folder_and_no_keys(tmp_path):
    done = run_steward("serve", cwd=tmp_path, env={**ENV, "SERVER_HOST": "no-such-host.invalid"})
    assert done.returncode == 1 and "server.host no-such-host.invalid" in done.stderr
    assert os.listdir(tmp_path) == []


def test_it_listens_only_once_it_can_answer(tmp_path):
    """The port is taken early, but who connects before it answers is refused, and not kept waiting."""
    with Steward(options={"server": {"port": str(free_port_once())}}) as server:
        assert server.get("/api/ping", token=None).status_code == 200
        server.kill()
        server.tokens.clear()
        server.start()
        assert server.get("/api/ping", token=None).status_code == 200


def free_port_once():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def etc_steward():
    """A folder to mount on, where there is none."""
    made = not os.path.exists("/etc/steward")
    if made:
        os.makedirs("/etc/steward", exist_ok=True)
    yield
    if made:
        os.rmdir("/etc/steward")


@needs_namespaces
@pytest.mark.parametrize("command", ["check", "serve", "options", "routes", "db backup"])
def test_an_unreadable_configuration_is_said_and_not_taken_as_absent(tmp_path, command, etc_steward):
    done = in_namespace("""
        mount -t tmpfs -o mode=0700 none /etc/steward
        printf '[server]\\nport = 1\\n' >/etc/steward/steward.conf
        chmod 0777 .
        cp "$STEWARD" ./steward; chmod 0755 ./steward
        exec setpriv --reuid=65534 --regid=65534 --clear-groups ./steward """ + command, tmp_path,
                        ASAN_OPTIONS="detect_leaks=0", STEWARD_PLUGINS_DIR=os.path.join(os.path.dirname(BINARY), "../lib/steward/plugins"))
    assert done.returncode != 0, done.stdout
    assert "/etc/steward/steward.conf: cannot be read: Permission denied" in done.stderr, done.stderr


# ---- the journal ----

JOURNAL = """
import os, sys
about = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{about.st_dev}:{about.st_ino}"
os.execv(sys.argv[1], sys.argv[1:])
"""


def journal_lines(server):
    return [line for line in server.log().splitlines() if line]


@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_to_the_journal_have_its_priority_and_no_time_of_their_own(form):
    with Steward(options={"log": {"format": form}}, wrapper=["/usr/bin/python3", "-c", JOURNAL], plugins="auth, users, nobody") as server:
        server.get("/api/ping", token=None)
        server.stop()
        lines = journal_lines(server)
    wanted = re.compile(r"<[34567]>(info|warn|error|debug) \S+ " if form == "text" else r"<[34567]>\{\"time\":")
    for line in lines:
        assert wanted.match(line), line
        assert form == "json" or not TIME.search(line[:40]), line
    assert any(line.startswith("<3>") and "nobody is quarantined" in line for line in lines), lines
    assert any(line.startswith("<6>") and "/api/ping" in line for line in lines)


def test_errors_of_the_configuration_are_errors_in_the_journal(tmp_path):
    done = subprocess.run(["/usr/bin/python3", "-c", JOURNAL, BINARY, "serve", "-c", write(tmp_path / "bad.conf", "[server]\nport = x\n")],
                          check=False, capture_output=True, text=True, cwd=tmp_path, env=outer_environment(), timeout=60)
    assert done.stderr.startswith("<3>") and "bad.conf:2" in done.stderr


def test_a_stream_that_is_not_the_journals_has_times(tmp_path):
    with Steward(env={"JOURNAL_STREAM": "1:1"}, plugins="auth, users") as server:
        server.stop()
        assert all(TIME.match(line) for line in journal_lines(server))


# ---- the sandbox of the unit ----

@needs_namespaces
@pytest.mark.parametrize("what", ["data_dir", "log", "store"])
def test_the_drop_in_is_named_when_the_sandbox_is_the_cause(tmp_path, what):
    (tmp_path / "srv").mkdir()
    settings = {"data_dir": {"STEWARD_SERVER_DATA_DIR": f"{tmp_path}/srv/data"},
                "log": {"STEWARD_LOG_FILE": f"{tmp_path}/srv/steward.log"},
                "store": {"DB_PATH": f"{tmp_path}/srv/steward.db"}}[what]
    script = 'mount --bind srv srv && mount -o remount,bind,ro srv && exec "$STEWARD" serve'
    with_systemd = in_namespace(script, tmp_path, INVOCATION_ID="0123", **settings)
    assert with_systemd.returncode in (1, 78), with_systemd.stderr
    assert "systemctl edit steward" in with_systemd.stderr and f"ReadWritePaths={tmp_path}/srv" in with_systemd.stderr
    without = in_namespace(script, tmp_path, **settings)
    assert without.returncode in (1, 78) and "systemctl" not in without.stderr


@needs_namespaces
def test_the_drop_in_is_named_for_a_low_port(tmp_path):
    tmp_path.chmod(0o777)
    script = ('echo 1024 >/proc/sys/net/ipv4/ip_unprivileged_port_start; cp "$STEWARD" steward; chmod 0755 steward; '
              "exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all ./steward serve")
    done = subprocess.run(["unshare", "-mn", "sh", "-ec", "ip link set lo up 2>/dev/null || true\n" + script], cwd=tmp_path,
                          check=False, capture_output=True, text=True, timeout=60,
                          env=outer_environment(**{**ENV, "SERVER_PORT": "443", "INVOCATION_ID": "0123", "STEWARD": BINARY,
                                                   "ASAN_OPTIONS": "detect_leaks=0"}))
    assert "port 443: Permission denied" in done.stderr, done.stderr
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in done.stderr
