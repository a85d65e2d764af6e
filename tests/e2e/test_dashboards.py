"""What EchoCenter's three dashboards do, request by request, in their own shapes."""
import base64
import json

import pytest
from support.sockets import Socket
from support.steward import Steward, eventually

MESSAGE = {"id", "agent_id", "level", "content", "timestamp"}
THREAD = {"id", "owner_user_id", "peer_user_id", "channel_kind", "title", "is_pinned", "is_default", "created_at",
          "updated_at"}
CHAT = {"id", "local_id", "sender_id", "sender_name", "sender_role", "receiver_id", "target_id", "type", "payload",
        "timestamp"}


@pytest.fixture(scope="module")
def house():
    """A server with an agent and the Butler connected."""
    with Steward() as server:
        server.agent_id, server.agent_token = server.agent("scout")
        server.butler = server.butler_token()
        yield server


def test_logging_in_gives_a_jwt_whose_payload_a_client_can_read(house):
    answer = house.post("/api/auth/login", {"username": "admin", "password": "correct horse battery"}, token=None)
    body = answer.json()
    assert set(body) == {"token", "user"}
    assert set(body["user"]) == {"id", "username", "role", "actor_type", "created_at"}
    assert body["user"]["id"] == 1 and body["user"]["role"] == "ADMIN" and body["user"]["actor_type"] == "HUMAN"
    part = body["token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert claims["user_id"] == 1 and claims["role"] == "ADMIN" and claims["iss"] == "steward" and claims["ver"] == 1
    assert claims["exp"] - claims["iat"] == 24 * 3600
    assert '"token":"' in answer.text and ": " not in answer.text.split('"created_at"')[0]


def test_the_agents_page_lists_butler_and_agents_with_presence(house):
    agents = house.get("/api/users/agents?exclude_role=butler").json()
    assert [a["username"] for a in agents] == ["scout"]
    assert agents[0]["status"] == "OFFLINE" and agents[0]["online"] is False and "api_token" not in agents[0]
    with Socket(house, house.agent_token):
        assert house.get("/api/users/agents").json()[1]["status"] == "ONLINE"
    eventually(lambda: house.get("/api/users/agents").json()[1]["status"] == "OFFLINE")
    assert house.get("/api/users/butler").json()["id"] == 2
    assert house.get("/api/users/ops/status").json()["enabled"] is False


def test_the_log_page_sends_empty_filters_and_gets_everything(house):
    for n in range(3):
        answer = house.post("/api/messages", {"agent_id": "scout", "level": "info", "content": f"log line {n}"},
                            token=house.agent_token)
        assert answer.status_code == 201 and set(answer.json()) == MESSAGE and answer.json()["level"] == "INFO"
    rows = house.get("/api/messages?agent_id=&level=&q=&offset=0&limit=50").json()
    assert [m["content"] for m in rows[:3]] == ["log line 2", "log line 1", "log line 0"]
    assert [m["content"] for m in house.get("/api/messages?q=LINE%201&level=info").json()] == ["log line 1"]


def test_a_chat_with_an_agent_runs_over_threads_streams_and_history(house):
    admin = house.admin()
    made = house.post("/api/chat/threads", {"peer_id": house.agent_id, "channel_kind": "agent_direct"})
    assert made.status_code == 201 and THREAD <= set(made.json()) and made.json()["title"] == "New conversation"
    thread = made.json()["id"]
    assert thread in [t["id"] for t in house.get(f"/api/chat/threads?peer_id={house.agent_id}").json()]
    with Socket(house, admin) as dashboard, Socket(house, house.agent_token) as agent:
        dashboard.send({"type": "CHAT", "local_id": "d-1", "target_id": house.agent_id, "conversation_id": thread,
                        "payload": "how is it going?"})
        heard = agent.get("CHAT")
        assert heard["payload"] == "how is it going?" and heard["sender_id"] == 1 and heard["conversation_id"] == thread
        echo = dashboard.get("CHAT")
        assert echo["id"] == heard["id"] and echo["local_id"] == "d-1" and echo["timestamp"]
        for piece in ("we", "ll, ", "thanks"):
            agent.send({"type": "CHAT_STREAM", "target_id": 1, "stream_id": "s1", "payload": piece})
        agent.send({"type": "CHAT_STREAM_END", "target_id": 1, "stream_id": "s1", "payload": ""})
        agent.send({"type": "CHAT", "local_id": "a-1", "target_id": 1, "payload": "well, thanks", "sender_id": 999})
        frames = [dashboard.get() for _ in range(5)]
        assert [f["type"] for f in frames] == ["CHAT_STREAM"] * 3 + ["CHAT_STREAM_END", "CHAT"]
        assert all(f["conversation_id"] == thread and f["sender_id"] == house.agent_id for f in frames)
    rows = house.get(f"/api/chat/threads/{thread}/messages").json()
    assert [r["payload"] for r in rows] == ["how is it going?", "well, thanks"] and CHAT <= set(rows[0])
    assert [r["payload"] for r in house.get(f"/api/chat/history/{house.agent_id}").json()] == [r["payload"] for r in rows]
    changed = house.patch(f"/api/chat/threads/{thread}", {"title": "Weather", "is_pinned": True})
    assert changed.json()["title"] == "Weather" and changed.json()["is_pinned"] is True


def test_approving_from_a_dashboard_reaches_the_butler_and_every_page(house):
    with Socket(house, house.admin()) as dashboard, Socket(house, house.butler) as butler:
        butler.send({"type": "AUTH_REQUEST", "payload": {
            "target_agent_id": house.agent_id, "target_agent_name": "scout", "command": "rm -rf /tmp/x",
            "reasoning": "disk is full"}})
        card = dashboard.get("AUTH_REQUEST")
        assert card["payload"]["command"] == "rm -rf /tmp/x" and card["payload"]["reason"] == "disk is full"
        action = card["payload"]["action_id"]
        shown = [r for r in house.get("/api/chat/history/2").json() if r["type"] == "AUTH_REQUEST"]
        assert shown[-1]["id"] == card["id"] and json.loads(shown[-1]["payload"])["status"] == "PENDING"
        answer = house.post("/api/chat/auth/response", {"stream_id": action, "approved": True})
        assert answer.status_code == 200
        assert answer.json() == {"status": "processed", "action_id": action, "decision": "APPROVED"}
        told = butler.get("AUTH_RESPONSE")["payload"]
        assert told["action_id"] == action and told["approved"] is True and told["responder_name"] == "admin"
        assert dashboard.get("AUTH_STATUS_UPDATE")["payload"] == {"action_id": action, "status": "APPROVED"}
    rows = [r for r in house.get("/api/chat/history/2").json() if r["type"].startswith("AUTH_")]
    assert json.loads(rows[-2]["payload"])["status"] == "APPROVED"
    assert json.loads(rows[-1]["payload"])["approved"] is True


def test_a_token_is_tested_rotated_and_the_old_one_dies(house):
    answer = house.post("/api/users/agents/test-connection", {"api_token": house.agent_token})
    assert answer.json()["ok"] is True and answer.json()["agent_id"] == house.agent_id
    old = house.agent_token
    with Socket(house, old) as agent:
        rotated = house.patch(f"/api/users/agents/{house.agent_id}/token", {"api_token": "a-token-of-my-own-making"})
        assert rotated.json()["token_hint"] == "a-to...king"
        assert agent.wait_closed() == 4003
    house.agent_token = "a-token-of-my-own-making"
    assert house.get("/api/messages", token=old).status_code == 401
    answer = house.post("/api/users/agents/test-connection", {"api_token": old})
    assert answer.status_code == 200
    assert answer.json() == {"ok": False, "message": "token is not registered to any agent"}
