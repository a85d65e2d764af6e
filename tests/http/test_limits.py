"""Clients that are slow, many, or silent: tests/unit/http/test_limits.c and test_guard.c have the limits one by one; here,
that the options of a server arrive there, and what the whole server does."""
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
