"""steward user passwd: for whoever is locked out, with the server running or not; by the rules of the API."""
import json
import os
import pathlib
import pty
import select
import shutil
import socket
import sqlite3
import stat
import subprocess
import tempfile

import pytest
from support.sockets import Socket
from support.steward import ADMIN_PASSWORD, BINARY, Steward, eventually

NEW = "quite another one"
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="acting for another user needs root")


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STEWARD_", "SERVER_", "JWT_", "DB_PATH"))}
    return {**kept, **more}


def passwd(server, name, password=NEW + "\n", wrapper=(), **more):
    more.setdefault("env", environment())
    if isinstance(password, str):
        password = password.encode()
    config = os.path.join(server.folder, "steward.conf")
    result = subprocess.run([*wrapper, BINARY, "user", "passwd", "-c", config, name], input=password,
                            capture_output=True, timeout=120, check=False, **more)
    result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
    assert NEW not in result.stdout + result.stderr
    return result


def signs_in(server, name, password):
    answer = server.post("/api/auth/login", {"username": name, "password": password}, token=None)
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


def hashes(server):
    db = sqlite3.connect(f"file:{server.database()}?mode=ro", uri=True)
    try:
        return dict(db.execute("SELECT username, password_hash FROM users"))
    finally:
        db.close()


@pytest.fixture(params=["running", "stopped"])
def target(request, fresh):
    """A server, and a function that brings it (back) up."""
    fresh.member("mia")
    fresh.agent("scout")
    if request.param == "stopped":
        fresh.stop()
    fresh.runs = request.param == "running"

    def up():
        if not fresh.runs:
            fresh.tokens.clear()
            fresh.start()
            fresh.runs = True
    fresh.up = up
    return fresh


def test_a_human_gets_another_password_and_the_old_one_is_void(target):
    result = passwd(target, "mia")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("the password of mia is changed") and result.stderr == ""
    target.up()
    assert signs_in(target, "mia", NEW) and not signs_in(target, "mia", "member password")
    assert signs_in(target, "admin", ADMIN_PASSWORD)


def test_names_are_found_in_any_case_as_at_the_login(target):
    assert passwd(target, "MIA").returncode == 0
    target.up()
    assert signs_in(target, "mia", NEW)


def test_tokens_from_before_are_void_and_sockets_close(fresh):
    _, token = fresh.member("mia")
    admin = fresh.admin()
    with Socket(fresh, token) as page, Socket(fresh, admin) as other:
        assert passwd(fresh, "mia").returncode == 0
        assert fresh.get("/api/users/agents", token=token).status_code == 401
        assert page.wait_closed() == 4003
        assert fresh.get("/api/users/agents", token=admin).status_code == 200
        fresh.post("/api/messages", {"agent_id": "x", "level": "INFO", "content": "still there"})
        assert other.get("SYSTEM_LOG")["payload"]["content"] == "still there"


def test_tokens_from_before_are_void_at_the_next_start_too(fresh):
    _, token = fresh.member("mia")
    fresh.stop()
    assert passwd(fresh, "mia").returncode == 0
    fresh.start()
    assert fresh.get("/api/users/agents", token=token).status_code == 401


@pytest.mark.parametrize("name, said", [("scout", "AGENT"), ("Butler", "BUTLER"), ("nobody", "no user named nobody"),
                                        ("", "no user named"), ("x" * 300, "no user named")])
def test_agents_butler_and_strangers_are_refused(target, name, said):
    before = hashes(target)
    result = passwd(target, name)
    assert result.returncode == 1 and said in result.stderr and result.stdout == ""
    assert hashes(target) == before


@pytest.mark.parametrize("password, said", [("short\n", "at least 8 bytes"), ("x" * 73 + "\n", "at most 72 bytes"),
                                            ("\n", "empty"), ("", "empty"), (b"\xff" * 10 + b"\n", "UTF-8"),
                                            (b"long enough\0or not\n", "NUL"), ("x" * 5000 + "\n", "too long")])
def test_the_rules_for_passwords_are_those_of_the_api(target, password, said):
    before = hashes(target)
    result = passwd(target, "mia", password)
    assert result.returncode == 1 and said in result.stderr and result.stdout == ""
    assert hashes(target) == before


def test_one_line_is_the_password_and_its_end_is_not(target):
    assert passwd(target, "mia", NEW + "\nand more\n").returncode == 0
    assert passwd(target, "admin", NEW + " ").returncode == 0  # no newline, white space counts
    target.up()
    assert signs_in(target, "mia", NEW) and signs_in(target, "admin", NEW + " ")


def test_hashing_is_as_configured(fresh):
    fresh.stop()
    fresh.options["auth"].update({"password_method": "yescrypt"})
    fresh.write_config()
    assert passwd(fresh, "admin", "y" * 100 + "\n").returncode == 0
    assert hashes(fresh)["admin"].startswith("$y$")
    fresh.start()
    assert signs_in(fresh, "admin", "y" * 100)


def test_the_first_admins_initial_password_is_forgotten_with_its_file():
    for running in (True, False):
        with Steward() as server:
            server.stop()
            shutil.rmtree(server.data)
            server.options["auth"]["initial_admin_pass"] = ""
            server.start()
            note = pathlib.Path(server.data, "initial-admin-password")
            first = note.read_text(encoding="ascii").strip()
            if not running:
                server.stop()
            assert passwd(server, "admin").returncode == 0
            assert not note.exists()
            if not running:
                server.start()
            assert signs_in(server, "admin", NEW) and not signs_in(server, "admin", first)


def test_another_users_change_leaves_the_initial_password_alone(fresh):
    note = pathlib.Path(fresh.data, "initial-admin-password")
    fresh.member("mia")
    fresh.stop()
    note.write_text("not used yet\n", encoding="ascii")
    assert passwd(fresh, "mia").returncode == 0
    assert note.exists()


def test_nothing_else_in_the_store_changes(fresh):
    fresh.member("mia")
    fresh.post("/api/messages", {"agent_id": "x", "level": "INFO", "content": "kept"})
    fresh.stop()

    def dump():
        db = sqlite3.connect(fresh.database())
        tables = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name <> 'messages_fts'")
        found = {(name, row) for name, _ in tables.fetchall() for row in db.execute(f'SELECT * FROM "{name}"')}
        db.close()
        return found
    before = dump()
    assert passwd(fresh, "mia").returncode == 0
    changed = before ^ dump()
    assert len(changed) == 2 and all(name == "users" and "mia" in row for name, row in changed), changed
    assert not [name for name in os.listdir(fresh.data) if name.endswith(("-wal", "-shm"))]


def test_without_a_store_there_is_no_user_and_nothing_is_made(tmp_path):
    server = Steward(folder=str(tmp_path))
    server.write_config()
    result = passwd(server, "admin")
    assert result.returncode == 1 and "first start" in result.stderr
    assert not os.path.exists(server.data)


def test_a_server_that_holds_the_store_and_does_not_listen_is_named(fresh):
    os.unlink(os.path.join(fresh.data, "control"))
    result = passwd(fresh, "admin")
    assert result.returncode == 1 and f"another server (pid {fresh.process.pid})" in result.stderr
    assert signs_in(fresh, "admin", ADMIN_PASSWORD)


def test_a_socket_that_a_killed_server_left_is_in_nobodys_way(fresh):
    fresh.kill()
    assert os.path.exists(os.path.join(fresh.data, "control"))
    assert passwd(fresh, "admin").returncode == 0
    fresh.tokens.clear()
    fresh.start()
    assert signs_in(fresh, "admin", NEW)
    assert passwd(fresh, "admin", "and once more\n").returncode == 0
    fresh.stop()
    assert not os.path.exists(os.path.join(fresh.data, "control"))


def test_broken_plugins_do_not_keep_an_administrator_out(fresh):
    fresh.stop()
    fresh.options["plugins"]["enabled"] += ", no-such-plugin"
    fresh.options["plugin:no-such-plugin"] = {"x": "1"}
    fresh.write_config()
    assert passwd(fresh, "admin").returncode == 0
    del fresh.options["plugin:no-such-plugin"]
    fresh.options["plugins"]["enabled"] = "auth"
    fresh.write_config()
    result = passwd(fresh, "admin")
    assert result.returncode == 1 and "plugin users" in result.stderr


# ---- the socket ----

def ask(server, line):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(30)
    folder = os.open(server.data, os.O_PATH)
    try:
        client.connect(f"/proc/self/fd/{folder}/control")
    finally:
        os.close(folder)
    with client:
        client.sendall(line)
        answer = b""
        while piece := client.recv(4096):
            answer += piece
    return json.loads(answer)


def test_the_socket_is_the_server_users_alone(fresh):
    about = os.stat(os.path.join(fresh.data, "control"))
    assert stat.S_ISSOCK(about.st_mode) and stat.S_IMODE(about.st_mode) == 0o600 and about.st_uid == os.geteuid()


def test_orders_that_are_none_are_refused(fresh):
    for line in (b"\n", b"nonsense\n", b"[]\n", b'{"do":"anything"}\n', b'{"do":5}\n'):
        assert ask(fresh, line)["ok"] is False
    with pytest.raises((ConnectionError, AssertionError)):
        assert ask(fresh, b"x" * 100000 + b"\n")["ok"]
    order = {"do": "user passwd", "name": "admin", "password": 12345678}
    assert ask(fresh, json.dumps(order).encode() + b"\n") == {"ok": False, "error": "password is required"}
    assert signs_in(fresh, "admin", ADMIN_PASSWORD)


def test_clients_that_say_nothing_keep_others_out_for_a_while_only(fresh):
    silent = []
    folder = os.open(fresh.data, os.O_PATH)
    for _ in range(4):
        silent.append(socket.socket(socket.AF_UNIX))
        silent[-1].connect(f"/proc/self/fd/{folder}/control")
    os.close(folder)
    eventually(lambda: "too many orders" in passwd(fresh, "admin").stderr)
    eventually(lambda: passwd(fresh, "admin").returncode == 0, 60, "the silent ones to be cut off")
    assert [client.recv(1) for client in silent] == [b""] * 4
    for client in silent:
        client.close()


def test_a_client_that_leaves_early_or_says_nothing_harms_nobody(fresh):
    for line in (b"", b'{"do":"user pas', b'{"do":"user passwd","name":"admin","password":"' + NEW.encode() + b'"}\n'):
        client = socket.socket(socket.AF_UNIX)
        folder = os.open(fresh.data, os.O_PATH)
        client.connect(f"/proc/self/fd/{folder}/control")
        os.close(folder)
        client.sendall(line)
        client.close()
    eventually(lambda: signs_in(fresh, "admin", NEW))
    assert passwd(fresh, "admin", "and once more\n").returncode == 0


@pytest.fixture
def of_nobody():
    """A server of another user's, in a folder that everybody can enter."""
    if subprocess.run([*AS_NOBODY, BINARY, "version"], capture_output=True, check=False, cwd="/").returncode != 0:
        pytest.skip("the build is closed to other users")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="steward-test-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "data").mkdir(mode=0o755)
    os.chown(folder / "data", 65534, 65534)
    server = Steward(folder=str(folder), wrapper=AS_NOBODY)
    try:
        yield server.start()
    finally:
        server.close()
        shutil.rmtree(folder)


@needs_root
def test_root_changes_it_as_the_servers_user(of_nobody):
    env = environment(ASAN_OPTIONS="detect_leaks=0:exitcode=99")  # who has been root may not be searched for leaks
    assert passwd(of_nobody, "admin", env=env).returncode == 0
    assert signs_in(of_nobody, "admin", NEW)
    of_nobody.kill()
    result = passwd(of_nobody, "admin", "after a crash\n", env=env)
    assert result.returncode == 0, result.stderr
    owners = {name: os.lstat(os.path.join(of_nobody.data, name)).st_uid for name in os.listdir(of_nobody.data)}
    assert set(owners.values()) == {65534}, owners
    of_nobody.start()
    assert signs_in(of_nobody, "admin", "after a crash")


@needs_root
def test_another_user_is_no_operator(of_nobody):
    os.chmod(os.path.join(of_nobody.data, "control"), 0o777)  # were it open to everybody: who asks is looked at
    other = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups"]
    result = passwd(of_nobody, "admin", wrapper=other, cwd="/")
    assert result.returncode == 1 and "from root and from its own user alone" in result.stderr
    assert signs_in(of_nobody, "admin", ADMIN_PASSWORD)


# ---- a terminal ----

class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, server, name):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(BINARY, [BINARY, "user", "passwd", "-c", os.path.join(server.folder, "steward.conf"), name],
                      environment())
        self.seen = ""

    def wait_for(self, text):
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], 60)
            assert ready, self.seen
            self.seen += os.read(self.fd, 4096).decode()

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        try:
            while piece := os.read(self.fd, 4096):
                self.seen += piece.decode()
        except OSError:
            pass
        os.close(self.fd)
        return os.waitpid(self.pid, 0)[1]


def test_a_terminal_is_asked_twice_and_shows_nothing(fresh):
    terminal = Terminal(fresh, "admin")
    terminal.wait_for("new password: ")
    terminal.type(NEW + "\n")
    terminal.wait_for("again: ")
    terminal.type(NEW + "\n")
    assert terminal.end() == 0
    assert NEW not in terminal.seen and "is changed" in terminal.seen
    assert signs_in(fresh, "admin", NEW)


def test_two_that_differ_change_nothing(fresh):
    terminal = Terminal(fresh, "admin")
    terminal.wait_for("new password: ")
    terminal.type(NEW + "\n")
    terminal.wait_for("again: ")
    terminal.type(NEW + "!\n")
    assert os.waitstatus_to_exitcode(terminal.end()) == 1
    assert "not the same" in terminal.seen and NEW not in terminal.seen
    assert signs_in(fresh, "admin", ADMIN_PASSWORD)


def test_an_interrupt_ends_it_and_the_terminal_echoes_again(fresh):
    leader, follower = pty.openpty()
    process = subprocess.Popen([BINARY, "user", "passwd", "-c", os.path.join(fresh.folder, "steward.conf"), "admin"],
                               stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    try:
        import termios  # noqa: PLC0415
        eventually(lambda: not termios.tcgetattr(follower)[3] & termios.ECHO, what="a silent terminal")
        process.send_signal(2)
        assert process.wait(60) != 0
        assert termios.tcgetattr(follower)[3] & termios.ECHO
    finally:
        process.kill()
        process.communicate()
        os.close(leader)
        os.close(follower)
    assert signs_in(fresh, "admin", ADMIN_PASSWORD)
