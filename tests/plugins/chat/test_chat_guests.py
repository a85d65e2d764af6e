"""In whose thread an agent may write: its own, and one in which Butler wrote to it."""
import sqlite3

import pytest
from support.sockets import Socket
from support.steward import Steward


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        server.agent_id, server.agent_token = server.agent("scout")
        server.other_id, server.other_token = server.agent("other")
        server.butler = server.butler_token()
        server.mia_id, server.mia = server.member("mia", "mia's password")
        yield server


KINDS = ("CHAT", "CHAT_STREAM", "CHAT_STREAM_END", "NEWS")


def refused(socket, frame):
    socket.send(frame)
    return socket.get("ERROR")["payload"]["code"]


def make(house, peer=2, token=None):
    body = {"peer_id": peer, "channel_kind": "butler_direct" if peer == 2 else "agent_direct"}
    return house.post("/api/chat/threads", body, token=token or house.mia).json()["id"]


def said(house, thread):
    return [r["payload"] for r in house.get(f"/api/chat/threads/{thread}/messages", token=house.mia).json()]


def test_an_agent_writes_into_no_thread_with_butler_that_it_only_guesses(house):
    thread = make(house)
    with Socket(house, house.agent_token) as agent, Socket(house, house.butler) as butler, Socket(house, house.mia) as mia:
        for round_number in range(2):
            for kind in KINDS:
                assert refused(agent, {"type": kind, "target_id": 2, "conversation_id": thread,
                                       "payload": "guessed"}) == "invalid_conversation", (kind, round_number)
            mia.send({"type": "CHAT", "target_id": 2, "conversation_id": thread, "payload": "mine"})
            assert butler.get("CHAT")["payload"] == "mine"
        butler.send({"type": "CHAT", "target_id": house.other_id, "conversation_id": thread, "payload": "to another"})
        butler.send({"type": "CHAT", "target_id": house.agent_id, "payload": "elsewhere"})
        agent.get("CHAT")
        for kind in KINDS:
            assert refused(agent, {"type": kind, "target_id": 2, "conversation_id": thread,
                                   "payload": "guessed"}) == "invalid_conversation"
    answer = house.post("/api/dev/mock/chat", {"sender_username": "scout", "receiver_username": "Butler",
                                               "content": "guessed", "conversation_id": thread})
    assert answer.status_code == 400
    assert said(house, thread) == ["mine", "mine", "to another"]


@pytest.mark.parametrize("kind", ["CHAT", "CHAT_STREAM", "CHAT_STREAM_END", "question"])
def test_whom_butler_wrote_to_there_answers_there(house, kind):
    thread = make(house)
    asked = {"type": "CHAT", "payload": "[RUNTIME-QUESTION] how?"} if kind == "question" else {"type": kind, "payload": "do"}
    with Socket(house, house.agent_token) as agent, Socket(house, house.butler) as butler:
        assert refused(agent, {"type": "CHAT", "target_id": 2, "conversation_id": thread,
                               "payload": "x"}) == "invalid_conversation"
        for _ in range(2):
            butler.send({**asked, "target_id": house.agent_id, "conversation_id": thread})
            assert agent.get(asked["type"])["conversation_id"] == thread
        for answer in KINDS:
            agent.send({"type": answer, "target_id": 2, "conversation_id": thread, "payload": "done"})
            assert butler.get(answer)["conversation_id"] == thread
        assert refused(agent, {"type": "CHAT", "target_id": house.mia_id, "conversation_id": thread,
                               "payload": "x"}) == "invalid_conversation", "only to Butler"
    house.restart()
    house.mia = house.login("mia", "mia's password")
    with Socket(house, house.agent_token) as agent, Socket(house, house.butler) as butler:
        for answer in reversed(KINDS):
            agent.send({"type": answer, "target_id": 2, "conversation_id": thread, "payload": "later"})
            assert butler.get(answer)["payload"] == "later"


def test_an_agents_own_thread_is_its_own(house):
    thread = make(house, house.agent_id)
    with Socket(house, house.agent_token) as agent, Socket(house, house.butler) as butler, Socket(house, house.mia) as mia:
        for kind in KINDS:
            agent.send({"type": kind, "target_id": 2, "conversation_id": thread, "payload": "x"})
            assert butler.get(kind)["conversation_id"] == thread
            agent.send({"type": kind, "target_id": house.mia_id, "conversation_id": thread, "payload": "x"})
            assert mia.get(kind)["conversation_id"] == thread
            butler.send({"type": kind, "target_id": house.agent_id, "conversation_id": thread, "payload": "x"})
            assert agent.get(kind)["conversation_id"] == thread
    with Socket(house, house.other_token) as other:
        for kind in KINDS:
            assert refused(other, {"type": kind, "target_id": 2, "conversation_id": thread,
                                   "payload": "x"}) == "invalid_conversation"


def test_an_agent_guesses_no_thread_of_another_agent_either():
    with Steward(options={"plugin:chat": {"allow_agent_to_agent": "true"}}) as house:
        house.agent_id, house.agent_token = house.agent("scout")
        house.other_id, house.other_token = house.agent("other")
        house.mia_id, house.mia = house.member("mia", "mia's password")
        thread = make(house, house.other_id)
        with Socket(house, house.agent_token) as agent, Socket(house, house.other_token) as other:
            for kind in KINDS:
                assert refused(agent, {"type": kind, "target_id": house.other_id, "conversation_id": thread,
                                       "payload": "x"}) == "invalid_conversation"
            other.send({"type": "CHAT", "target_id": house.agent_id, "conversation_id": thread, "payload": "help"})
            assert agent.get("CHAT")["conversation_id"] == thread
            for kind in KINDS:
                agent.send({"type": kind, "target_id": house.other_id, "conversation_id": thread, "payload": "x"})
                assert other.get(kind)["conversation_id"] == thread


def test_what_butler_wrote_before_the_upgrade_counts(house):
    thread, unasked = make(house), make(house)
    with Socket(house, house.agent_token) as agent, Socket(house, house.butler) as butler:
        butler.send({"type": "CHAT", "target_id": house.agent_id, "conversation_id": thread, "payload": "do"})
        agent.get("CHAT")
    house.stop()
    with sqlite3.connect(house.database()) as db:  # as the store was before threads had guests
        db.execute("DROP TABLE chat_guests")
        db.execute("DELETE FROM steward_migrations WHERE plugin = 'chat' AND name LIKE '%guests%'")
    db.close()
    house.tokens.clear()
    house.start()
    with Socket(house, house.agent_token) as agent, Socket(house, house.butler) as butler:
        agent.send({"type": "CHAT", "target_id": 2, "conversation_id": thread, "payload": "done"})
        assert butler.get("CHAT")["payload"] == "done"
        assert refused(agent, {"type": "CHAT", "target_id": 2, "conversation_id": unasked,
                               "payload": "x"}) == "invalid_conversation"
