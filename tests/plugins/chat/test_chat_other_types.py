"""What agents say to everybody, and in types of their own, as those do that were written for EchoCenter."""
import json

import pytest
import websocket
from support.approvals import ask, furnish
from support.sockets import Socket, everything
from support.steward import Steward

OWN_TYPES = ["WEATHER_UPDATE", "CODE_REVIEW", "SECURITY_ALERT", "X", "A1__", "T" * 64]
NOT_THEIRS = ["AUTH_STATUS_UPDATE", "BUTLER_AGENT_MESSAGE", "SYSTEM", "SYSTEM_LOG", "USER_STATUS_UPDATE", "HELLO", "ERROR",
              "SHUTDOWN", "ACK", "AUTH_REQUEST", "AUTH_RESPONSE"]
UNFORMED = ["weather_update", "Weather", "_X", "1X", "X-Y", "X Y", "*", "X.Y", "ÄX", "X\u200b", "T" * 65]


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        furnish(server)
        server.other_id, server.other_token = server.agent("other")
        yield server


def code(socket, frame):
    socket.send(frame)
    return socket.get("ERROR")["payload"]["code"]


def last_id(house):
    rows = house.get("/api/chat/updates?limit=500", token=house.mia).json()
    return rows[-1]["id"] if rows else 0


def test_what_an_agent_says_without_a_target_goes_to_every_human_and_is_there_after_a_reconnect(house):
    since = last_id(house)
    live = websocket.create_connection(f"{house.ws_url}?token={house.mia}", timeout=20)
    with Socket(house, house.agent_token) as agent, Socket(house, house.other_token) as other, \
            Socket(house, house.butler) as butler, Socket(house, house.admin()) as admin:
        agent.send({"type": "CHAT", "local_id": "b", "ack": True, "payload": {"sky": 1.10}, "target_id": 0})
        text = live.recv()
        heard = json.loads(text)
        assert heard == admin.get("CHAT") and '"payload":{"sky": 1.1}' in text
        assert heard["sender_id"] == house.agent_id and "target_id" not in heard and "conversation_id" not in heard
        assert agent.get("ACK")["id"] == heard["id"]
        agent.send({"type": "CHAT", "local_id": "b", "ack": True, "payload": {"sky": 1.10}, "target_id": 0})
        assert agent.get("ACK")["id"] == heard["id"], "the same again is the same"
        for kind in ("CHAT_STREAM", "CHAT_STREAM_END"):
            agent.send({"type": kind, "payload": "piece", "stream_id": "s"})
            assert json.loads(live.recv()) == admin.get(kind)
        for deaf in (agent, other, butler):
            assert deaf.drain("q") == [], "only humans hear it"
        assert code(agent, {"type": "CHAT", "payload": "x", "conversation_id": 1}) == "invalid_conversation"
    live.close()
    again = websocket.create_connection(f"{house.ws_url}?token={house.mia}&since_id={since}", timeout=20)
    assert json.loads(again.recv())["type"] == "HELLO" and again.recv() == text
    again.close()
    row = [r for r in house.get("/api/chat/updates?limit=500", token=house.bob).json() if r["id"] == heard["id"]][0]
    assert row["receiver_id"] == row["target_id"] == 0 and row["sender_name"] == "worker"
    for token in ("admin", house.mia):
        history = house.get(f"/api/chat/history/{house.agent_id}?limit=500", token=token).json()
        assert heard["id"] not in [r["id"] for r in history]
    for token in (house.agent_token, house.other_token, house.butler):
        with Socket(house, token, f"&since_id={since}") as silent:
            assert heard["id"] not in [f.get("id") for f in everything(silent)], "what was for humans alone"
        assert heard["id"] not in [r["id"] for r in house.get("/api/chat/updates?limit=500", token=token).json()]


@pytest.mark.parametrize("kind", OWN_TYPES)
def test_a_type_of_an_agents_own_is_passed_on_and_not_stored(house, kind):
    before = last_id(house)
    with Socket(house, house.agent_token) as agent, Socket(house, house.other_token) as other, \
            Socket(house, house.butler) as butler, Socket(house, house.admin()) as admin, Socket(house, house.mia) as mia:
        for sender, name in ((agent, "worker"), (butler, "Butler")):
            sender.send({"type": kind, "local_id": "l", "ack": True, "payload": {"at": [1.10, "x"]}, "stream_id": "s",
                         "sender_id": 1, "sender_role": "ADMIN", "id": 7, "source": {}, "evil": 1})
            heard = admin.get()
            assert heard == mia.get() and heard["type"] == kind and heard["sender_name"] == name
            assert list(heard) == ["type", "local_id", "sender_id", "sender_name", "sender_role", "payload", "timestamp",
                                   "stream_id"]
            ack = sender.get("ACK")
            assert ack["local_id"] == "l" and "id" not in ack
        agent.send({"type": kind, "target_id": house.mia_id, "payload": None})
        heard = mia.get()
        assert heard["type"] == kind and heard["target_id"] == house.mia_id and heard["payload"] is None
        agent.send({"type": kind, "target_id": 2})
        assert butler.get()["type"] == kind
        butler.send({"type": kind, "target_id": house.other_id, "payload": "do"})
        assert other.get()["payload"] == "do"
        for quiet in (admin, mia, other, agent, butler):
            assert quiet.drain("q") == []
    assert last_id(house) == before
    assert house.get("/api/chat/threads", token=house.mia).json() == [], "and makes no thread"


def test_such_a_type_keeps_to_who_may_write_to_whom(house):
    with Socket(house, house.agent_token) as agent, Socket(house, house.butler) as butler:
        for target, wanted in ((house.other_id, "not_allowed"), (house.agent_id, "not_allowed"), (4711, "unknown_target"),
                               (-1, "unknown_target")):
            assert code(agent, {"type": "NEWS", "target_id": target, "payload": "x"}) == wanted
        assert code(butler, {"type": "NEWS", "target_id": 2, "payload": "x"}) == "not_allowed"
        for target in (house.mia_id, 0):
            assert code(agent, {"type": "NEWS", "target_id": target, "conversation_id": 424242}) == "invalid_conversation"


def test_such_a_type_keeps_its_place_among_the_stored_frames(house):
    with Socket(house, house.agent_token) as agent, Socket(house, house.bob) as bob:
        agent.send({"type": "CHAT", "target_id": house.bob_id, "payload": "makes the thread"})
        thread = bob.get("CHAT")["conversation_id"]
        kinds = ["CHAT", "NEWS", "CHAT_STREAM", "NEWS", "NEWS"] * 40
        for n, kind in enumerate(kinds):
            agent.send({"type": kind, "target_id": house.bob_id, "payload": n})
        got = [bob.get() for _ in kinds]
        assert [(f["type"], f["payload"]) for f in got] == [(k, n) for n, k in enumerate(kinds)]
        assert {f["conversation_id"] for f in got} == {thread}


def test_no_agent_speaks_in_a_type_that_is_somebody_elses(house):
    ask(house, "imitated")
    with Socket(house, house.agent_token) as agent, Socket(house, house.admin()) as admin:
        for kind in NOT_THEIRS:
            said = {"type": kind, "payload": {"action_id": "imitated", "status": "APPROVED", "level": "x"}}
            wanted = {"SYSTEM_LOG": "invalid_frame", "AUTH_REQUEST": "invalid_frame", "ACK": "unknown_action",
                      "AUTH_RESPONSE": "not_allowed"}.get(kind, "unknown_type")
            assert code(agent, said) == wanted, kind
        assert admin.drain("q") == []


def test_a_type_of_another_form_or_of_a_human_is_unknown(house):
    with Socket(house, house.agent_token) as agent, Socket(house, house.admin()) as admin:
        for kind in UNFORMED:
            assert code(agent, {"type": kind, "payload": "x"}) == "unknown_type"
        for kind in OWN_TYPES:
            assert code(admin, {"type": kind, "payload": "x"}) == "unknown_type"


def test_without_the_plugin_that_makes_log_lines_nobody_imitates_them():
    with Steward(plugins="auth, users, chat") as server:
        _, token = server.agent("alone")
        with Socket(server, token) as agent, Socket(server, server.admin()) as admin:
            assert code(agent, {"type": "SYSTEM_LOG", "payload": {"level": "INFO", "content": {}}}) == "unknown_type"
            agent.send({"type": "NEWS", "payload": 1})
            assert admin.get()["type"] == "NEWS"


def test_both_can_be_switched_off():
    with Steward(options={"plugin:chat": {"agent_broadcast": "false", "relay_unknown": "false"}}) as server:
        _, token = server.agent("quiet")
        with Socket(server, token) as agent, Socket(server, server.admin()) as admin:
            for kind in ("CHAT", "CHAT_STREAM", "CHAT_STREAM_END"):
                assert code(agent, {"type": kind, "payload": "x"}) == "target_required"
            assert code(agent, {"type": "NEWS", "payload": "x"}) == "unknown_type"
            assert code(agent, {"type": "NEWS", "payload": "x", "target_id": 1}) == "unknown_type"
            assert admin.drain("q") == []
            server.options["plugin:chat"] = {"agent_broadcast": "true", "relay_unknown": "false"}
            server.reload()
            agent.send({"type": "CHAT", "payload": "hello"})
            assert admin.get("CHAT")["payload"] == "hello"
            assert code(agent, {"type": "NEWS", "payload": "x"}) == "unknown_type"
            server.options["plugin:chat"] = {"agent_broadcast": "false", "relay_unknown": "true"}
            server.reload()
            assert code(agent, {"type": "CHAT", "payload": "x"}) == "target_required"
            assert code(agent, {"type": "NEWS", "payload": "x"}) == "target_required"
            agent.send({"type": "NEWS", "payload": "x", "target_id": 1})
            assert admin.get()["type"] == "NEWS"
