"""Malformed requests: refused, and nothing glued behind them is answered. tests/unit/http has them all (test_torture.c,
test_head_check.c, test_chunk_walk.c); here, that the server is made of what is tested there."""
from support.raw_http import once

PING = b"GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

REFUSED = {
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 10\r\n\r\n{ }  " + PING,
    "a chunk size with a plus": POST + b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n" + PING,
    "a double slash": b"GET //evil/a HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
}


def test_what_is_malformed_is_refused_and_the_server_is_well(server):
    for name, request in REFUSED.items():
        answer, closed = once(server, request)
        assert answer is not None and answer.status == 400, name
        assert closed, name
        body = answer.json()
        assert set(body) == {"error", "code", "request_id"} and body["request_id"] == answer.header("X-Request-Id")
    assert server.get("/api/health", token=None).json() == {"status": "ok"}
