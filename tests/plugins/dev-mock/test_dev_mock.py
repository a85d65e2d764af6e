"""dev-mock: what it offers in development, and that it is not there anywhere else."""
import json
import os
import sqlite3

import pytest

from support.sockets import Socket
from support.steward import ADMIN_PASSWORD, Steward

ROUTES = [("POST", "/api/dev/mock/reset"), ("POST", "/api/dev/mock/chat"), ("GET", "/api/dev/mock/agent-token/x"),
          ("POST", "/api/dev/mock/feishu-log")]


def note(**fields):
    return {"sender_username": "admin", "receiver_username": "Butler", "content": "hi", **fields}


# ---- where it is ----

@pytest.mark.parametrize("method,path", ROUTES)
def test_it_is_for_admins(server, method, path):
    _, member = server.member(f"m{abs(hash(path)) % 10000}")
    for token, status in ((None, 401), (member, 403), (server.butler_token(), 403)):
        assert server.request(method, path, {}, token=token).status_code == status


def test_in_production_the_routes_are_not_there_and_the_table_goes():
    with Steward() as server:
        server.agent("left-behind")
        server.stop()
        with sqlite3.connect(server.database()) as db:
            assert db.execute("SELECT count(*) FROM dev_mock_tokens").fetchone()[0] > 0
        server.options["server"]["env"] = "production"
        server.tokens.clear()
        server.start()
        for method, path in ROUTES:
            assert server.request(method, path, {}).status_code == 404
        assert "dev-mock" in server.log()
        assert server.get("/api/ping").status_code == 200
        server.stop()
        with sqlite3.connect(server.database()) as db:
            assert db.execute("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'dev_mock%'").fetchone()[0] == 0


def test_it_refuses_a_listener_that_others_reach():
    with Steward(options={"server": {"host": "0.0.0.0"}}) as server:
        server.url = server.url.replace("0.0.0.0", "127.0.0.1")
        assert server.post("/api/dev/mock/reset").status_code == 404
        assert "loopback" in server.log()
    with Steward(options={"server": {"host": "0.0.0.0"}, "plugin:dev-mock": {"allow_remote": "true"}}) as server:
        server.url = server.url.replace("0.0.0.0", "127.0.0.1")
        assert server.post("/api/dev/mock/reset").status_code == 200


# ---- tokens ----

def test_raw_tokens_are_heard(server):
    agent_id, token = server.agent("told")
    answer = server.get("/api/dev/mock/agent-token/told")
    assert answer.status_code == 200
    assert answer.json() == {"username": "told", "role": "AGENT", "api_token": token}
    assert answer.headers["Cache-Control"] == "no-store"
    rotated = server.patch(f"/api/users/agents/{agent_id}/token", {}).json()["api_token"]
    assert server.get("/api/dev/mock/agent-token/told").json()["api_token"] == rotated
    butler = server.butler_token()
    assert server.get("/api/dev/mock/agent-token/Butler").json() == {"username": "Butler", "role": "BUTLER", "api_token": butler}
    server.delete(f"/api/users/agents/{agent_id}")
    answer = server.get("/api/dev/mock/agent-token/told")
    assert answer.status_code == 404 and answer.json()["error"] == "user not found"


def test_names_of_agents_are_any_text(server):
    _, token = server.agent("机器人 7/8")
    answer = server.get("/api/dev/mock/agent-token/%E6%9C%BA%E5%99%A8%E4%BA%BA%207%2F8")
    assert answer.status_code == 200 and answer.json()["api_token"] == token


def test_tokens_that_were_not_heard(server):
    answer = server.get("/api/dev/mock/agent-token/admin")
    assert answer.status_code == 404 and answer.json()["error"] == "raw token not recorded; rotate it"
    with Steward(plugins="auth, users, messages, chat") as other:
        other.agent("deaf")
        other.options["plugins"]["enabled"] += ", dev-mock"
        other.restart()
        assert other.get("/api/dev/mock/agent-token/deaf").json()["error"] == "raw token not recorded; rotate it"


# ---- chat ----

def test_a_chat_is_stored_and_delivered_as_if_sent(server):
    token = server.butler_token()
    with Socket(server, token) as socket:
        answer = server.post("/api/dev/mock/chat", note(content="你好 \"x\"", local_id="l1"))
        assert answer.status_code == 201 and list(answer.json()) == ["id"]
        frame = socket.get("CHAT")
        assert frame["id"] == answer.json()["id"] and frame["payload"] == "你好 \"x\"" and frame["sender_id"] == 1
    history = server.get("/api/chat/history/2").json()
    assert history[-1]["payload"] == "你好 \"x\"" and history[-1]["local_id"] == "l1"
    assert server.post("/api/dev/mock/chat", note(sender_username="Butler", receiver_username="ADMIN", type="CHAT")).status_code == 201


@pytest.mark.parametrize("body,error", [
    (note(sender_username="nobody"), "sender user not found"), (note(receiver_username="nobody"), "receiver user not found"),
    (note(type="AUTH_RESPONSE"), "type must be CHAT or AUTH_REQUEST"), (note(content=""), "content is required"),
    (note(sender_username=None), "sender_username is required")])
def test_bad_chats_are_refused(server, body, error):
    answer = server.post("/api/dev/mock/chat", body)
    assert answer.status_code == 400 and answer.json()["error"] == error, answer.text


def test_what_chat_refuses_is_named(server):
    server.agent("one"), server.agent("two")
    for body, status, word in ((note(conversation_id=999), 400, "conversation_id"),
                               (note(sender_username="one", receiver_username="two"), 403, "agent")):
        answer = server.post("/api/dev/mock/chat", body)
        assert answer.status_code == status and word in answer.json()["error"], answer.text


def test_a_local_id_that_was_used_for_another_message_is_taken(server):
    first, same, other = [server.post("/api/dev/mock/chat", note(local_id="twice", content=c)) for c in ("a", "a", "b")]
    assert [answer.status_code for answer in (first, same, other)] == [201] * 3
    assert first.json() == same.json() != other.json()
    rows = [r for r in server.get("/api/chat/history/2").json() if r["local_id"] == "twice"]
    assert [(r["id"], r["payload"]) for r in rows] == [(first.json()["id"], "a"), (other.json()["id"], "b")]


def test_an_authorization_request_is_stored_and_can_be_answered(server):
    agent_id, _ = server.agent("worker")
    asked = {"action_id": "mocked", "target_agent_id": agent_id, "command": "reboot", "reasoning": "stuck"}

    def ask(sender="Butler", receiver="admin", **changed):
        made = note(sender_username=sender, receiver_username=receiver, type="AUTH_REQUEST",
                    content=json.dumps({**asked, **changed}))
        return server.post("/api/dev/mock/chat", made)

    with Socket(server, server.admin()) as page, Socket(server, server.butler_token()) as butler:
        answer = ask()
        assert answer.status_code == 201, answer.text
        card = page.get("AUTH_REQUEST")
        assert card["id"] == answer.json()["id"] and card["sender_name"] == "Butler" and card["conversation_id"]
        assert card["payload"]["command"] == "reboot" and card["payload"]["reason"] == "stuck"
        assert ask().json() == answer.json(), "the same is the same request"
        assert server.post("/api/chat/auth/response", {"action_id": "mocked", "approved": True}).status_code == 200
        assert butler.get("AUTH_RESPONSE")["payload"]["action_id"] == "mocked"
        assert ask().json() == answer.json() and butler.drain("q") == [], "what no socket asked is told to none"
    row = server.get("/api/chat/history/2").json()[-2]
    assert row["id"] == answer.json()["id"] and json.loads(row["payload"])["status"] == "APPROVED"
    for refused, status, word in ((ask(command="else"), 409, "action_id"), (ask(action_id="n", target_agent_id=1), 400, "target_agent_id"),
                                  (ask(command=""), 400, "authorization request"), (ask(sender="admin"), 403, "Butler"),
                                  (ask(receiver="worker", action_id="n"), 403, "human"), (ask(sender="worker"), 403, "Butler")):
        assert refused.status_code == status and word in refused.json()["error"], refused.text
    assert server.post("/api/dev/mock/chat", note(sender_username="Butler", receiver_username="admin",
                                                  type="AUTH_REQUEST", content="no JSON")).status_code == 400


def test_without_the_feishu_plugin_there_is_no_log(server):
    answer = server.post("/api/dev/mock/feishu-log", {"level": "info", "action": "a", "detail": "d"})
    assert answer.status_code == 503 and answer.json()["error"] == "feishu is not loaded"


# ---- reset ----

def test_reset_empties_everything_and_keeps_the_caller_in(fresh):
    agent_id, token = fresh.agent("gone")
    member_id, member = fresh.member("gone-too")
    fresh.post("/api/messages", [{"agent_id": "x", "level": "INFO", "content": "needle " * 20}] * 1000)
    fresh.post("/api/dev/mock/chat", note())
    admin = fresh.admin()
    sockets = [Socket(fresh, t) for t in (admin, token, member)]
    answer = fresh.post("/api/dev/mock/reset")
    assert answer.status_code == 200 and answer.text == '{"status":"reset"}'
    for socket in sockets:
        assert socket.wait_closed() == 4003
    assert fresh.get("/api/messages").json() == [] == fresh.get("/api/messages?q=needle").json()
    assert fresh.get("/api/chat/history/2").json() == []
    assert [u["username"] for u in fresh.get("/api/users").json()] == ["admin", "Butler"]
    assert [u["id"] for u in fresh.get("/api/users").json()] == [1, 2]
    assert fresh.get("/api/messages", token=token).status_code == 401
    assert fresh.get("/api/messages", token=member).status_code == 401
    assert fresh.get("/api/dev/mock/agent-token/gone").json()["error"] == "user not found"
    assert fresh.post("/api/messages", {"agent_id": "x", "level": "INFO", "content": "first"}).json()["id"] == 1
    assert fresh.agent("next")[0] == 3
    fresh.login("admin", ADMIN_PASSWORD)
    with Socket(fresh, admin) as socket:
        fresh.post("/api/messages", {"agent_id": "x", "level": "INFO", "content": "live"})
        assert socket.get("SYSTEM_LOG")["payload"]["id"] == 2


def test_reset_forgets_keys_and_local_ids(fresh):
    headers = {"Idempotency-Key": "k"}
    body = {"agent_id": "x", "level": "INFO", "content": "first"}
    fresh.post("/api/messages", body, headers=headers)
    fresh.post("/api/dev/mock/reset")
    answer = fresh.post("/api/messages", {**body, "content": "other"}, headers=headers)
    assert answer.status_code == 201 and answer.json()["id"] == 1


def test_without_an_initial_password_there_is_no_reset():
    with Steward(options={"auth": {"initial_admin_pass": "", "bcrypt_cost": "4"}}) as server:
        with open(os.path.join(server.data, "initial-admin-password"), encoding="utf-8") as file:
            password = file.read().strip()
        token = server.login("admin", password)
        answer = server.post("/api/dev/mock/reset", token=token)
        assert answer.status_code == 500, answer.text
        assert [u["id"] for u in server.get("/api/users", token=token).json()] == [1, 2]


def test_with_the_feishu_plugin_a_log_row_is_added():
    line = {"level": "Info", "action": "mock", "detail": "a row"}
    with Steward(plugins="auth, users, messages, chat, feishu, dev-mock") as server:
        answer = server.post("/api/dev/mock/feishu-log", line)
        assert answer.status_code == 404 and answer.json()["error"] == "feishu connector not found"
        made = server.post("/api/integrations/feishu", {"connector_name": "mock", "app_id": "cli_0123456789abcdef"})
        assert made.status_code == 201, made.text
        answer = server.post("/api/dev/mock/feishu-log", line)
        assert answer.status_code == 201 and answer.json() == {"ok": True}
        rows = server.get(f"/api/integrations/feishu/{made.json()['id']}/logs").json()
        newest = rows["items"][0]
        assert (newest["level"], newest["action"], newest["detail"]) == ("info", "mock", "a row")
        for field in line:
            body = {k: v for k, v in line.items() if k != field}
            answer = server.post("/api/dev/mock/feishu-log", body)
            assert answer.status_code == 400 and answer.json()["error"] == f"{field} is required"
        assert server.post("/api/dev/mock/reset").status_code == 200
        assert server.post("/api/dev/mock/feishu-log", line).status_code == 404
