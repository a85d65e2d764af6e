"""GET /api/ws as HTTP sees it: tokens, origins, and what is no handshake."""
import pytest

from support.raw_http import Raw

UPGRADE = ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")


def ask(server, query="", headers=UPGRADE):
    with Raw(server) as raw:
        raw.send(f"GET /api/ws{query} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n{headers}\r\n".encode())
        return raw.answer(head_only=False)


def test_no_token(server):
    for query in ("", "?token=", "?other=1"):
        answer = ask(server, query)
        assert answer.status == 401 and answer.json()["error"] == "token is required"
    assert ask(server, "", "").json()["error"] == "token is required"


def test_a_bad_token(server):
    for query, headers in (("?token=nonsense", ""), ("", "Authorization: Bearer nonsense\r\n"),
                           ("", "Sec-WebSocket-Protocol: bearer, nonsense\r\n")):
        answer = ask(server, query, UPGRADE + headers)
        assert answer.status == 401 and answer.json()["error"] == "invalid credentials"


def test_three_ways_to_send_a_token(server):
    token = server.admin()
    assert ask(server, f"?token={token}").status == 101
    assert ask(server, "", UPGRADE + f"Authorization: Bearer {token}\r\n").status == 101
    answer = ask(server, "", UPGRADE + f"Sec-WebSocket-Protocol: bearer, {token}\r\n")
    assert answer.status == 101 and answer.header("Sec-WebSocket-Protocol") == "bearer"


def test_what_is_no_handshake(server):
    query = f"?token={server.admin()}"
    for headers, status in (("", 426), (UPGRADE.replace("13", "8"), 426), (UPGRADE.replace("websocket", "h2c"), 426),
                            (UPGRADE.replace("Connection: Upgrade\r\n", ""), 426),
                            (UPGRADE.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"), 400)):
        assert ask(server, query, headers).status == status, headers


@pytest.mark.parametrize("origin,allowed", [("http://evil.example", False), ("null", False),
                                            ("http://localhost:3000", True), ("https://127.0.0.1:9999", True)])
def test_origins_bind_browsers_only(server, origin, allowed):
    if "agent" not in server.tokens:
        server.tokens["agent"] = server.agent("origin-scout")[1]
    header = f"Origin: {origin}\r\n"
    answer = ask(server, f"?token={server.admin()}", UPGRADE + header)
    assert answer.status == (101 if allowed else 403)
    if not allowed:
        assert answer.json()["error"] == "origin not allowed"
    assert ask(server, f"?token={server.tokens['agent']}", UPGRADE + header).status == 101
