"""SYSTEM_LOG frames: what agents report, what humans see."""
import json

import pytest

from support.sockets import Socket


@pytest.fixture(scope="module")
def scout(server):
    return server.agent("scout")


def last(server):
    return server.get("/api/messages?limit=1").json()[0]


def test_a_report_is_stored_and_every_human_gets_the_whole_message(server, scout):
    agent_id, token = scout
    _, member = server.member("watcher")
    with Socket(server, server.admin()) as admin, Socket(server, server.admin()) as tab, Socket(server, member) as human, \
            Socket(server, token) as agent:
        agent.send({"type": "SYSTEM_LOG", "sender_name": "false", "payload": {"level": "warning", "content": "disk"}})
        frames = [s.get("SYSTEM_LOG") for s in (admin, tab, human)]
        stored = last(server)
        assert frames[0] == frames[1] == frames[2] == {
            "type": "SYSTEM_LOG", "sender_id": agent_id, "sender_name": "scout", "sender_role": "AGENT",
            "payload": stored, "timestamp": stored["timestamp"]}
        assert list(frames[0]) == ["type", "sender_id", "sender_name", "sender_role", "payload", "timestamp"]
        assert (stored["agent_id"], stored["level"], stored["content"]) == ("scout", "WARNING", "disk")
        assert agent.drain("m") == []
    listed = next(a for a in server.get("/api/users/agents").json() if a["id"] == agent_id)
    assert listed["last_report"] == "disk"


def test_a_post_is_seen_live_and_an_array_as_so_many_frames(server):
    with Socket(server, server.admin()) as admin:
        one = server.post("/api/messages", {"agent_id": "poster", "level": "error", "content": "x"}).json()
        frame = admin.get("SYSTEM_LOG")
        assert frame["payload"] == one and frame["timestamp"] == one["timestamp"]
        assert (frame["sender_id"], frame["sender_name"], frame["sender_role"]) == (1, "admin", "ADMIN")
        many = server.post("/api/messages", [{"agent_id": "p", "level": "INFO", "content": f"{i}"} for i in range(300)]).json()
        assert [admin.get("SYSTEM_LOG")["payload"] for _ in range(300)] == many


@pytest.mark.parametrize("payload,level", [
    ({"content": "c"}, "INFO"), ({"content": "c", "level": None}, "INFO"), ({"content": "c", "level": "debug"}, "DEBUG"),
    ('{"content": "c", "level": "Success", "other": [1]}', "SUCCESS")])
def test_payloads_that_are_taken(server, scout, payload, level):
    with Socket(server, scout[1]) as agent:
        agent.send({"type": "SYSTEM_LOG", "payload": payload, "ack": True})
        ack = agent.get("ACK")
        stored = last(server)
        assert ack["id"] == stored["id"] and ack["timestamp"] == stored["timestamp"]
        assert (stored["level"], stored["content"]) == (level, "c")


@pytest.mark.parametrize("payload", [
    None, 5, True, [], [{"content": "x"}], "text", "5", "[]", '"{}"', {}, {"content": ""}, {"content": 5},
    {"content": None}, {"content": ["x"]}, {"content": "x", "level": 5}, {"content": "x", "level": ""},
    {"content": "x", "level": "x" * 33}, {"content": "x", "level": {}}, '{"content": ""}', "{", "{}"])
def test_anything_else_is_an_error_and_reaches_nobody(server, scout, payload):
    with Socket(server, server.admin()) as admin, Socket(server, scout[1]) as agent:
        before = last(server) if server.get("/api/messages?limit=1").json() else None
        agent.send({"type": "SYSTEM_LOG", "payload": payload, "local_id": "bad", "ack": True})
        error = agent.get("ERROR")
        assert error["local_id"] == "bad" and error["payload"]["code"] == "invalid_frame", error
        assert agent.drain("m") == []
        assert admin.drain("m") == []
        assert (server.get("/api/messages?limit=1").json() or [None])[0] == before


@pytest.mark.parametrize("payload", ['{"level":"INFO","content":"build ok \\ud83c"}',
                                     json.dumps('{"level":"INFO","content":"build ok \\ud83c"}')])
def test_a_report_with_half_a_character_is_kept_with_u_fffd(server, scout, payload):
    with Socket(server, server.admin()) as admin, Socket(server, scout[1]) as agent:
        agent.send(f'{{"type":"SYSTEM_LOG","ack":true,"payload":{payload}}}')
        assert agent.get("ACK")["id"] == last(server)["id"]
        assert admin.get("SYSTEM_LOG")["payload"]["content"] == last(server)["content"] == "build ok \ufffd"


def test_a_report_that_is_refused_says_why(server, scout):
    with Socket(server, scout[1]) as agent:
        agent.send('{"type":"SYSTEM_LOG","payload":{"content":"x","content":"y"}}')
        assert agent.get("ERROR")["payload"] == {"code": "bad_json", "error": "a member stands twice in one object"}
        agent.send({"type": "SYSTEM_LOG", "payload": '{"content":"x","content":"y"}'})
        assert "a string that is not one valid JSON object" in agent.get("ERROR")["payload"]["error"]
        agent.send({"type": "SYSTEM_LOG", "payload": [1]})
        assert "payload must be an object" in agent.get("ERROR")["payload"]["error"]


def test_content_up_to_the_limit_of_a_payload(server, scout):
    with Socket(server, scout[1]) as agent:
        agent.send({"type": "SYSTEM_LOG", "payload": {"content": "x" * 65000}, "ack": True})
        assert agent.get("ACK")["id"] == last(server)["id"]
        agent.send({"type": "SYSTEM_LOG", "payload": {"content": "x" * 65537}})
        assert agent.get("ERROR")["payload"]["code"] == "payload_too_large"
        inner = json.dumps({"content": "y" * 65400})
        agent.send({"type": "SYSTEM_LOG", "payload": inner, "ack": True})
        agent.get("ACK")
        assert last(server)["content"] == "y" * 65400


def test_humans_may_not_report(server):
    with Socket(server, server.admin()) as admin:
        admin.send({"type": "SYSTEM_LOG", "payload": {"content": "x"}})
        assert admin.get("ERROR")["payload"]["code"] == "not_allowed"


def test_butler_reports_under_its_name(server):
    with Socket(server, server.butler_token()) as butler:
        butler.send({"type": "SYSTEM_LOG", "payload": {"content": "from Butler"}, "ack": True})
        butler.get("ACK")
    assert last(server)["agent_id"] == "Butler"


def test_a_repeat_is_the_same_message(server, scout):
    frame = {"type": "SYSTEM_LOG", "local_id": "r1", "ack": True, "payload": {"content": "repeat"}}
    with Socket(server, server.admin()) as admin:
        with Socket(server, scout[1]) as agent:
            agent.send(frame)
            first = agent.get("ACK")
            agent.send(frame)
            again = agent.get("ACK")
            assert again["id"] == first["id"] and again["timestamp"] == first["timestamp"]
            agent.send({**frame, "payload": {"content": "other"}})
            assert agent.get("ERROR")["payload"]["code"] == "local_id_reused"
        assert len([f for f in admin.drain("m") if f["type"] == "SYSTEM_LOG"]) == 1
        with Socket(server, scout[1]) as agent:
            agent.send(frame)
            assert agent.get("ACK")["id"] == first["id"]
            agent.send({**frame, "payload": {"content": "a new run"}})
            assert agent.get("ACK")["id"] == first["id"] + 1
        frames = [f for f in admin.drain("m2") if f["type"] == "SYSTEM_LOG"]
        assert [f["payload"]["content"] for f in frames] == ["a new run"]


def test_reports_keep_their_order(server, scout):
    with Socket(server, server.admin()) as admin, Socket(server, scout[1]) as agent:
        for i in range(300):
            agent.send({"type": "SYSTEM_LOG", "payload": {"content": f"n{i}"}})
        got = [admin.get("SYSTEM_LOG")["payload"] for _ in range(300)]
        assert [m["content"] for m in got] == [f"n{i}" for i in range(300)]
        assert [m["id"] for m in got] == list(range(got[0]["id"], got[0]["id"] + 300))
