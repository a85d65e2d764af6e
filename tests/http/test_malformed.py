"""Malformed requests: each is refused, the connection ends, and nothing glued behind it is answered."""
import pytest

from support.raw_http import Raw, once

PING = b"GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

REFUSED = {
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 10\r\n\r\n{ }  " + PING,
    "the same length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n{ }  " + PING,
    "a length with a plus": POST + b"Content-Length: +5\r\n\r\n{ }  " + PING,
    "a negative length": POST + b"Content-Length: -5\r\n\r\n{ }  " + PING,
    "a hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\n{ }  " + PING,
    "a list of lengths": POST + b"Content-Length: 5, 5\r\n\r\n{ }  " + PING,
    "an empty length": POST + b"Content-Length: \r\n\r\n" + PING,
    "a length that is no number": POST + b"Content-Length: five\r\n\r\n" + PING,
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + PING,
    "a space before the colon": POST + b"Content-Length : 5\r\n\r\n{ }  " + PING,
    "a tab before the colon": POST + b"Content-Length\t: 5\r\n\r\n{ }  " + PING,
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + PING,
    "chunked, identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + PING,
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + PING,
    "an unknown coding": POST + b"Transfer-Encoding: cow\r\n\r\n0\r\n\r\n" + PING,
    "a quoted coding": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n' + PING,
    "a vertical tab in the coding": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + PING,
    "chunks in HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + PING,
    "a chunk size with 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n" + PING,
    "a chunk size with a plus": POST + b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n" + PING,
    "a negative chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n" + PING,
    "a chunk size that is none": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n" + PING,
    "a huge chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n" + PING,
    "a chunk without its line end": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n" + PING,
    "a chunk that is too long": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n" + PING,
    "chunks with bare line feeds": POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n" + PING,
    "a trailer": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n" + PING,
    "an authorization in a trailer": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: x\r\n\r\n" + PING,
    "a NUL in a value": POST + b"A: b\0c\r\nContent-Length: 2\r\n\r\n{}" + PING,
    "a NUL in a name": POST + b"A\0B: c\r\nContent-Length: 2\r\n\r\n{}" + PING,
    "a NUL that ends the head": POST + b"\0\r\nContent-Length: 2\r\n\r\n{}" + PING,
    "a bell in a value": POST + b"A: \x07\r\nContent-Length: 2\r\n\r\n{}" + PING,
    "a DEL in a value": POST + b"A: \x7f\r\nContent-Length: 2\r\n\r\n{}" + PING,
    "a folded header": POST + b"A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}" + PING,
    "a folded first header": b"GET /api/ping HTTP/1.1\r\n Host: x\r\n\r\n" + PING,
    "bare line feeds": b"GET /api/ping HTTP/1.1\nHost: x\n\n" + PING,
    "one bare line feed": POST + b"A: b\nContent-Length: 2\r\n\r\n{}" + PING,
    "a bare carriage return": POST + b"A: b\rContent-Length: 2\r\n\r\n{}" + PING,
    "no colon": POST + b"Content-Length\r\n\r\n" + PING,
    "no name": POST + b": b\r\n\r\n" + PING,
    "a name with a space": POST + b"A B: c\r\n\r\n" + PING,
    "a name with a bracket": POST + b"A(B): c\r\n\r\n" + PING,
    "no host": b"GET /api/ping HTTP/1.1\r\n\r\n" + PING,
    "two hosts": b"GET /api/ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + PING,
    "a host with a space": b"GET /api/ping HTTP/1.1\r\nHost: a b\r\n\r\n" + PING,
    "a host with a path": b"GET /api/ping HTTP/1.1\r\nHost: a/b\r\n\r\n" + PING,
    "two authorizations": b"GET /api/ping HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n" + PING,
    "a double slash": b"GET //evil/a HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "an absolute target": b"GET http://evil/api/ping HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "a target without a slash": b"GET api/ping HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "a fragment": b"GET /api/ping#a HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "a space in the target": b"GET /api/ping x HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "two spaces": b"GET  /api/ping HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "a control character in the target": b"GET /api/\x01ping HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "a NUL in the target": b"GET /api/ping\0 HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "no UTF-8 in the target": b"GET /api/ping?q=\xff HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "a broken escape": b"GET /api/ping?q=%zz HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "a cut escape": b"GET /api/ping?q=% HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "an escaped NUL in the path": b"GET /api/%00ping HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "an escaped NUL in the query": b"GET /api/ping?q=%00 HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "HTTP/0.9": b"GET /api/ping\r\n\r\n" + PING,
    "HTTP/2.0": b"GET /api/ping HTTP/2.0\r\nHost: x\r\n\r\n" + PING,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.1x": b"GET /api/ping HTTP/1.1x\r\nHost: x\r\n\r\n" + PING,
    "no version": b"GET /api/ping \r\nHost: x\r\n\r\n" + PING,
    "no method": b" /api/ping HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "a method in lower case": b"get /api/ping HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "an unknown method": b"BREW /api/ping HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "TRACE": b"TRACE /api/ping HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "CONNECT": b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n" + PING,
    "a TLS client": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40,
    "noise": bytes(range(256)),
    "an unknown expectation": POST + b"Expect: pigs\r\nContent-Length: 2\r\n\r\n{}" + PING,
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(server, name):
    answer, closed = once(server, REFUSED[name])
    assert answer is not None and answer.status in (400, 413, 417, 501, 505), answer
    assert closed, answer
    body = answer.json()
    assert set(body) == {"error", "code", "request_id"} and body["request_id"] == answer.header("X-Request-Id")


def test_the_server_is_well_after_all_that(server):
    assert server.get("/api/health", token=None).json() == {"status": "ok"}


def test_a_bad_request_behind_a_good_one_is_refused(server):
    with Raw(server) as raw:
        raw.send(PING + b"GET //x HTTP/1.1\r\nHost: x\r\n\r\n" + PING)
        assert raw.answer().status == 200
        assert raw.answer().status == 400
        assert raw.closed()


def test_a_chunked_request_is_answered_and_ends_its_connection(server):
    with Raw(server) as raw:
        raw.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" b"2\r\n{}\r\n0\r\n\r\n" + PING)
        assert raw.answer().status in (400, 401)
        assert raw.closed()


def test_a_head_with_a_body_ends_its_connection(server):
    with Raw(server) as raw:
        raw.send(b"HEAD /api/ping HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(PING) + PING)
        assert raw.answer(head_only=True).status == 200
        assert raw.closed()


def test_one_empty_line_before_a_request_is_ignored(server):
    with Raw(server) as raw:
        raw.send(b"\r\n" + PING + b"\r\n" + PING)
        assert raw.answer().status == 200
        assert raw.answer().status == 200


def test_a_raw_utf8_query_is_served(server):
    answer, _ = once(server, "GET /api/ping?q=错误 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.status == 200
