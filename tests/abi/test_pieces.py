"""Replies in pieces and answers that come later, by a module that uses what ABI 1.2 has for them."""
import pathlib
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from support.steward import BUILD, ROOT, Steward, eventually

SOURCE = pathlib.Path(ROOT) / "tests/abi/pieces-plugin/pieces.c"


def plugin_folder(folder, *options):
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden", *options, "-I",
                    f"{ROOT}/include", str(SOURCE), "-o", str(folder / "pieces.so")], check=True)
    for name in ("auth", "users"):
        shutil.copy(next(pathlib.Path(BUILD).rglob(f"plugins/{name}.so")), folder)
    return folder


def started(folder, **limits):
    return Steward(plugins="auth, users, pieces",
                   options={"plugins": {"dir": str(folder)}, "limits": {"write_step": "1s", **limits},
                            "server": {"shutdown_timeout": "20s"}})


@pytest.fixture(scope="module", name="folder")
def folder_of_plugins(tmp_path_factory):
    return plugin_folder(tmp_path_factory.mktemp("plugins"))


@pytest.fixture(name="server")
def running_server(folder):
    with started(folder) as running:
        yield running


class Client:
    """A connection of its own, and what came by it."""

    def __init__(self, server, path, method="GET", version="1.1", head=""):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        self.data = b""
        self.socket.sendall(f"{method} /api/pieces/{path} HTTP/{version}\r\nHost: x\r\n{head}\r\n".encode())

    def until(self, end):
        while end not in self.data:
            more = self.socket.recv(65536)
            assert more, f"the connection ended before {end!r}: {self.data[-200:]!r}"
            self.data += more
        return self.data

    def to_the_end(self):
        while True:
            more = self.socket.recv(1 << 20)
            if not more:
                return self.data
            self.data += more

    def close(self):
        self.socket.close()


def unchunked(body):
    """The bytes of a chunked body, which must have its end."""
    out = b""
    while True:
        size, _, rest = body.partition(b"\r\n")
        if int(size, 16) == 0:
            assert rest == b"\r\n"
            return out
        out += rest[:int(size, 16)]
        assert rest[int(size, 16):][:2] == b"\r\n"
        body = rest[int(size, 16) + 2:]


def state(server):
    return server.get("/api/pieces/state", token=None).json()


def test_a_reply_comes_in_pieces_from_another_thread(server):
    answer = server.get("/api/pieces/download?bytes=3000&piece=700", token=None)
    assert answer.text == "x" * 3000
    assert answer.headers["Transfer-Encoding"] == "chunked" and answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Cache-Control"] == "no-store"
    eventually(lambda: state(server)["complete"] == 1)


def test_the_length_that_a_plugin_gives_itself_is_dropped_and_said_in_the_log(server):
    client = Client(server, "download?bytes=10")
    assert b"Content-Length" not in client.until(b"0\r\n\r\n")
    client.close()
    eventually(lambda: "the response header Content-Length is the server's own" in server.log())


def test_the_next_request_of_a_connection_waits_for_the_end_of_the_pieces(server):
    client = Client(server, "download?bytes=5")
    client.socket.sendall(b"GET /api/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    both = client.to_the_end()
    first, _, second = both.partition(b"0\r\n\r\n")
    assert first.endswith(b"5\r\nxxxxx\r\n") and second.startswith(b"HTTP/1.1 200 OK")
    client.close()


def test_a_client_of_http_1_0_gets_the_pieces_as_they_are_until_the_connection_ends(server):
    client = Client(server, "download?bytes=2000&piece=500", version="1.0")
    head, _, body = client.to_the_end().partition(b"\r\n\r\n")
    assert body == b"x" * 2000 and b"chunked" not in head and b"Connection: close" in head
    client.close()


def test_head_gets_the_head_alone(server):
    client = Client(server, "download?bytes=2000", method="HEAD", head="Connection: close\r\n")
    assert client.to_the_end().endswith(b"\r\n\r\n") and b"x" * 10 not in client.data
    client.close()
    eventually(lambda: state(server)["ended"] == 1)


def test_a_writer_waits_for_a_slow_client_and_nothing_is_lost(server):
    client = Client(server, f"download?bytes={16 << 20}&piece=65536", head="Connection: close\r\n")
    eventually(lambda: state(server)["ended"] == 0 and client.socket.recv(1, socket.MSG_PEEK))
    body = client.to_the_end().partition(b"\r\n\r\n")[2]
    assert len(unchunked(body)) == 16 << 20
    after = state(server)
    assert after["rooms"] > 0
    client.close()


def test_a_client_that_stops_reading_is_cut_off(folder):
    with started(folder, reply_stall="1s") as server:
        client = Client(server, f"download?bytes={16 << 20}&piece=65536")
        eventually(lambda: state(server)["ended"] == 1)
        assert state(server)["complete"] == 0
        client.close()


def test_events_reach_the_client_as_they_are_written(server):
    client = Client(server, "events")
    client.until(b": begun\n\n")
    assert b"text/event-stream" in client.data
    for i in range(5):
        assert server.post("/api/pieces/events", {"text": f"data: {i}\n\n"}, token=None).json() == {"status": 0}
        client.until(f"data: {i}\n\n".encode())
    assert server.post("/api/pieces/events", {"text": "x" * 5000}, token=None).json() == {"status": 7}, "longer than the queue"
    server.post("/api/pieces/events", {}, token=None)
    client.until(b"0\r\n\r\n")
    assert server.post("/api/pieces/events", {"text": "late"}, token=None).json() == {"status": 4}
    client.close()


@pytest.mark.parametrize("how", ["closes", "resets"])
def test_a_client_that_leaves_is_noticed_at_once(server, how):
    client = Client(server, "events")
    client.until(b": begun\n\n")
    if how == "resets":
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    eventually(lambda: state(server)["ended"] == 1)
    assert state(server)["complete"] == 0
    assert server.post("/api/pieces/events", {"text": "x"}, token=None).json() == {"status": 4}


def test_a_handler_that_fails_after_all_answers_with_its_failure(server):
    answer = server.get("/api/pieces/events?fail=1", token=None)
    assert answer.status_code == 409 and answer.json()["error"] == "not now"
    assert state(server)["ended"] == 1


def test_a_plugin_that_is_switched_off_ends_its_streams(server):
    client = Client(server, "events")
    client.until(b": begun\n\n")
    assert server.post("/api/plugins/pieces/disable", {}).status_code == 200
    assert not client.to_the_end().endswith(b"0\r\n\r\n"), "a cut is no end"
    client.close()


def waiting(server):
    client = Client(server, "wait")
    eventually(lambda: state(server)["waiting"])
    return client


def test_a_completion_carries_something_for_the_answer(server):
    client = waiting(server)
    assert server.post("/api/pieces/wait", {"text": "here it is"}, token=None).json() == {"open": True}
    client.until(b'{"text":"here it is"}')
    eventually(lambda: state(server)["freed"] == 1 and state(server)["request_ended"] == 1)
    assert server.post("/api/pieces/wait", {"text": "again"}, token=None).json() == {"open": False}
    client.close()


@pytest.mark.parametrize("how", ["closes", "resets", "shuts down its side"])
def test_a_client_that_does_not_wait_for_its_answer_is_noticed_at_once(server, how):
    client = waiting(server)
    if how == "resets":
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if how == "shuts down its side":
        client.socket.shutdown(socket.SHUT_WR)
    else:
        client.close()
    eventually(lambda: state(server)["request_ended"] == 1)
    assert server.post("/api/pieces/wait", {"text": "x"}, token=None).json() == {"open": False}
    assert state(server)["answered"] == 0
    eventually(lambda: " 499 " in server.log())
    client.close()


def test_requests_sent_behind_one_that_waits_are_answered_after_it(server):
    client = waiting(server)
    client.socket.sendall(b"GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    assert server.post("/api/pieces/wait", {"text": "first"}, token=None).json() == {"open": True}
    client.until(b'"first"')
    while client.data.count(b"HTTP/1.1 200 OK") < 4:
        client.data += client.socket.recv(65536)
    client.close()


def test_many_that_wait_and_leave_leave_nothing_behind(server):
    clients = [Client(server, "wait") for _ in range(200)]
    threads = [threading.Thread(target=client.close) for client in clients]
    eventually(lambda: state(server)["waiting"])
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: state(server)["request_ended"] == 200)


def test_a_stop_refuses_what_waits_and_cuts_what_streams(folder):
    with started(folder) as server:
        wait, events = waiting(server), Client(server, "events")
        events.until(b": begun\n\n")
        server.process.send_signal(signal.SIGTERM)
        assert wait.until(b"}").startswith(b"HTTP/1.1 503 ")
        assert not events.to_the_end().endswith(b"0\r\n\r\n")
        assert server.process.wait(20) == 0
        wait.close()
        events.close()


def test_a_plugin_that_hears_of_the_stop_ends_its_own_well(tmp_path):
    with started(plugin_folder(tmp_path, "-DWITH_DRAINING")) as server:
        wait, events = waiting(server), Client(server, "events")
        events.until(b": begun\n\n")
        server.process.send_signal(signal.SIGTERM)
        wait.until(b'{"text":"too late"}')
        assert events.to_the_end().endswith(b"data: bye\n\n\r\n0\r\n\r\n")
        assert server.process.wait(20) == 0
        wait.close()
        events.close()
