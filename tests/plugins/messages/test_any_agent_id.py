"""The options of the plugin that change who may say what, and what is kept."""
from support.steward import Steward, eventually


def message(**fields):
    return {"agent_id": "builder", "level": "INFO", "content": "hello", **fields}


def test_with_any_agent_id_an_agent_may_use_other_names():
    with Steward(options={"plugin:messages": {"any_agent_id": "true"}}) as server:
        agent_id, token = server.agent("free")
        assert server.post("/api/messages", message(agent_id="other"), token=token).status_code == 201
        listed = next(a for a in server.get("/api/users/agents").json() if a["id"] == agent_id)
        assert listed["last_report"] == "websocket_disconnected"
        assert server.post("/api/messages", message(agent_id="free", content="mine"), token=token).status_code == 201
        listed = next(a for a in server.get("/api/users/agents").json() if a["id"] == agent_id)
        assert listed["last_report"] == "mine"


def test_with_any_agent_id_humans_may_use_the_names_of_agents_too_but_nobody_butlers():
    with Steward(options={"plugin:messages": {"any_agent_id": "true"}}) as server:
        _, token = server.agent("free")
        assert server.post("/api/messages", message(agent_id="free")).status_code == 201
        for sender in (token, "admin"):
            assert server.post("/api/messages", message(agent_id="Butler"), token=sender).status_code == 403
