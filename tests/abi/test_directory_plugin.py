"""The directory module, built out of tree, in place of auth: people sign in by a fake directory, everything else is as ever."""
import base64
import http.server
import json
import sqlite3
import threading
import time

import pytest
from support import out_of_tree
from support.sockets import Socket
from support.steward import ADMIN_PASSWORD, eventually

PLUGINS = "directory, users, messages, chat"
CREDENTIAL = "what the server says to the directory"
ADMINS = ["staff", "steward-admins"]


class Directory:
    """People with passwords and groups. `status`: answers everything with it; `hold`: answers only when released."""

    def __init__(self):
        self.people = {"admin": (ADMIN_PASSWORD, ADMINS), "ada": ("ada's password", ["staff"]),
                       "root": ("root's password", ADMINS), "guest": ("guest's password", ["visitors"]),
                       "Butler": ("butler's password", ADMINS)}
        self.status, self.headers, self.body = None, {}, None
        self.hold = threading.Event()
        self.hold.set()
        self.asked = []
        directory = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                directory.asked.append((self.path, asked, dict(self.headers)))
                directory.hold.wait(60)
                status, told = directory.answer(self.path, asked)
                body = directory.body if directory.body is not None else json.dumps(told).encode()
                self.send_response(status)
                for name, value in directory.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def answer(self, path, asked):
        if self.status:
            return self.status, {}
        known = {name.lower(): name for name in self.people}
        name = known.get(asked["name"].lower())
        if path == "/v1/bind" and (name is None or self.people[name][0] != asked["password"]):
            return 401, {}
        return (200, {"name": name, "groups": self.people[name][1]}) if name else (404, {})

    def finds(self, name):
        return sum(path == "/v1/find" and asked["name"] == name for path, asked, _ in list(self.asked))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    prefix = out_of_tree.install(tmp_path_factory.mktemp("install"))
    out_of_tree.install_module(prefix, "directory", tmp_path_factory.mktemp("directory"))
    return prefix


@pytest.fixture
def directory():
    with Directory() as running:
        yield running


def steward(prefix, directory, plugins=PLUGINS, core=None, **options):
    options = {"url": directory.url, "credential": CREDENTIAL, **options}
    return out_of_tree.server(prefix, plugins, {"plugin:directory": options, **(core or {})})


def try_login(server, name, password):
    return server.post("/api/auth/login", {"username": name, "password": password}, token=None)


def ada(server):
    return server.login("ada", "ada's password")


def status_of(server, token):
    return server.get("/api/messages", token=token).status_code


def health(server):
    return server.get("/api/health").json()["checks"]["directory"]


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


# ---- signing in ----


def test_a_login_answers_as_the_contract_says_and_makes_the_user_once(prefix, directory):
    with steward(prefix, directory) as server:
        answer = try_login(server, "ada", "ada's password")
        assert answer.status_code == 200 and set(answer.json()) == {"token", "user"}
        user = answer.json()["user"]
        assert list(user) == ["id", "username", "role", "actor_type", "created_at"]
        assert (user["username"], user["role"], user["actor_type"]) == ("ada", "MEMBER", "HUMAN")
        told = claims(answer.json()["token"])
        assert told["user_id"] == user["id"] and told["role"] == "MEMBER" and told["iss"] == "steward" and told["ver"] == 1
        assert 86390 < told["exp"] - time.time() < 86410
        assert try_login(server, "ADA", "ada's password").json()["user"] == user
        rows = [row for row in server.get("/api/users").json() if row["username"] == "ada"]
        assert [row["id"] for row in rows] == [user["id"]]


def test_groups_decide_the_role_and_who_may_come_in(prefix, directory):
    with steward(prefix, directory, member_groups="staff, crew") as server:
        assert try_login(server, "ada", "ada's password").json()["user"]["role"] == "MEMBER"
        root = try_login(server, "root", "root's password").json()
        assert root["user"]["role"] == "ADMIN"
        assert server.get("/api/users", token=root["token"]).status_code == 200
        assert server.get("/api/users", token=ada(server)).status_code == 403
        refused = try_login(server, "guest", "guest's password")
        assert refused.status_code == 403 and refused.json()["code"] == "forbidden"
        assert "guest" not in [row["username"] for row in server.get("/api/users").json()]


@pytest.mark.parametrize("name, password", [("ada", "wrong"), ("nobody", "ada's password"), ("a" * 65, "ada's password"),
                                            ("ada", "p" * 1025)])
def test_a_wrong_name_or_password_is_401_with_one_text(prefix, directory, name, password):
    with steward(prefix, directory) as server:
        answer = try_login(server, name, password)
        assert answer.status_code == 401
        assert (answer.json()["error"], answer.json()["code"]) == ("invalid credentials", "invalid_credentials")


@pytest.mark.parametrize("body", [{}, {"username": "ada"}, {"username": "ada", "password": ""}, {"username": "", "password": "x"},
                                  {"username": "ada", "password": 5}, {"username": "ada", "password": "a\0b"}, []])
def test_an_empty_password_is_never_shown_to_the_directory(prefix, directory, body):
    with steward(prefix, directory) as server:
        answer = server.post("/api/auth/login", body, token=None)
        assert answer.status_code == 400 and answer.json()["error"] == "invalid request body"
        assert directory.asked == []


def test_the_directory_hears_who_asks_for_whom_and_the_log_holds_no_secret(prefix, directory):
    with steward(prefix, directory) as server:
        token = ada(server)
        path, asked, headers = directory.asked[0]
        assert path == "/v1/bind" and asked == {"name": "ada", "password": "ada's password"}
        assert headers["Authorization"] == f"Bearer {CREDENTIAL}" and headers["X-Forwarded-For"] == "127.0.0.1"
        try_login(server, "ada", "a wrong password")
        shown = server.log() + server.get("/api/plugins").text + server.get("/metrics").text
        for secret in (CREDENTIAL, "ada's password", "a wrong password", token):
            assert secret not in shown


@pytest.mark.parametrize("name", ["Butler", "scout"])
def test_neither_butler_nor_an_agent_signs_in_by_the_directory(prefix, directory, name):
    directory.people["scout"] = ("scout's password", ADMINS)
    with steward(prefix, directory) as server:
        server.agent("scout")
        assert try_login(server, name, directory.people[name][0]).status_code == 403


# ---- a directory in trouble ----


def test_a_directory_that_fails_is_503_and_never_401(prefix, directory):
    with steward(prefix, directory, timeout="300ms") as server:
        server.admin()
        directory.status = 500
        assert try_login(server, "ada", "ada's password").status_code == 503
        assert not health(server)["answers"]
        eventually(lambda: server.get("/api/health").json()["status"] == "degraded")
        directory.status, directory.body = None, b"<html>"
        assert try_login(server, "ada", "ada's password").status_code == 503
        directory.body = b"{}"
        assert try_login(server, "ada", "ada's password").status_code == 503
        directory.body = None
        directory.hold.clear()
        answer = try_login(server, "ada", "ada's password")
        assert answer.status_code == 503 and answer.json()["error"] == "the directory cannot be reached now"
        directory.hold.set()
        assert try_login(server, "ada", "ada's password").status_code == 200
        assert health(server)["answers"]
        eventually(lambda: server.get("/api/health").json()["status"] == "ok")
        assert server.log().count("the directory gives no answer") == 1
        assert server.log().count("the directory answers again") == 1


def test_its_lockout_is_passed_on(prefix, directory):
    with steward(prefix, directory) as server:
        directory.status, directory.headers = 429, {"Retry-After": "17"}
        answer = try_login(server, "ada", "ada's password")
        assert answer.status_code == 429 and answer.headers["Retry-After"] == "17"


def test_sessions_go_on_for_the_grace_and_are_suspended_behind_it(prefix, directory):
    with steward(prefix, directory, recheck="1s", grace="5s", timeout="500ms") as server:
        token = ada(server)
        _, agent = server.agent()
        with Socket(server, token, query="&hello=1") as socket:
            socket.get("HELLO")
            directory.status = 500
            began = time.monotonic()
            eventually(lambda: "the directory gives no answer" in server.log())
            assert status_of(server, token) == 200
            socket.closed.wait(20)
            assert socket.close_code == 4003 and time.monotonic() - began > 2
        assert status_of(server, token) == 503
        assert status_of(server, agent) == 200
        directory.status = None
        eventually(lambda: status_of(server, token) == 200)  # the same token: nobody was signed out


def test_after_a_restart_old_sessions_are_asked_about_and_agents_do_not_wait(prefix, directory):
    server = steward(prefix, directory, recheck="20s", timeout="20s").start()
    try:
        token, gone = ada(server), server.login("root", "root's password")
        _, agent = server.agent()
        server.kill()
        with sqlite3.connect(server.database()) as store:  # both sessions have missed their turn
            store.execute("UPDATE directory_sessions SET checked_ms = checked_ms - 60000")
        store.close()
        del directory.people["root"]
        directory.asked.clear()
        directory.hold.clear()
        server.start()
        waiting = []
        threads = [threading.Thread(target=lambda t=t: waiting.append((t, status_of(server, t)))) for t in (token, gone)]
        for thread in threads:
            thread.start()
        eventually(lambda: directory.finds("ada") and directory.finds("root"))
        for _ in range(5):
            assert status_of(server, agent) == 200  # the first of them is asked about, too, but not there
        assert waiting == []
        directory.hold.set()
        for thread in threads:
            thread.join()
        assert dict(waiting) == {token: 200, gone: 401}
    finally:
        server.close()


# ---- losing access ----


def test_who_is_removed_from_the_directory_loses_access_within_the_recheck(prefix, directory):
    with steward(prefix, directory, recheck="1s") as server:
        token, other = ada(server), server.login("root", "root's password")
        with Socket(server, token) as socket, Socket(server, other) as still:
            del directory.people["ada"]
            socket.closed.wait(20)
            assert socket.close_code == 4003
            assert status_of(server, token) == 401
            assert status_of(server, other) == 200 and not still.closed.is_set()
        assert try_login(server, "ada", "ada's password").status_code == 401
        directory.people["ada"] = ("ada's password", ["staff"])
        assert status_of(server, token) == 401  # that session is over
        assert status_of(server, ada(server)) == 200


def test_who_changes_groups_gets_another_role_and_signs_in_anew(prefix, directory):
    with steward(prefix, directory, recheck="1s", member_groups="staff") as server:
        token = ada(server)
        directory.people["ada"] = ("ada's password", ADMINS)
        eventually(lambda: status_of(server, token) == 401)
        user = try_login(server, "ada", "ada's password").json()
        assert user["user"]["role"] == "ADMIN" and claims(user["token"])["ver"] == 2
        directory.people["ada"] = ("ada's password", ["visitors"])
        eventually(lambda: status_of(server, user["token"]) == 401)
        assert try_login(server, "ada", "ada's password").status_code == 403


def test_the_last_admin_stays_one_but_does_not_come_in_without_the_group(prefix, directory):
    with steward(prefix, directory, recheck="1s") as server:
        token = server.admin()
        directory.people["admin"] = (ADMIN_PASSWORD, ["staff"])
        eventually(lambda: status_of(server, token) == 401)
        assert try_login(server, "admin", ADMIN_PASSWORD).status_code == 403
        root = server.login("root", "root's password")
        assert [u["role"] for u in server.get("/api/users", token=root).json() if u["username"] == "admin"] == ["ADMIN"]
        assert try_login(server, "admin", ADMIN_PASSWORD).json()["user"]["role"] == "MEMBER"  # there is another now


def test_a_logout_ends_one_session_and_an_admin_ends_all(prefix, directory):
    with steward(prefix, directory) as server:
        one, two = ada(server), ada(server)
        assert server.post("/api/auth/logout", token=one).status_code == 204
        assert status_of(server, one) == 401 and status_of(server, two) == 200
        user_id = claims(two)["user_id"]
        assert server.delete(f"/api/directory/sessions/{user_id}", token=two).status_code == 403
        with Socket(server, two) as socket:
            assert server.delete(f"/api/directory/sessions/{user_id}").status_code == 204
            socket.closed.wait(20)
            assert socket.close_code == 4003
        assert status_of(server, two) == 401
        assert server.post("/api/auth/logout", token=None).status_code == 401
        _, agent = server.agent()
        assert server.post("/api/auth/logout", token=agent).status_code == 403


def test_a_removed_user_and_a_changed_one_lose_their_sessions(prefix, directory):
    with steward(prefix, directory) as server:
        token = ada(server)
        first_id = claims(token)["user_id"]
        assert server.patch(f"/api/users/{first_id}", {"role": "ADMIN"}).status_code == 200
        assert status_of(server, token) == 401
        token = ada(server)  # and the directory's role is stored again
        assert claims(token)["role"] == "MEMBER"
        assert server.delete(f"/api/users/{first_id}").status_code == 204
        assert status_of(server, token) == 401
        assert claims(ada(server))["user_id"] > first_id


def test_a_session_ends_when_its_token_says(prefix, directory):
    with steward(prefix, directory, core={"auth": {"token_lifetime": "2s"}}) as server:
        token = ada(server)
        assert status_of(server, token) == 200
        eventually(lambda: status_of(server, token) == 401)
        assert time.time() >= claims(token)["exp"] - 1


def test_a_token_that_was_touched_is_nobodys(prefix, directory):
    with steward(prefix, directory) as server:
        token = ada(server)
        head, body, signature = token.split(".")
        forged = base64.urlsafe_b64encode(json.dumps({**claims(token), "role": "ADMIN"}).encode()).decode().rstrip("=")
        for touched in (f"{head}.{forged}.{signature}", token[:-1], f"{head}.{body}.", token + "A"):
            assert status_of(server, touched) == 401


# ---- everything else is as ever ----


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


# ---- operators ----


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
