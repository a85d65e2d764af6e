"""With the directory module in place of auth everything else is as ever, and back again."""
from support.directory import PLUGINS, ada, status_of, steward, try_login
from support.sockets import Socket
from support.steward import ADMIN_PASSWORD


def test_agents_and_dashboards_talk_as_ever(prefix, directory):
    with steward(prefix, directory) as server:
        token = ada(server)
        agent_id, agent_token = server.agent("worker")
        with Socket(server, token, query="&hello=1") as page, Socket(server, agent_token, query="&hello=1") as agent:
            page.get("HELLO"), agent.get("HELLO")
            stored = server.post("/api/messages", {"agent_id": "worker", "level": "INFO", "content": "here"}, token=agent_token)
            assert stored.status_code == 201
            assert page.get("SYSTEM_LOG")["payload"]["content"] == "here"
            page.send({"type": "CHAT", "target_id": agent_id, "payload": "do it", "local_id": "1"})
            asked = agent.get("CHAT")
            assert asked["payload"] == "do it" and asked["sender_name"] == "ada" and asked["sender_role"] == "MEMBER"
            agent.send({"type": "CHAT", "target_id": asked["sender_id"], "payload": "done"})
            assert [page.get("CHAT")["payload"] for _ in range(2)] == ["do it", "done"]
        history = server.get(f"/api/chat/history/{agent_id}", token=token).json()
        assert [row["payload"] for row in history] == ["do it", "done"]
        rotated = server.patch(f"/api/users/agents/{agent_id}/token", {}).json()["api_token"]
        assert status_of(server, agent_token) == 401 and status_of(server, rotated) == 200


def test_an_admin_of_the_directory_approves_and_butler_never_does(prefix, directory):
    with steward(prefix, directory) as server:
        agent_id, agent_token = server.agent("worker")
        butler_token, root = server.butler_token(), server.login("root", "root's password")
        with Socket(server, butler_token, query="&hello=1") as butler, Socket(server, root, query="&hello=1") as page:
            page.get("HELLO")
            butler.send({"type": "AUTH_REQUEST", "ack": True,
                         "payload": {"action_id": "a1", "target_agent_id": agent_id, "command": "reboot", "reason": "stuck"}})
            butler.get("ACK")
            assert page.get("AUTH_REQUEST")["payload"]["action_id"] == "a1"
            body = {"action_id": "a1", "approved": True}
            for token in (butler_token, agent_token):
                assert server.post("/api/chat/auth/response", body, token=token).status_code == 403
            assert server.get("/api/approvals", token=root).json()[0]["status"] == "PENDING"
            answer = server.post("/api/chat/auth/response", body, token=root)
            assert answer.status_code == 200 and answer.json()["decision"] == "APPROVED"
            assert butler.get("AUTH_RESPONSE")["payload"]["approved"] is True
        assert server.get("/api/approvals", token=root).json()[0]["decided_by"] == "root"


def test_a_reset_of_the_store_signs_everybody_out(prefix, directory):
    with steward(prefix, directory, plugins=PLUGINS + ", dev-mock") as server:
        token = ada(server)
        assert server.post("/api/dev/mock/reset").status_code == 200
        assert status_of(server, token) == 401
        server.tokens.clear()
        assert status_of(server, server.admin()) == 200


def test_auth_and_directory_do_not_run_side_by_side(prefix, directory):
    with steward(prefix, directory, plugins="directory, auth, users, messages") as server:
        assert server.get("/api/health").json()["checks"]["plugins"]["auth"] == "quarantined"
        assert status_of(server, ada(server)) == 200


def test_without_a_url_it_does_not_start(prefix, directory):
    with steward(prefix, directory, url="", plugins="directory, users, messages") as server:
        assert "url is not set" in server.log()
        assert try_login(server, "ada", "ada's password").status_code == 404


def test_back_with_auth_its_own_passwords_count_and_tokens_of_the_directory_do_not(prefix, directory):
    server = steward(prefix, directory).start()
    try:
        token = ada(server)
        server.options["plugins"]["enabled"] = "auth, users, messages"
        server.options.pop("plugin:directory")
        server.restart()
        assert status_of(server, token) == 401
        assert try_login(server, "ada", "ada's password").status_code == 401
        assert status_of(server, server.login("admin", ADMIN_PASSWORD)) == 200
    finally:
        server.close()
