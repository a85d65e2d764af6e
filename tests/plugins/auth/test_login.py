"""POST /api/auth/login: bodies, answers, the same work for everybody, hashes of other methods."""
import base64
import concurrent.futures
import crypt
import json
import os
import sqlite3
import time

import pytest
import requests

from support.raw_http import Raw
from support.steward import ADMIN_PASSWORD, Steward


@pytest.fixture(scope="module")
def server():
    """Refusals are for test_limits.py."""
    with Steward({"plugin:auth": {"failures": "0", "address_failures": "0", "user_failures": "0"}}) as running:
        yield running


def login(server, username="admin", password=ADMIN_PASSWORD, **more):
    return server.post("/api/auth/login", {"username": username, "password": password}, token=None, **more)


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_the_answer_has_the_token_and_the_user_and_nothing_else(server):
    answer = login(server)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["token", "user"]
    assert list(body["user"]) == ["id", "username", "role", "actor_type", "created_at"]
    assert body["user"]["id"] == 1
    assert (body["user"]["username"], body["user"]["role"], body["user"]["actor_type"]) == ("admin", "ADMIN", "HUMAN")
    assert body["user"]["created_at"].endswith("Z") and len(body["user"]["created_at"]) == 24
    assert answer.headers["Cache-Control"] == "no-store"
    assert '"token":"' in answer.text and answer.headers["Content-Type"].startswith("application/json")


def test_the_claims_are_those_of_the_contract(server):
    before = int(time.time())
    found = claims(login(server).json()["token"])
    assert set(found) == {"user_id", "role", "iss", "iat", "exp", "jti", "ver"}
    assert found["user_id"] == 1 and found["role"] == "ADMIN" and found["iss"] == "steward" and found["ver"] == 1
    assert before <= found["iat"] <= time.time() and found["exp"] - found["iat"] == 24 * 3600
    assert claims(login(server).json()["token"])["jti"] != found["jti"]


def test_names_match_in_any_case(server):
    assert login(server, "ADMIN").status_code == 200


BAD_BODIES = [
    "", "{}", "null", "[]", "7", "\"x\"", "{", "{\"username\":\"admin\"}", "{\"password\":\"x\"}",
    "{\"username\":1,\"password\":\"x\"}", "{\"username\":\"admin\",\"password\":7}",
    "{\"username\":null,\"password\":null}", "{\"username\":\"\",\"password\":\"x\"}",
    "{\"username\":\"admin\",\"password\":\"\"}", "{\"username\":[\"admin\"],\"password\":\"x\"}",
    "{\"username\":\"admin\\u0000\",\"password\":\"x\"}", "{\"username\":\"admin\",\"password\":\"x\\u0000y\"}",
    "{\"username\":\"admin\",\"password\":\"x\"} trailing", "[" * 4000,
]


@pytest.mark.parametrize("body", BAD_BODIES)
def test_anything_that_is_no_login_is_400(server, body):
    answer = server.request("POST", "/api/auth/login", token=None, data=body,
                            headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid request body"


def test_a_login_of_more_than_four_kibibytes_is_refused_before_it_is_read(server):
    whole = json.dumps({"username": "admin", "password": ADMIN_PASSWORD}).encode()
    fitting = whole + b" " * (4096 - len(whole))
    assert server.request("POST", "/api/auth/login", token=None, data=fitting).status_code == 200
    assert server.request("POST", "/api/auth/login/", token=None, data=fitting + b" ").status_code == 413
    for path in (b"/api/auth/login", b"/api/auth/login/", b"http://x/api/auth/login?a", b"/%61pi/auth/login"):
        with Raw(server) as raw:
            raw.send(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n")
            assert raw.answer().status == 413 and raw.closed()
        with Raw(server) as raw:
            raw.send(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + fitting + b"\r\n1\r\n")
            assert raw.answer().status == 413 and raw.closed()


def test_a_form_of_another_site_signs_nobody_in(server):
    whole = json.dumps({"username": "admin", "password": ADMIN_PASSWORD})
    form, unnamed = {"Content-Type": "application/x-www-form-urlencoded"}, {}
    json_type = {"Content-Type": "application/json"}

    def ask(headers, origin):
        return requests.post(server.url + "/api/auth/login", data=whole, headers={**headers, **({"Origin": origin} if origin else {})},
                             timeout=60)

    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example"):
        for headers in (form, unnamed):
            answer = ask(headers, origin)
            assert answer.status_code == 403 and answer.json()["error"] == "origin not allowed"
        assert ask(json_type, origin).status_code == 200
    for origin in (None, "http://localhost:3000", server.url):
        for headers in (form, unnamed, json_type):
            assert ask(headers, origin).status_code == 200
    assert "https://evil.example" in server.log()


def test_a_body_that_is_not_utf8_is_400(server):
    answer = server.request("POST", "/api/auth/login", token=None, data=b'{"username":"\xff","password":"x"}')
    assert answer.status_code == 400


@pytest.mark.parametrize("username,password", [
    ("admin", "wrong"), ("nobody", ADMIN_PASSWORD), ("Butler", "anything"), ("admin", ADMIN_PASSWORD + " "),
    ("admin", ADMIN_PASSWORD.upper()), ("admin ", ADMIN_PASSWORD), ("x" * 4000, "y"), ("admin", "y" * 4000),
    ("' OR 1=1 --", "x"), ("admin%", ADMIN_PASSWORD), ("ünï", "пароль"),
])
def test_wrong_credentials_are_all_the_same(server, username, password):
    answer = login(server, username, password)
    assert answer.status_code == 401
    body = answer.json()
    assert body["error"] == "invalid credentials" and body["code"] == "invalid_credentials"
    assert set(body) == {"error", "code", "request_id"}


def test_agents_cannot_log_in_with_their_token(server):
    _, token = server.agent("login-agent")
    assert login(server, "login-agent", token).status_code == 401


def test_unknown_fields_and_other_content_types_are_taken(server):
    body = json.dumps({"username": "admin", "password": ADMIN_PASSWORD, "remember": True})
    for content_type in ("application/json; charset=utf-8", "application/x-www-form-urlencoded", None):
        headers = {"Content-Type": content_type} if content_type else {}
        answer = requests.post(server.url + "/api/auth/login", data=body, headers=headers, timeout=60)
        assert answer.status_code == 200, content_type


def test_a_bad_token_does_not_hinder_a_login(server):
    assert login(server, headers={"Authorization": "Bearer nonsense"}).status_code == 200


def test_other_methods_are_405(server):
    answer = server.get("/api/auth/login", token=None)
    assert answer.status_code == 405 and "POST" in answer.headers["Allow"]


def test_a_password_may_have_72_bytes_and_its_longer_forms_do_not_match(server):
    password = "p" * 70 + "é"
    server.member("longest", password)
    assert login(server, "longest", password + "x").status_code == 401
    assert login(server, "longest", password[:-1]).status_code == 401


def test_many_logins_at_once_from_one_address_all_succeed(server):
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: login(server).status_code, range(60)))
    assert answers == [200] * 60


def cpu_ticks(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_the_work_is_the_same_whether_the_user_exists_or_not():
    """In the server's CPU time, which a busy machine does not change: 25 hashes of cost 9 are about half a second."""
    with Steward({"auth": {"bcrypt_cost": "9"}, "plugin:auth": {"failures": "0", "address_failures": "0", "user_failures": "0"}}) as server:
        spent = {}
        for name in ("admin", "nobody", "Butler"):
            before = cpu_ticks(server)
            for _ in range(25):
                assert login(server, name, "wrong password").status_code == 401
            spent[name] = cpu_ticks(server) - before
        assert max(spent.values()) < 1.5 * min(spent.values()), spent


def stored_hash(server, name):
    with sqlite3.connect(f"file:{server.database()}?mode=ro", uri=True) as db:
        return db.execute("SELECT password_hash FROM users WHERE username = ?", (name,)).fetchone()[0]


def test_hashes_of_other_methods_work_and_are_made_anew_only_when_weaker():
    """sha512crypt and a lower cost become the configured bcrypt; a higher cost and yescrypt stay."""
    server = Steward({"auth": {"bcrypt_cost": "5"}})
    try:
        server.start()
        hashes = {
            "sha": crypt.crypt("some password", "$6$saltsaltsalt$"),
            "low": crypt.crypt("some password", "$2b$04$abcdefghijklmnopqrstuu"),
            "high": crypt.crypt("some password", "$2b$06$abcdefghijklmnopqrstuu"),
            "old": crypt.crypt("some password", "$2y$05$abcdefghijklmnopqrstuu"),
            "yes": crypt.crypt("some password", "$y$j75$Fa1Ix.pXKgOdUvdiZKmu90$"),
        }
        for name in hashes:
            server.member(name, "first password")
        server.stop()
        with sqlite3.connect(server.database()) as db:
            for name, text in hashes.items():
                assert text, name
                db.execute("UPDATE users SET password_hash = ? WHERE username = ?", (text, name))
        server.start()
        for name in hashes:
            token = server.login(name, "some password")
            assert server.get("/api/users/butler", token=token).status_code == 200
            server.login(name, "some password")
            assert login(server, name, "other password").status_code in (401, 429)
        assert stored_hash(server, "sha").startswith("$2b$05$")
        assert stored_hash(server, "low").startswith("$2b$05$")
        assert stored_hash(server, "high") == hashes["high"]
        assert stored_hash(server, "yes") == hashes["yes"]
    finally:
        server.close()


def test_a_generated_password_is_in_a_file_until_the_first_login():
    with Steward({"auth": {"initial_admin_pass": ""}, "server": {"env": "production"}}) as server:
        path = os.path.join(server.data, "initial-admin-password")
        assert os.stat(path).st_mode & 0o777 == 0o600
        with open(path, encoding="ascii") as file:
            password = file.read().strip()
        assert len(password) >= 24 and password not in server.log()
        assert login(server, password="wrong password").status_code == 401
        assert os.path.exists(path)
        assert login(server, password=password).status_code == 200
        assert not os.path.exists(path)


def test_yescrypt_takes_longer_passwords():
    with Steward({"auth": {"password_method": "yescrypt"}}) as server:
        _, token = server.member("long", "p" * 128)
        assert server.get("/api/users/butler", token=token).status_code == 200
        assert server.post("/api/users", {"username": "toolong", "password": "p" * 129}).status_code == 400
        assert login(server, "long", "p" * 127).status_code == 401
        assert stored_hash(server, "long").startswith("$y$")


def test_no_password_is_in_the_log(server):
    login(server, "admin", "a password nobody may read")
    assert "a password nobody may read" not in server.log() and ADMIN_PASSWORD not in server.log()
