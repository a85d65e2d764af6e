"""(sender, local_id) within a day: the same frame again is the same message."""
import sqlite3

import pytest
from support.sockets import Socket
from support.steward import Steward


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        server.agent_id, server.agent_token = server.agent("scout")
        server.butler = server.butler_token()
        yield server


def send(socket, payload, local_id, target, **more):
    socket.send({"type": "CHAT", "local_id": local_id, "ack": True, "target_id": target, "payload": payload, **more})
    while True:
        frame = socket.get()
        if frame["type"] in ("ACK", "ERROR"):
            return frame


def test_a_repeat_is_acknowledged_with_the_first_id_and_echoed_to_its_socket_alone(house):
    with Socket(house, house.admin()) as one, Socket(house, house.admin()) as two, \
            Socket(house, house.agent_token) as agent:
        one.send({"type": "CHAT", "local_id": "r1", "ack": True, "target_id": house.agent_id, "payload": "once"})
        first, ack = one.get("CHAT"), one.get("ACK")
        assert two.get("CHAT") == first == agent.get("CHAT")
        two.send({"type": "CHAT", "local_id": "r1", "ack": True, "target_id": house.agent_id, "payload": "once"})
        assert two.get("CHAT") == first and two.get("ACK") == ack
        assert one.drain("q") == [] and agent.drain("q") == []
        # The conversation that the server had chosen may be named; the payload may not be spelled otherwise.
        again = send(two, "once", "r1", house.agent_id, conversation_id=first["conversation_id"])
        assert again["id"] == first["id"]


def test_another_content_is_a_mistake_while_the_socket_lives(house):
    thread = house.post("/api/chat/threads", {"peer_id": house.agent_id, "channel_kind": "agent_direct"}).json()["id"]
    with Socket(house, house.admin()) as admin:
        first = send(admin, "a", "r2", house.agent_id)
        for other in ({"payload": "b"}, {"target": 2}, {"conversation_id": thread}):
            body = {"payload": "a", "target": house.agent_id, **other}
            refused = send(admin, body.pop("payload"), "r2", body.pop("target"), **body)
            assert refused["payload"]["code"] == "local_id_reused" and refused["local_id"] == "r2"
        assert send(admin, "a", "r2", house.agent_id)["id"] == first["id"]


def test_an_agent_that_counts_anew_in_every_run_is_heard(house):
    for run in range(3):
        with Socket(house, house.agent_token) as agent:
            ids = [send(agent, f"run {run} line {n}", str(n), 1)["id"] for n in range(3)]
            assert send(agent, f"run {run} line 1", "1", 1)["id"] == ids[1]
            assert send(agent, "other", "1", 1)["payload"]["code"] == "local_id_reused"
    with Socket(house, house.agent_token) as agent:
        assert send(agent, "run 0 line 1", "1", 1)["id"] == ids[1] - 6


def test_senders_do_not_share_local_ids_and_no_local_id_is_never_a_repeat(house):
    with Socket(house, house.admin()) as admin, Socket(house, house.butler) as butler:
        mine, its = send(admin, "same", "shared", house.agent_id), send(butler, "same", "shared", house.agent_id)
        assert mine["id"] != its["id"]
        for _ in range(2):
            admin.send({"type": "CHAT", "target_id": house.agent_id, "payload": "no number"})
        assert admin.get("CHAT")["id"] != admin.get("CHAT")["id"]


def test_a_question_to_the_same_action_and_a_repeated_local_id_ask_once(house):
    ask = {"type": "AUTH_REQUEST", "local_id": "ask-1", "ack": True,
           "payload": {"target_agent_id": house.agent_id, "command": "ls", "reason": "look"}}
    with Socket(house, house.admin()) as admin, Socket(house, house.butler) as butler:
        butler.send(ask)
        card, first = admin.get("AUTH_REQUEST"), butler.get("ACK")
        assert card["id"] == first["id"]
        butler.send(ask)
        assert butler.get("ACK") == first
        butler.send({**ask, "payload": {**ask["payload"], "command": "rm"}})
        assert butler.get("ERROR")["payload"]["code"] == "local_id_reused"
        assert admin.drain("q") == []


def test_after_a_day_a_local_id_is_free_again(house):
    with Socket(house, house.agent_token) as agent:
        first = send(agent, "yesterday", "old", 1)
    house.stop()
    with sqlite3.connect(house.database()) as db:
        db.execute("UPDATE chat SET at_ms = at_ms - 86400001 WHERE id = ?", (first["id"],))
    db.close()
    house.tokens.clear()
    house.start()
    with Socket(house, house.agent_token) as agent:
        again = send(agent, "yesterday", "old", 1)
        assert again["id"] > first["id"]
        assert send(agent, "yesterday", "old", 1)["id"] == again["id"]
    house.restart()
    with Socket(house, house.agent_token) as agent:
        assert send(agent, "yesterday", "old", 1)["id"] == again["id"]
