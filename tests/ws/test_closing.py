"""Why the server closes a socket, with which code, and when."""
import os
import threading
import time

import pytest
from raw import CLOSE, Raw, frame
from support.steward import Steward, eventually


def test_a_rotated_token_closes_its_sockets_with_4003(server):
    agent_id, token = server.agent("rotated")
    with Raw(server, token) as one, Raw(server, token) as two, Raw(server, server.agent_token) as other:
        assert server.patch(f"/api/users/agents/{agent_id}/token", {}).status_code == 200
        assert one.wait_close()[0] == 4003 and two.wait_close()[0] == 4003
        other.send({"type": "none", "local_id": "open"})
        assert other.json()["local_id"] == "open"


def test_a_removed_user_is_closed_with_4003(server):
    agent_id, token = server.agent("removed")
    with Raw(server, token) as agent:
        assert server.delete(f"/api/users/agents/{agent_id}").status_code == 204
        assert agent.wait_close()[0] == 4003
        assert agent.ended(2)


def test_a_new_password_closes_the_users_sockets(server):
    user_id, token = server.member("changing")
    with Raw(server, token) as page:
        assert server.patch(f"/api/users/{user_id}", {"password": "another password"}).status_code == 200
        assert page.wait_close()[0] == 4003


def test_no_frame_is_accepted_once_the_change_has_answered(server):
    """Frames sent after the answer, while the close frame is on its way: none is stored."""
    for attempt in range(10):
        agent_id, token = server.agent(f"hasty{attempt}")
        with Raw(server, token) as agent:
            agent.send({"type": "CHAT", "target_id": 1, "payload": "before", "ack": True})
            assert agent.json()["type"] == "ACK"
            stop = threading.Event()
            changed = threading.Event()

            def hammer():
                while not stop.is_set():
                    text = "late" if changed.is_set() else "early"
                    try:
                        agent.send({"type": "CHAT", "target_id": 1, "payload": text})
                    except OSError:
                        return

            thread = threading.Thread(target=hammer)
            thread.start()
            assert server.patch(f"/api/users/agents/{agent_id}/token", {}).status_code == 200
            changed.set()
            time.sleep(0.05)
            stop.set()
            thread.join()
        rows = server.get(f"/api/chat/history/{agent_id}?limit=500").json()
        assert rows and "late" not in {row["payload"] for row in rows}


def test_a_jwt_socket_closes_at_its_expiry():
    with Steward(options={"auth": {"token_lifetime": "3s"}}) as server:
        began = time.time()
        with Raw(server, server.login()) as page:
            assert page.wait_close() == (4001, "token expired")
            assert 1.5 < time.time() - began < 6


def test_an_api_token_has_no_expiry():
    with Steward(options={"auth": {"token_lifetime": "3s"}}) as server:
        _, token = server.agent("lasting")
        login = server.login()
        with Raw(server, token) as agent:
            eventually(lambda: server.get("/api/users/butler", token=login).status_code == 401, what="the expiry of others")
            agent.send({"type": "none", "local_id": "open"})
            assert agent.json()["local_id"] == "open"


def test_a_peer_that_does_not_answer_the_close_is_cut_after_five_seconds(server):
    agent_id, token = server.agent("silent")
    with Raw(server, token) as agent:
        server.patch(f"/api/users/agents/{agent_id}/token", {})
        assert agent.wait_close(answer=False)[0] == 4003
        began = time.monotonic()
        assert agent.ended(10)
        assert 3.5 < time.monotonic() - began < 8


def test_at_shutdown_every_socket_hears_it_and_is_closed_with_1001():
    with Steward() as server:
        _, token = server.agent("listener")
        with Raw(server, token) as agent, Raw(server, server.admin(), query="&hello=1") as page:
            assert page.json()["type"] == "HELLO"
            agent.send({"type": "CHAT", "target_id": 1, "payload": "x", "ack": True})
            agent.json("ACK")
            stopper = threading.Thread(target=server.stop)
            stopper.start()
            for raw in (agent, page):
                told = raw.json("SHUTDOWN")
                assert isinstance(told["payload"]["restart_expected_ms"], int) and told["timestamp"]
                assert raw.wait_close()[0] == 1001
            stopper.join()


def test_sockets_that_do_not_answer_hold_the_shutdown_for_seconds_only():
    with Steward() as server:
        _, token = server.agent("listener")
        with Raw(server, token), Raw(server, token, rcvbuf=4096):
            began = time.monotonic()
            server.stop()
            assert time.monotonic() - began < 20


def test_presence_follows_the_sockets(server):
    user_id, token = server.agent("present")

    def online():
        return next(u for u in server.get("/api/users/agents").json() if u["id"] == user_id)["online"]

    assert online() is False
    with Raw(server, token) as one:
        assert online() is True
        two = Raw(server, token)
        two.abort()
        time.sleep(0.2)
        assert online() is True
        one.send(frame(b"\x03\xe8", CLOSE))
        assert one.wait_close()[0] == 1000
        eventually(lambda: online() is False, 5)


def test_thousands_of_connections_leave_nothing_behind(server):
    """Sockets that come and go, politely or not: memory and descriptors come back."""
    def descriptors():
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))
    before = descriptors()
    for _ in range(20):
        raws = [Raw(server, server.agent_token) for _ in range(100)]
        for i, raw in enumerate(raws):
            if i % 3 == 0:
                raw.abort()
            elif i % 3 == 1:
                raw.send(frame(b"\x03\xe8", CLOSE))
                raw.close()
            else:
                raw.close()
    eventually(lambda: descriptors() <= before + 5, 15, "the descriptors to be closed")
