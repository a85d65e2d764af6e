"""The upgrade: who gets in, and what the others are told."""
import json
import socket

import pytest
from raw import PING, PONG, Raw, accept_of, frame, handshake


def ask(server, text):
    """Status, headers by lower-case name, body."""
    with socket.create_connection((server.host, server.port)) as sock:
        sock.settimeout(10)
        sock.sendall(text)
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            assert more, data
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        while len(body) < int(headers.get("content-length", 0)):
            body += sock.recv(65536)
    return int(lines[0].split()[1]), headers, body


def test_the_answer_is_the_one_of_rfc_6455(server):
    status, headers, _ = ask(server, handshake(server, f"?token={server.agent_token}"))
    assert status == 101
    assert headers["upgrade"] == "websocket" and headers["connection"] == "upgrade"
    assert headers["sec-websocket-accept"] == accept_of("dGhlIHNhbXBsZSBub25jZQ==").lower()
    assert "sec-websocket-protocol" not in headers and "sec-websocket-extensions" not in headers
    assert headers["x-request-id"]


def test_without_a_token(server):
    status, _, body = ask(server, handshake(server, ""))
    assert status == 401 and json.loads(body)["error"] == "token is required"


@pytest.mark.parametrize("how", ["query", "header", "protocol"])
def test_a_wrong_token_is_refused_wherever_it_stands(server, how):
    query = "?token=ec_wrong_wrong" if how == "query" else ""
    headers = {"header": {"Authorization": "Bearer ec_wrong_wrong"},
               "protocol": {"Sec-WebSocket-Protocol": "bearer, ec_wrong_wrong"}}.get(how)
    status, _, body = ask(server, handshake(server, query, headers))
    assert status == 401 and json.loads(body)["error"] == "invalid credentials"


@pytest.mark.parametrize("how", ["query", "header", "protocol"])
def test_a_token_is_taken_from_three_places_and_never_logged(server, how):
    token = server.agent_token
    query = f"?token={token}" if how == "query" else ""
    headers = {"header": {"Authorization": f"Bearer {token}"},
               "protocol": {"Sec-WebSocket-Protocol": f"bearer, {token}"}}.get(how)
    status, answer, _ = ask(server, handshake(server, query, headers))
    assert status == 101
    assert answer.get("sec-websocket-protocol") == ("bearer" if how == "protocol" else None)
    assert token not in server.log()


@pytest.mark.parametrize("version", ["8", "12", "14", "", "13, 8"])
def test_another_version_is_told_which_one_it_must_be(server, version):
    status, headers, _ = ask(server, handshake(server, f"?token={server.agent_token}", {"Sec-WebSocket-Version": version}))
    assert status == 426 and headers["sec-websocket-version"] == "13"


@pytest.mark.parametrize("key", ["", "short", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ==x", "!!!!IHNhbXBsZSBub25jZQ=="])
def test_a_key_that_is_not_16_bytes_is_refused(server, key):
    status, _, _ = ask(server, handshake(server, f"?token={server.agent_token}", {"Sec-WebSocket-Key": key}))
    assert status == 400


@pytest.mark.parametrize("missing", ["Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"])
def test_a_header_that_is_missing(server, missing):
    status, _, _ = ask(server, handshake(server, f"?token={server.agent_token}", drop=(missing,)))
    assert status in (400, 426)


def test_headers_are_lists_of_words_in_any_case(server):
    headers = {"Upgrade": "WebSocket", "Connection": "keep-alive, UPGRADE"}
    status, _, _ = ask(server, handshake(server, f"?token={server.agent_token}", headers))
    assert status == 101


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "%2B1", "0x10", "1e3"])
def test_a_bad_since_id_is_a_400_before_the_upgrade(server, value):
    status, _, body = ask(server, handshake(server, f"?token={server.agent_token}&since_id={value}"))
    assert status == 400 and json.loads(body)["error"] == "invalid since_id" and json.loads(body)["request_id"]


def test_an_empty_since_id_counts_as_absent(server):
    status, _, _ = ask(server, handshake(server, f"?token={server.agent_token}&since_id="))
    assert status == 101


def test_frames_glued_to_the_head_are_read(server):
    glued = frame("hello", PING) + frame('{"type":"none","local_id":"g"}')
    with Raw(server, server.agent_token, glued=glued) as agent:
        assert agent.read() == (PONG, b"hello")
        assert agent.json()["local_id"] == "g"


def test_a_jwt_is_bound_to_known_origins_and_an_api_token_is_not(server):
    def origin(token, value):
        return ask(server, handshake(server, f"?token={token}", {"Origin": value}))[0]
    assert origin(server.admin(), "http://evil.example") == 403
    assert origin(server.admin(), f"http://{server.host}:1") == 101
    assert origin(server.admin(), "http://localhost:5173") == 101
    for nearly in ("null", f"http://{server.host}:1@evil.example", f"http://{server.host}:1, http://evil.example",
                   f"http://{server.host}.evil.example", f"http://[::1]{server.host}"):
        assert origin(server.admin(), nearly) == 403, nearly
    assert origin(server.agent_token, "http://evil.example") == 101


def test_the_socket_is_usable_after_a_request_on_the_same_connection(server):
    with socket.create_connection((server.host, server.port)) as sock:
        sock.settimeout(10)
        sock.sendall(f"GET /api/ping HTTP/1.1\r\nHost: {server.host}\r\n\r\n".encode())
        data = b""
        while b'"pong"}' not in data:
            data += sock.recv(65536)
        sock.sendall(handshake(server, f"?token={server.agent_token}"))
        assert b" 101 " in sock.recv(65536)
