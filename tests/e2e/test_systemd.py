"""What a service manager and the server tell one another: readiness, the watchdog, sockets that are passed on."""
import os
import socket
import sys

import pytest
import requests
from support.steward import ROOT, Steward

# Becomes the server with a listening socket as file 3, as systemd.socket(5) does; writes its port to the first argument.
PASS_SOCKET = """
import os, socket, sys
listener = socket.create_server((sys.argv[2], 0), family=socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET)
with open(sys.argv[1], "w") as out:
    out.write(str(listener.getsockname()[1]))
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)  # dup2 of 3 to 3 changes nothing
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid() + int(sys.argv[3])))
os.execv(sys.argv[4], sys.argv[4:])
"""


@pytest.fixture
def notifications(tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(30)
        yield path, lambda: listener.recv(1000)


def test_it_says_when_it_is_ready_and_when_it_stops(notifications):
    path, hear = notifications
    with Steward(env={"NOTIFY_SOCKET": path}, plugins="auth, users") as server:
        assert hear() == b"READY=1"
        server.stop()
        assert hear() == b"STOPPING=1"


def test_it_feeds_the_watchdog_as_often_as_it_was_asked_to(notifications):
    path, hear = notifications
    with Steward(env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"}, plugins="auth, users"):
        assert [hear(), hear(), hear()] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]


def passed(tmp_path, address="127.0.0.1", pid_offset=0, **more):
    wrapper = [sys.executable, "-c", PASS_SOCKET, str(tmp_path / "port"), address, str(pid_offset)]
    return Steward(wrapper=wrapper, plugins="auth, users", options={"server": {"port": "0", "loops": "4", **more}})


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_it_serves_on_a_socket_that_is_passed_to_it(tmp_path, address):
    with passed(tmp_path, address) as server:
        port = int((tmp_path / "port").read_text())
        assert server.port == port
        host = f"[{address}]" if ":" in address else address
        for _ in range(40):  # every loop accepts from it
            assert requests.get(f"http://{host}:{port}/api/ping", timeout=30).json() == {"message": "pong"}


def test_a_socket_passed_to_another_process_is_not_taken(tmp_path):
    with passed(tmp_path, pid_offset=1) as server:
        assert server.port != int((tmp_path / "port").read_text())
        assert server.get("/api/ping").status_code == 200


def test_the_unit_makes_no_core_dumps_that_would_hold_secrets():
    with open(os.path.join(ROOT, "packaging/systemd/steward.service"), encoding="utf-8") as unit:
        assert "LimitCORE=0" in unit.read().splitlines()
