"""What holds for every route: methods, errors, request ids, CORS, HEAD, pipelining, content types."""
import json
import re

import pytest

from support.raw_http import Raw, once
from support.steward import Steward, eventually

ORIGIN = "http://localhost:3000"


def call(server, method, path, **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    return server.request(method, path, token=None, headers=headers)


def test_ping(server):
    answer = call(server, "GET", "/api/ping")
    assert (answer.status_code, answer.text) == (200, '{"message":"pong"}')
    assert answer.headers["Content-Type"] == "application/json"


def test_health_says_more_to_admins(server):
    assert call(server, "GET", "/api/health").text == '{"status":"ok"}'
    full = server.get("/api/health").json()
    assert full["status"] == "ok" and full["version"] and full["uptime_seconds"] >= 0
    assert full["checks"]["storage"]["ok"] is True and full["checks"]["storage"]["latency_ms"] >= 0
    assert full["checks"]["plugins"]["messages"] == "enabled"


def test_an_unknown_route(server):
    answer = call(server, "GET", "/api/nothing", X_Request_Id="abc")
    assert answer.status_code == 404
    assert answer.json() == {"error": "not found", "code": "not_found", "request_id": "abc"}


@pytest.mark.parametrize("path,allow", [("/api/ping", "GET, HEAD, OPTIONS"), ("/api/auth/login", "POST, OPTIONS"),
                                        ("/api/messages", "GET, HEAD, POST, OPTIONS")])
def test_a_wrong_method(server, path, allow):
    answer = call(server, "DELETE", path)
    assert answer.status_code == 405 and answer.headers["Allow"] == allow
    assert answer.json()["code"] == "method_not_allowed"


def test_request_ids(server):
    assert call(server, "GET", "/api/ping", X_Request_Id="Mine-1._").headers["X-Request-Id"] == "Mine-1._"
    for bad in ("a b", "ä".encode().decode("latin-1"), "x" * 65, ""):
        given = call(server, "GET", "/api/ping", X_Request_Id=bad).headers["X-Request-Id"]
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given) and given != bad
    ids = {call(server, "GET", "/api/ping").headers["X-Request-Id"] for _ in range(20)}
    assert len(ids) == 20


def test_head_works_wherever_get_does(server):
    token = server.admin()
    for path in ("/api/ping", "/api/messages", "/api/users/agents", "/api/health"):
        got = server.get(path, token=token)
        answer = server.request("HEAD", path, token=token)
        assert answer.status_code == 200 and answer.content == b""
        assert answer.headers["Content-Length"] == str(len(got.content)), path
    assert server.request("HEAD", "/api/auth/login", token=None).status_code == 405


def test_signed_in_routes_want_a_token(server):
    for value, text in ((None, "authorization header required"), ("", "authorization header required"),
                        ("abc", "invalid authorization header format"),
                        ("Basic abc", "invalid authorization header format"), ("Bearer abc", "invalid token"),
                        ("Bearer a.b.c", "invalid token")):
        headers = {} if value is None else {"Authorization": value}
        answer = server.get("/api/messages", token=None, headers=headers)
        assert answer.status_code == 401 and answer.json()["error"] == text, value
        assert answer.json()["code"] == "unauthenticated"


def test_admin_routes_want_an_admin(server):
    _, member = server.member("nora")
    _, agent = server.agent("scout-admin")
    for token in (member, agent):
        answer = server.get("/api/users", token=token)
        assert answer.status_code == 403 and answer.json()["error"] == "admin access required"
        assert answer.json()["code"] == "forbidden"


@pytest.mark.parametrize("blanks", [" ", "\t", " \t ", ""])
def test_blanks_before_a_header_s_value_are_spaces_and_tabs(server, blanks):
    head = f"Host: x\r\nConnection: close\r\nX-Request-Id:{blanks}mine-1\r\nAuthorization:{blanks}Bearer {server.admin()}\r\n"
    answer, _ = once(server, f"GET /api/users/butler HTTP/1.1\r\n{head}\r\n".encode())
    assert (answer.status, answer.header("X-Request-Id")) == (200, "mine-1")


@pytest.mark.parametrize("listed, origin, good", [
    ("https://dash.example/", "https://dash.example", True),
    ("https://dash.example/", "https://dash.example.evil", False),
    ("https://*.corp.example", "https://ops.corp.example", True),
    ("https://*.corp.example/", "https://a.b.corp.example", True),
    ("https://*.corp.example:8443", "https://a.corp.example:8443", True),
    ("https://*.corp.example", "https://corp.example", False),
    ("https://*.corp.example", "https://.corp.example", False),
    ("https://*.corp.example", "https://evilcorp.example", False),
    ("https://*.corp.example", "http://ops.corp.example", False),
    ("https://*.corp.example", "https://evil.example/ops.corp.example", False),
    ("https://*.corp.example", "https://ops.corp.example:8443", False),
])
def test_a_slash_at_the_end_and_a_star_for_a_name_are_understood(listed, origin, good):
    with Steward(plugins="auth, users", options={"cors": {"allowed_origins": listed}}) as server:
        answer = call(server, "GET", "/api/ping", Origin=origin)
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if good else None)


def test_a_listed_origin_gets_cors_headers(server):
    for path, status in (("/api/ping", 200), ("/api/messages", 401), ("/api/nothing", 404)):
        answer = call(server, "GET", path, Origin=ORIGIN)
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert {"X-Total-Count", "X-Request-Id"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert "Origin" in answer.headers["Vary"]


def test_another_origin_is_served_without_them(server):
    answer = call(server, "GET", "/api/ping", Origin="http://evil.example")
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("path", ["/api/messages", "/api/users/agents/7/token", "/api/nothing", "/"])
def test_a_preflight_is_answered_everywhere(server, path):
    answer = call(server, "OPTIONS", path, Origin=ORIGIN, Access_Control_Request_Method="PATCH",
                  Access_Control_Request_Headers="authorization, content-type")
    assert answer.status_code == 204 and answer.content == b""
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "POST", "PUT", "PATCH", "DELETE",
                                                                              "OPTIONS"}
    assert {"Authorization", "Content-Type", "Idempotency-Key"} <= set(
        answer.headers["Access-Control-Allow-Headers"].split(", "))
    assert answer.headers["Access-Control-Max-Age"] == "43200"
    other = call(server, "OPTIONS", path, Origin="http://evil.example", Access_Control_Request_Method="PATCH")
    assert other.status_code == 204
    assert not [name for name in other.headers if name.startswith("Access-Control")]


def test_content_types(server):
    login = '{"username":"nobody","password":"nothing"}'
    for kind, status in ((None, 401), ("application/json", 401), ("application/json; charset=utf-8", 401),
                         ("application/vnd.x+json", 401), ("application/x-www-form-urlencoded", 401),
                         ("text/plain", 415), ("application/xml", 415), ("multipart/form-data; boundary=x", 415)):
        headers = {"Content-Type": kind} if kind else {}
        answer = server.request("POST", "/api/auth/login", token=None, headers=headers, data=login.encode())
        assert answer.status_code in (status, 429 if status == 401 else status), (kind, answer.text)
    assert server.get("/api/messages", headers={"Content-Type": "text/plain"}).status_code == 200


def test_a_body_that_is_no_json(server):
    for data in (b"{", b"[1,", b"{} {}", b"\xff", b"nonsense", b'{"username":"\xff"}'):
        answer = server.request("POST", "/api/messages", headers={"Content-Type": "application/json"}, data=data)
        assert answer.status_code == 400, data
        assert answer.json()["error"] == "invalid request body"


def test_pipelined_requests_are_answered_in_order(server):
    token = server.admin()
    ping = b"GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n"
    list_ = f"GET /api/messages?limit=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    with Raw(server) as raw:
        raw.send((list_ + ping) * 20 + list_)
        for _ in range(20):
            answer = raw.answer()
            assert answer.status == 200 and answer.body.startswith(b"[")
            assert raw.answer().body == b'{"message":"pong"}'
        assert raw.answer().status == 200


def test_connections_of_http_1_0(server):
    answer, closed = once(server, b"GET /api/ping HTTP/1.0\r\n\r\n")
    assert answer.status == 200 and closed
    with Raw(server) as raw:
        for _ in range(3):
            raw.send(b"GET /api/ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = raw.answer()
            assert answer.status == 200 and answer.header("Connection") == "keep-alive"


def test_100_continue(server):
    head = b"POST /api/messages HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    with Raw(server) as raw:
        raw.send(head % 2)
        assert raw.answer().status == 100
        raw.send(b"{}")
        assert raw.answer().status == 401
        raw.send(head % 5_000_000_000)
        assert raw.answer().status == 413
        assert raw.closed()


def test_the_token_of_a_socket_is_never_logged(server):
    with Raw(server) as raw:
        raw.send(b"GET /api/ws?token=sekret-query HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.answer().status == 401
        raw.send(b"GET /api/ws HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Protocol: bearer, sekret-protocol\r\n\r\n")
        assert raw.answer().status == 401
        raw.send(b"GET /api/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sekret-bearer\r\n\r\n")
        assert raw.answer().status == 401
    eventually(lambda: server.log().count("access GET /api/ws 401") >= 2, what="the access log")
    assert "sekret" not in server.log()


@pytest.mark.parametrize("kind", ["text", "json"])
def test_nothing_that_a_stranger_sends_is_unseen_in_the_access_log(kind):
    hidden = "\u202e\u200b\u009b\U000e0061\u2800\u00ad"
    with Steward({"log": {"format": kind}}) as server:
        with Raw(server) as raw:
            raw.send(f"GET /shown{hidden}/\u4e2d HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert raw.answer().status == 404
            raw.send(f"GET /long{hidden * 40} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert raw.answer().status == 404
        eventually(lambda: "/long" in server.log(), what="the access log")
        assert "/shown<U+202E><U+200B><U+009B><U+E0061><U+2800><U+00AD>/\u4e2d" in server.log()
        assert not set(hidden) & set(server.log())
        if kind == "json":
            lines = [json.loads(line) for line in server.log().splitlines()]
            assert any(line.get("path", "").startswith("/shown<U+202E>") for line in lines)
