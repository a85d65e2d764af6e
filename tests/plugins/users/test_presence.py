"""Who is here, when somebody was last seen, and what an agent said last."""
import datetime
import sqlite3
import time

from support.sockets import Socket
from support.steward import eventually


def user(server, user_id):
    return next(u for u in server.get("/api/users").json() if u["id"] == user_id)


def status(server, user_id):
    return next(u for u in server.get("/api/users/agents/status").json() if u["id"] == user_id)


def seconds_ago(text):
    seen = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (datetime.datetime.now(datetime.timezone.utc) - seen).total_seconds()


def offline(server, user_id):
    return eventually(lambda: (lambda u: u if not u["online"] else None)(user(server, user_id)), what="offline")


def test_an_agent_comes_and_goes(server):
    agent_id, token = server.agent("walker")
    before = user(server, agent_id)
    assert (before["status"], before["online"]) == ("OFFLINE", False) and "last_seen_at" not in before
    assert before["last_report"] == status(server, agent_id)["last_report"] == "websocket_disconnected", "it never came"
    with Socket(server, token):
        here = user(server, agent_id)
        assert (here["status"], here["online"]) == ("ONLINE", True)
        assert here["last_report"] == "websocket_connected" and 0 <= seconds_ago(here["last_seen_at"]) < 10
        later = eventually(lambda: (u := user(server, agent_id))["last_seen_at"] > here["last_seen_at"] and u, what="time")
        assert seconds_ago(later["last_seen_at"]) < 10, "now, while connected"
        assert status(server, agent_id)["online"] is True
    gone = offline(server, agent_id)
    assert gone["last_report"] == "websocket_disconnected" and gone["status"] == "OFFLINE"
    eventually(lambda: user(server, agent_id).get("last_seen_at", "") > here["last_seen_at"], what="the note of the disconnect")
    first = user(server, agent_id)["last_seen_at"]
    time.sleep(0.3)
    assert user(server, agent_id)["last_seen_at"] == first


def test_one_open_socket_of_several_is_enough(server):
    agent_id, token = server.agent("double")
    first, second = Socket(server, token), Socket(server, token)
    first.close()
    time.sleep(0.2)
    assert user(server, agent_id)["online"] is True
    second.abort()
    offline(server, agent_id)


def test_the_latest_report_is_the_latest_log_line(server):
    agent_id, token = server.agent("reporter")
    with Socket(server, token) as socket:
        socket.send({"type": "SYSTEM_LOG", "payload": {"level": "INFO", "content": "first"}, "ack": True})
        socket.get("ACK")
        socket.send({"type": "SYSTEM_LOG", "payload": {"level": "INFO", "content": "ä" * 700}, "ack": True})
        socket.get("ACK")
        eventually(lambda: status(server, agent_id)["last_report"] == "ä" * 512, what="1 KiB of it")
        socket.send({"type": "SYSTEM_LOG", "payload": {"level": "INFO", "content": "x" + "名" * 400}, "ack": True})
        socket.get("ACK")
        eventually(lambda: status(server, agent_id)["last_report"] == "x" + "名" * 341, what="a cut between characters")
    gone = offline(server, agent_id)
    assert gone["last_report"] == "x" + "名" * 341


def test_humans_have_no_report(server):
    user_id, token = server.member("silent")
    with Socket(server, token):
        here = user(server, user_id)
        assert here["online"] is True and "last_seen_at" in here and "last_report" not in here
    assert "last_report" not in offline(server, user_id)


def test_last_seen_and_report_survive_a_restart(fresh):
    agent_id, token = fresh.agent("lasting")
    with Socket(fresh, token) as socket:
        socket.send({"type": "SYSTEM_LOG", "payload": {"content": "still there"}, "ack": True})
        socket.get("ACK")
    seen = offline(fresh, agent_id)["last_seen_at"]
    eventually(lambda: user(fresh, agent_id)["last_report"] == "still there")
    time.sleep(0.2)
    seen = user(fresh, agent_id)["last_seen_at"]
    fresh.restart()
    after = user(fresh, agent_id)
    assert after["last_seen_at"] == seen and after["last_report"] == "still there" and after["online"] is False


def test_a_crash_leaves_the_minute_that_was_noted(fresh):
    agent_id, token = fresh.agent("crashed")
    socket = Socket(fresh, token)
    connected = time.time()

    def noted():
        with sqlite3.connect(f"file:{fresh.database()}?mode=ro", uri=True) as db:
            row = db.execute("SELECT last_seen_ms FROM presence WHERE user_id = ?", (agent_id,)).fetchone()
        return row and row[0]

    at = eventually(noted, what="the first note")
    assert abs(at / 1000 - connected) < 5
    fresh.kill()
    socket.closed.wait(10)
    fresh.tokens.clear()
    fresh.start()
    after = user(fresh, agent_id)
    assert after["online"] is False and after["last_report"] == "websocket_disconnected"
    assert abs(seconds_ago(after["last_seen_at"]) - (time.time() - at / 1000)) < 1


def test_sockets_close_when_a_token_is_void(server):
    agent_id, token = server.agent("void")
    own = Socket(server, token)
    assert server.patch(f"/api/users/agents/{agent_id}/token", {"api_token": token}).status_code == 200
    time.sleep(0.2)
    assert not own.closed.is_set(), "its own current token closes nothing"
    new = server.patch(f"/api/users/agents/{agent_id}/token", {}).json()["api_token"]
    assert own.wait_closed() == 4003
    own = Socket(server, new)
    assert server.delete(f"/api/users/agents/{agent_id}").status_code == 204
    assert own.wait_closed() == 4003

    user_id, jwt = server.member("void-human")
    own = Socket(server, jwt)
    assert server.patch(f"/api/users/{user_id}", {"description": "x"}).status_code == 200
    time.sleep(0.2)
    assert not own.closed.is_set()
    assert server.patch(f"/api/users/{user_id}", {"role": "ADMIN"}).status_code == 200
    assert own.wait_closed() == 4003
