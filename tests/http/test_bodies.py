"""Sizes of heads and bodies."""
import json

import requests

from support.raw_http import Raw, once

MIB = 1 << 20


def head(path, length, token=None):
    auth = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{auth}Content-Length: {length}\r\n\r\n".encode()


def test_a_body_that_is_announced_too_large_is_refused_at_once(server):
    for length in (9 * MIB, 10**12, 10**30):
        with Raw(server) as raw:
            raw.send(head("/api/messages", length))
            answer = raw.answer()
            assert answer.status == 413 and answer.json()["code"] == "too_large"
            assert raw.closed()


def test_a_413_is_for_browsers_too(server):
    """The caller's request id, and what CORS needs: else a dashboard only sees a network error."""
    for size in ("Content-Length: 99999999", "Transfer-Encoding: chunked"):
        with Raw(server) as raw:
            raw.send(b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\norigin:http://localhost:3000\r\nX-Request-Id: mine-1\r\n" +
                     size.encode() + b"\r\n\r\n")
            if "chunked" in size:
                raw.send(b"200000\r\n")
            answer = raw.answer()
            assert answer.status == 413 and answer.json()["request_id"] == "mine-1" == answer.header("X-Request-Id")
            assert answer.header("Access-Control-Allow-Origin") == "http://localhost:3000"
    with Raw(server) as raw:
        raw.send(b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\nX-Request-Id: " + b"x" * 65 +
                 b"\r\nContent-Length: 99999999\r\n\r\n")
        answer = raw.answer()
        assert answer.header("Access-Control-Allow-Origin") is None and len(answer.header("X-Request-Id")) < 65


def test_most_routes_take_one_mebibyte(server):
    for size, status in ((MIB - 100, 400), (MIB, 413)):
        body = json.dumps({"action_id": "x" * size, "approved": True}).encode()
        assert server.request("POST", "/api/chat/auth/response", data=body).status_code == status


def test_arrays_of_messages_may_be_larger(server):
    rows = [{"agent_id": "a", "level": "INFO", "content": "x" * 7000} for _ in range(300)]
    assert 1.5 * MIB < len(json.dumps(rows)) < 8 * MIB
    assert server.post("/api/messages", rows).status_code == 201


def test_whoever_sends_it_all_still_reads_the_413(server):
    answer = requests.post(server.url + "/api/messages", data=b"x" * (40 * MIB), timeout=60)
    assert answer.status_code == 413


def test_a_chunked_body_is_counted_as_it_comes(server):
    with Raw(server) as raw:
        raw.send(b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            if not raw.send(b"20000\r\n" + b"x" * 0x20000 + b"\r\n"):
                break
        answer = raw.answer()
        assert answer.status == 413
        assert raw.closed()


def test_a_chunked_body_works(server):
    def pieces():
        yield b'{"agent_id":"chunky",'
        yield b'"level":"info","content":"in pieces"}'
    answer = server.request("POST", "/api/messages", data=pieces())
    assert answer.status_code == 201 and answer.json()["content"] == "in pieces"


def test_heads_have_a_limit(server):
    answer, closed = once(server, b"GET /api/ping HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20000 + b"\r\n\r\n")
    assert answer.status in (400, 413, 431) and closed
    answer, closed = once(server, b"GET /api/ping?" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.status in (400, 413, 414) and closed
    answer, closed = once(server, b"GET /api/ping HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n")
    assert answer.status in (400, 413, 431) and closed
    answer, _ = once(server, b"GET /api/ping HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 15000 + b"\r\n\r\n")
    assert answer.status == 200


def test_a_missing_body_counts_as_an_empty_object(server):
    for extra in ("Content-Length: 0\r\n", "", "Content-Type: text/plain\r\nContent-Length: 0\r\n"):
        token = server.admin()
        answer, _ = once(server, f"POST /api/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{extra}\r\n"
                         .encode())
        assert answer.status == 400 and "required" in answer.json()["error"]
