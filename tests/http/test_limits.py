"""Clients that are slow, many, or silent."""
import time

import pytest

from support.raw_http import Raw, drip
from support.steward import Steward, eventually

PING = b"GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def strict():
    options = {"limits": {"header_timeout": "1s", "body_timeout": "1500ms", "idle_timeout": "2s", "reply_stall": "2s",
                          "connections": "60"}}
    with Steward(options) as server:
        yield server


def test_a_slow_head_is_cut(strict):
    took, answer = drip(strict, b"GET /api/ping HTTP/1.1\r\nHost: x\r\nA: ", b"a")
    assert 0.8 < took < 4 and (answer is None or answer.status == 408)


def test_a_slow_body_is_cut(strict):
    took, answer = drip(strict, b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"b")
    assert 1.2 < took < 5 and (answer is None or answer.status == 408)


def test_a_slow_chunked_body_is_cut(strict):
    took, answer = drip(strict, b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                        b"1\r\nx\r\n")
    assert 1.2 < took < 5 and (answer is None or answer.status == 408)


def test_a_silent_connection_is_closed(strict):
    begin = time.monotonic()
    with Raw(strict) as raw:
        assert raw.closed(5)
    assert 0.8 < time.monotonic() - begin < 4


def test_an_idle_connection_is_closed(strict):
    with Raw(strict) as raw:
        raw.send(PING)
        assert raw.answer().status == 200
        begin = time.monotonic()
        assert raw.closed(8)
        assert 1.5 < time.monotonic() - begin < 6


def test_more_connections_than_allowed_wait(strict):
    many = [Raw(strict) for _ in range(150)]
    try:
        for raw in many:
            raw.send(PING)
        time.sleep(0.5)
        ready = []
        for raw in many:
            raw.socket.settimeout(0.001)
            try:
                ready.append(raw._more())
            except TimeoutError:
                ready.append(False)
        assert 55 <= sum(ready) <= 66
        for raw, served in zip(many, ready):
            if served:
                raw.close()
        for raw, served in zip(many, ready):
            if not served:
                raw.socket.settimeout(20)
                assert raw.answer().status == 200
                raw.close()
    finally:
        for raw in many:
            raw.close()
    eventually(lambda: strict.get("/api/ping", token=None).status_code == 200)


def test_a_cap_per_address():
    with Steward({"limits": {"connections_per_address": "4", "per_address_loopback": "true"}}) as server:
        many = [Raw(server) for _ in range(4)]
        for raw in many:
            raw.send(PING)
            assert raw.answer().status == 200
        with Raw(server) as fifth:
            answer = fifth.answer()
            assert answer is None or answer.status == 503
            assert fifth.closed()
        for raw in many:
            raw.close()
        eventually(lambda: _pings(server))


def _pings(server):
    with Raw(server) as raw:
        raw.send(PING)
        answer = raw.answer()
        return answer is not None and answer.status == 200


def test_a_limit_of_requests_per_address():
    with Steward({"limits": {"requests_per_second_per_address": "5"}}) as server:
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
