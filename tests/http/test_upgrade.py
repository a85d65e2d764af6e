"""GET /api/ws as HTTP sees it. What is no handshake, bad tokens and origins are in tests/unit/http/test_upgrade.c."""
from support.raw_http import Raw

UPGRADE = ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")


def ask(server, query="", headers=UPGRADE):
    with Raw(server) as raw:
        raw.send(f"GET /api/ws{query} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n{headers}\r\n".encode())
        return raw.answer(head_only=False)


def test_three_ways_to_send_a_token(server):
    token = server.admin()
    assert ask(server, f"?token={token}").status == 101
    assert ask(server, "", UPGRADE + f"Authorization: Bearer {token}\r\n").status == 101
    answer = ask(server, "", UPGRADE + f"Sec-WebSocket-Protocol: bearer, {token}\r\n")
    assert answer.status == 101 and answer.header("Sec-WebSocket-Protocol") == "bearer"
    assert ask(server, f"?token={token}", UPGRADE + "Origin: http://evil.example\r\n").status == 403
