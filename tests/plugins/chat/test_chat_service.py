"""The service chat/1 through dev-mock, and what a reset leaves."""
import pytest
from support.sockets import Socket
from support.steward import Steward


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        server.agent_id, server.agent_token = server.agent("scout")
        server.butler = server.butler_token()
        yield server


def post(house, sender, receiver, content, **more):
    return house.post("/api/dev/mock/chat", {"sender_username": sender, "receiver_username": receiver, "content": content,
                                             **more})


def test_a_posted_chat_is_as_if_its_sender_had_sent_the_frame(house):
    with Socket(house, house.admin()) as admin, Socket(house, house.agent_token) as agent:
        made = post(house, "admin", "scout", "hello")
        assert made.status_code == 201
        heard = agent.get("CHAT")
        assert heard == admin.get("CHAT") and heard["id"] == made.json()["id"] and heard["payload"] == "hello"
        thread = [t for t in house.get("/api/chat/threads").json() if t["is_default"]][0]["id"]
        assert heard["conversation_id"] == thread
        post(house, "scout", "admin", "hi")
        assert admin.get("CHAT")["conversation_id"] == thread
        post(house, "Butler", "scout", "work")
        assert admin.get("BUTLER_AGENT_MESSAGE")["payload"]["payload"] == "work"
        assert agent.get("CHAT")["sender_role"] == "BUTLER"
    first = post(house, "admin", "scout", "once", local_id="svc").json()["id"]
    assert post(house, "admin", "scout", "once", local_id="svc").json()["id"] == first
    assert post(house, "admin", "scout", "other", local_id="svc").json()["id"] > first
    assert post(house, "admin", "scout", "x", conversation_id=4242).status_code == 400
    assert post(house, "scout", "scout", "x").status_code in (400, 403)


def test_a_reset_forgets_everything(house):
    with Socket(house, house.butler) as butler, Socket(house, house.admin()) as admin:
        butler.send({"type": "AUTH_REQUEST", "ack": True, "payload": {
            "action_id": "gone", "target_agent_id": house.agent_id, "command": "ls", "reason": ""}})
        butler.get("ACK")
        admin.send({"type": "CHAT_STREAM", "target_id": house.agent_id, "payload": "warm the memory"})
        admin.get("CHAT_STREAM")
    token = house.admin()
    assert house.post("/api/dev/mock/reset").status_code == 200
    assert house.get("/api/approvals", token=token).json() == []
    assert house.get("/api/chat/threads", token=token).json() == []
    assert house.get("/api/chat/updates", token=token).json() == []
    with Socket(house, token, query="&since_id=0") as admin:
        assert admin.get("HELLO")["payload"]["last_id"] == 0
        for kind in ("CHAT_STREAM", "CHAT"):
            admin.send({"type": kind, "target_id": house.agent_id, "payload": "x"})
            assert admin.get("ERROR")["payload"]["code"] == "unknown_target"
        admin.send({"type": "CHAT", "target_id": 2, "payload": "first"})
        heard = admin.get("CHAT")
        assert heard["id"] == 1 and heard["conversation_id"] == 1
    with Socket(house, token, query="&since_id=999") as admin:
        assert admin.get("HELLO")["payload"]["recovered"] is False
