"""Signing in by a directory: who may, with which role, and what is said when the directory fails."""
import time

import pytest
from support.directory import ADMINS, CREDENTIAL, ada, claims, health, steward, try_login
from support.steward import eventually


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
