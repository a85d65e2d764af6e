"""The socket by which steward user passwd asks a running server: who is heard on it, and for how long."""
import json
import os
import socket
import stat

import pytest
from support.other_user import AS_NOBODY, NOBODY, folder_of_nobody, needs_root, owners, without_leaks
from support.passwords import NEW, hashes, passwd, signs_in
from support.steward import ADMIN_PASSWORD, Steward, eventually


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
    before = hashes(fresh)["admin"]
    for line in (b"", b'{"do":"user pas', b'{"do":"user passwd","name":"admin","password":"' + NEW.encode() + b'"}\n'):
        client = socket.socket(socket.AF_UNIX)
        folder = os.open(fresh.data, os.O_PATH)
        client.connect(f"/proc/self/fd/{folder}/control")
        os.close(folder)
        client.sendall(line)
        client.close()
    eventually(lambda: hashes(fresh)["admin"] != before, what="the whole order to be carried out")
    assert signs_in(fresh, "admin", NEW)
    assert passwd(fresh, "admin", "and once more\n").returncode == 0


@pytest.fixture
def of_nobody():
    """A server of another user's, in a folder that everybody can enter."""
    with folder_of_nobody(data_mode=0o755) as folder:
        server = Steward(folder=str(folder), wrapper=AS_NOBODY)
        try:
            yield server.start()
        finally:
            server.close()


@needs_root
def test_root_changes_it_as_the_servers_user(of_nobody):
    env = without_leaks()
    assert passwd(of_nobody, "admin", env=env).returncode == 0
    assert signs_in(of_nobody, "admin", NEW)
    of_nobody.kill()
    result = passwd(of_nobody, "admin", "after a crash\n", env=env)
    assert result.returncode == 0, result.stderr
    assert set(owners(of_nobody.data).values()) == {NOBODY}, owners(of_nobody.data)
    of_nobody.start()
    assert signs_in(of_nobody, "admin", "after a crash")


@needs_root
def test_another_user_is_no_operator(of_nobody):
    os.chmod(os.path.join(of_nobody.data, "control"), 0o777)  # were it open to everybody: who asks is looked at
    other = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups"]
    result = passwd(of_nobody, "admin", wrapper=other, cwd="/")
    assert result.returncode == 1 and "from root and from its own user alone" in result.stderr
    assert signs_in(of_nobody, "admin", ADMIN_PASSWORD)
