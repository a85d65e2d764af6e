"""Behind a proxy, and under which names: who the client is, which host is asked, whose page it is."""
import pytest
from support.raw_http import Raw, once
from support.steward import Steward, eventually

UPGRADE = ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")


def ask(server, target, *headers, host="x", method="GET"):
    lines = "".join(f"{line}\r\n" for line in headers)
    answer, _ = once(server, f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())
    return answer


def socket(server, *headers, host="steward:8080", target="/api/ws"):
    lines = "".join(f"{line}\r\n" for line in headers)
    with Raw(server) as raw:
        raw.send(f"GET {target}?token={server.admin()} HTTP/1.1\r\nHost: {host}\r\n{UPGRADE}{lines}\r\n".encode())
        return raw.answer().status


@pytest.fixture(scope="module")
def behind():
    with Steward({"server": {"trusted_proxies": "127.0.0.0/8"}}) as server:
        yield server


def test_forged_headers_before_the_proxys_own_hide_no_client(behind):
    for count in (1, 16, 17, 100):
        forged = [f"X-Forwarded-For: 198.51.100.{i}, unknown" for i in range(count)]
        ask(behind, f"/api/forged/{count}", *forged, "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 127.0.0.7")
        eventually(lambda n=count: f"/api/forged/{n} " in behind.log(), what="the access log")
        line = next(line for line in behind.log().splitlines() if f"/api/forged/{count} " in line)
        assert " 203.0.113.9 " in line, line


def test_a_long_chain_in_one_header_is_read_from_its_end(behind):
    chain = ", ".join(f"198.51.100.{i % 250}" for i in range(800))
    ask(behind, "/api/chain", f"X-Forwarded-For: {chain}, 203.0.113.9, 127.0.0.7")
    eventually(lambda: "/api/chain " in behind.log(), what="the access log")
    assert " 203.0.113.9 " in next(line for line in behind.log().splitlines() if "/api/chain " in line)


def test_the_host_that_a_trusted_proxy_was_asked_is_the_own_origin(behind):
    page = "Origin: https://dash.example"
    assert socket(behind, page) == 403
    assert socket(behind, page, "X-Forwarded-Host: dash.example") == 101
    assert socket(behind, page, "X-Forwarded-Host:\tDASH.example:443") == 101
    assert socket(behind, page, "X-Forwarded-Host: dash.example, inner:8080") == 101
    assert socket(behind, page, "X-Forwarded-Host: outer", "X-Forwarded-Host: dash.example") == 101
    assert socket(behind, page, "X-Forwarded-Host: dash.example.evil") == 403
    assert socket(behind, page, host="dash.example") == 101
    assert socket(behind, page, target="http://dash.example/api/ws") == 101
    assert socket(behind, page, host="dash.example", target="http://evil/api/ws") == 403


def test_a_refused_origin_is_named_in_the_log_with_the_host(behind):
    assert socket(behind, "Origin: https://other.example", "X-Forwarded-Host: front.example", host="inner:1") == 403
    eventually(lambda: "https://other.example" in behind.log(), what="the line about the Origin")
    lines = [line for line in behind.log().splitlines() if "https://other.example" in line]
    assert len(lines) == 1 and " info http " in lines[0]
    assert "inner:1" in lines[0] and "front.example" in lines[0] and "cors.allowed_origins" in lines[0]


def test_a_proxy_that_is_not_trusted_is_named_once_with_the_option():
    with Steward() as server:
        assert socket(server, "Origin: https://dash.example", "X-Forwarded-Host: dash.example") == 403
        for header in ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: a"):
            assert ask(server, "/api/ping", header).status == 200
        lines = [line for line in server.log().splitlines() if "server.trusted_proxies" in line]
        assert len(lines) == 1 and " warn http 127.0.0.1 " in lines[0], lines
        assert "203.0.113.9" not in server.log()
    with Steward({"server": {"trusted_proxies": "127.0.0.1"}}) as server:
        assert ask(server, "/api/ping", "X-Forwarded-For: 203.0.113.9").status == 200
        assert "server.trusted_proxies" not in server.log()


def test_only_the_listed_hosts_are_answered():
    hosts = "steward.example, console.example:8443, *.corp.example"
    with Steward({"server": {"hosts": hosts, "trusted_proxies": "127.0.0.1"}}) as server:
        for host in ("steward.example", "Steward.EXAMPLE:99", "steward.example.", "console.example:8443", "a.corp.example",
                     "b.a.corp.example:1"):
            assert ask(server, "/api/health", host=host).status == 200, host
            assert ask(server, "/api/messages", host=host).status == 401, host
        for host in ("evil.example", "steward.example.evil", "console.example", "console.example:80", "corp.example",
                     "xcorp.example", "127.0.0.1", "localhost", ""):
            answer = ask(server, "/api/messages", host=host)
            assert answer.status == 421 and "server.hosts" in answer.json()["error"], host
            assert ask(server, "/nowhere", host=host).status == 421
            assert ask(server, "/api/auth/login", host=host, method="OPTIONS").status == 421
        assert ask(server, "http://steward.example/api/messages", host="evil.example").status == 401
        assert ask(server, "http://evil.example/api/messages", host="steward.example").status == 421
        # What the proxy was asked counts.
        assert ask(server, "/api/messages", "X-Forwarded-Host: evil.example", host="steward.example").status == 421
        assert ask(server, "/api/messages", "X-Forwarded-Host: steward.example, x", host="inner").status == 401
        # Who watches over the server on its own machine asks by address.
        for host in ("127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "localhost"):
            assert ask(server, "/api/ping", host=host).status == 200
            assert ask(server, "/api/health", host=host).status == 200
        assert ask(server, "/api/ping", host="evil.example").status == 421
        answer, _ = once(server, b"GET /api/messages HTTP/1.0\r\n\r\n")
        assert answer.status == 421
