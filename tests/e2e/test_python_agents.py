"""The documented python agents: websocket-client (blocking) and websockets (asyncio)."""
import asyncio
import json

import pytest
import websocket
import websockets
from support.sockets import Socket
from support.steward import Steward


@pytest.fixture(scope="module")
def server():
    with Steward() as running:
        running.agent_id, running.agent_token = running.agent("py-agent")
        yield running


def test_an_agent_on_websocket_client_reports_and_answers(server):
    with Socket(server, server.admin()) as dashboard:
        agent = websocket.create_connection(f"{server.ws_url}?token={server.agent_token}", timeout=20)
        agent.send(json.dumps({"type": "SYSTEM_LOG", "sender_id": 0, "sender_name": "py-agent", "sender_role": "AGENT",
                               "payload": {"level": "INFO", "content": "agent is up"}}))
        log = dashboard.get("SYSTEM_LOG")
        assert log["payload"]["content"] == "agent is up" and log["payload"]["agent_id"] == "py-agent"
        dashboard.send({"type": "CHAT", "target_id": server.agent_id, "payload": "ping?"})
        asked = json.loads(agent.recv())
        agent.send(json.dumps({"type": "CHAT", "target_id": asked["sender_id"], "payload": "pong!"}))
        dashboard.get("CHAT")
        assert dashboard.get("CHAT")["payload"] == "pong!"
        agent.close()
    rows = server.get("/api/messages?agent_id=py-agent").json()
    assert rows[0]["content"] == "agent is up"
    status = {u["username"]: u for u in server.get("/api/users/agents/status").json()}
    assert status["py-agent"]["last_report"] == "agent is up"


def test_an_agent_on_websockets_asks_for_hello_and_acks(server):
    async def talk():
        url = f"{server.ws_url}?hello=1"
        async with websockets.connect(url, extra_headers={"Authorization": f"Bearer {server.agent_token}"}) as agent:
            hello = json.loads(await agent.recv())
            assert hello["type"] == "HELLO" and hello["payload"]["user_id"] == server.agent_id
            assert hello["payload"]["recovered"] is True and hello["payload"]["heartbeat_s"] == 54
            await agent.send(json.dumps({"type": "CHAT", "local_id": "1", "ack": True, "target_id": 1, "payload": "hi"}))
            ack = json.loads(await agent.recv())
            assert ack["type"] == "ACK" and ack["local_id"] == "1" and ack["id"] > 0
            await (await agent.ping())
            return ack["id"]

    stored = asyncio.run(talk())
    assert server.get(f"/api/chat/history/{server.agent_id}").json()[-1]["id"] == stored
