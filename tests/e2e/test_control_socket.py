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


def order(body, path="/user/passwd", method="POST", headers=""):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def connect(server):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(30)
    folder = os.open(server.data, os.O_PATH)
    try:
        client.connect(f"/proc/self/fd/{folder}/control")
    finally:
        os.close(folder)
    return client


def ask(server, sent):
    """The status of the answer, and its text."""
    answer = b""
    with connect(server) as client:
        client.sendall(sent)
        while piece := client.recv(4096):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"] if body else ""


def test_the_socket_is_the_server_users_alone(fresh):
    about = os.stat(os.path.join(fresh.data, "control"))
    assert stat.S_ISSOCK(about.st_mode) and stat.S_IMODE(about.st_mode) == 0o600 and about.st_uid == os.geteuid()


def test_orders_that_are_none_are_refused(fresh):
    for line in (b"\n", b"nonsense\n", b"[]\n", b'{"do":"anything"}\n', b'{"do":5}\n'):
        assert ask(fresh, line)[0] == 400
    for body in (b"nonsense", b"[]", b'{"name":5}', b"\0" * 4096):
        assert ask(fresh, order(body))[0] == 400, body
    for body in (b"", b'{"do":"anything"}'):
        assert ask(fresh, order(body)) == (404, "there is no user named "), body
    assert ask(fresh, order({}, path="/user/anything"))[0] == 404
    assert ask(fresh, order({}, method="DELETE"))[0] == 405
    with pytest.raises((ConnectionError, AssertionError)):
        assert ask(fresh, b"x" * 100000 + b"\n")[0] == 204
    wrong = {"name": "admin", "password": 12345678}
    assert ask(fresh, order(wrong)) == (400, "password must be a string")
    assert ask(fresh, order({"name": "admin"})) == (400, "password is required")
    assert ask(fresh, order({"name": "nobody", "password": NEW})) == (404, "there is no user named nobody")
    assert signs_in(fresh, "admin", ADMIN_PASSWORD)


def test_each_door_has_its_own_routes(fresh):
    for path in ("/api/users", "/api/plugins", "/api/health", "/api/ws", "/metrics"):
        assert ask(fresh, order(b"", path=path, method="GET"))[0] == 404, path
    answer = fresh.post("/user/passwd", {"name": "admin", "password": NEW})
    assert answer.status_code == 404 and "/user/passwd" not in fresh.get("/api/openapi.json").text
    assert signs_in(fresh, "admin", ADMIN_PASSWORD)


def test_clients_that_say_nothing_keep_others_out_for_a_while_only(fresh):
    silent = [connect(fresh) for _ in range(4)]
    eventually(lambda: "too many orders" in passwd(fresh, "admin").stderr)
    eventually(lambda: passwd(fresh, "admin").returncode == 0, 60, "the silent ones to be cut off")
    assert [client.recv(1) for client in silent] == [b""] * 4
    for client in silent:
        client.close()


def test_a_client_that_leaves_early_or_says_nothing_harms_nobody(fresh):
    before = hashes(fresh)["admin"]
    whole = order({"name": "admin", "password": NEW})
    for sent in (b"", whole[:8], whole[:-4], whole):
        with connect(fresh) as client:
            client.sendall(sent)
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
