"""Clients that are slow, many, or silent: tests/unit/http/test_limits.c and test_guard.c have the limits one by one; here,
that the options of a server arrive there, and what the whole server does."""
import signal
import time

import pytest

from support.raw_http import Raw
from support.steward import Steward

PING = b"GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n"


def test_limits_are_those_of_the_configuration():
    options = {"limits": {"header_timeout": "1s", "requests_per_second_per_address": "5"}}
    with Steward(options) as server:
        begin = time.monotonic()
        with Raw(server) as silent:
            assert silent.closed(5)
        assert 0.8 < time.monotonic() - begin < 4
        answers = [server.get("/api/ping", token=None) for _ in range(20)]
        limited = [a for a in answers if a.status_code == 429]
        assert limited and all(a.headers["Retry-After"] and a.json()["code"] == "rate_limited" for a in limited)
        assert [a for a in answers if a.status_code == 200]


def test_a_pause_of_the_machine_is_not_the_slowness_of_its_clients():
    """A kept connection, a request whose head is half there and one whose body is: what they sent meanwhile counts."""
    options = {"limits": {"idle_timeout": "6s", "header_timeout": "6s", "body_timeout": "6s"}}
    with Steward(options) as server:
        token = server.admin()
        with Raw(server) as kept, Raw(server) as head, Raw(server) as body, Raw(server) as late:
            for raw in (kept, late):
                raw.send(PING)
                assert raw.answer().status == 200
            head.send(PING[:20])
            line = b'{"agent_id":"x","level":"INFO","content":"y"}'
            post = (b"POST /api/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token.encode() +
                    b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(line))
            body.send(post + line[:5])
            time.sleep(0.2)
            server.process.send_signal(signal.SIGSTOP)
            kept.send(PING)
            head.send(PING[20:])
            body.send(line[5:])
            time.sleep(8)
            server.process.send_signal(signal.SIGCONT)
            assert kept.answer().status == 200
            assert head.answer().status == 200
            assert body.answer().status == 201
            late.send(PING)
            assert late.answer().status == 200
            assert late.closed(60)  # and silence still ends it


def test_stopping_ends_gracefully():
    with Steward() as server:
        with Raw(server) as raw:
            raw.send(PING)
            assert raw.answer().status == 200
            server.stop()
            assert raw.closed()


def test_a_second_server_cannot_take_the_port():
    with Steward() as server:
        with pytest.raises(AssertionError) as failure, Steward({"server": {"port": str(server.port)}}):
            pass
        assert "cannot listen" in str(failure.value)
