"""A small HTTP/1.1 server on asyncio streams: the handler has the connection itself in its hands, to break it."""
import asyncio
import json
import socket
import urllib.parse


class Cut(Exception):
    """Raised by a handler: end the TCP connection at once, with RST, without an answer."""


class Request:
    def __init__(self, method, target, headers, body, reader, writer):
        parts = urllib.parse.urlsplit(target)
        self.method, self.path = method, urllib.parse.unquote(parts.path)
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        self.headers, self.body = headers, body
        self.reader, self.writer = reader, writer

    def json(self):
        return json.loads(self.body or b"{}")


class Answer:
    """body: an object becomes JSON, bytes stay."""

    def __init__(self, body=b"", status=200, headers=None):
        self.status, self.headers = status, dict(headers or {})
        if not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
            self.headers.setdefault("Content-Type", "application/json; charset=utf-8")
        self.body = body

    def write(self, writer):
        head = [f"HTTP/1.1 {self.status} {'OK' if self.status == 200 else 'Answer'}"]
        head += [f"{key}: {value}" for key, value in self.headers.items()]
        head.append(f"Content-Length: {len(self.body)}")
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + self.body)


def cut(writer):
    """RST instead of FIN, what was not sent yet is thrown away."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        except OSError:
            pass
    writer.transport.abort()


async def _read_body(reader, headers):
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while True:
            size = int((await reader.readline()).split(b";")[0], 16)
            body += (await reader.readexactly(size + 2))[:size]
            if size == 0:
                return body
    return await reader.readexactly(int(headers.get("content-length", "0")))


async def _read_request(reader, writer):
    line = await reader.readline()
    if not line.strip():
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers = {}
    while (line := await reader.readline()).strip():
        key, _, value = line.decode("latin-1").partition(":")
        headers[key.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return Request(method, target, headers, await _read_body(reader, headers), reader, writer)


async def serve(handler, port=0):
    """handler(request) gives an Answer, or None when it has taken the connection over and is done with it."""
    async def talk(reader, writer):
        try:
            while (request := await _read_request(reader, writer)) is not None:
                answer = await handler(request)
                if answer is None:
                    break
                answer.write(writer)
                await writer.drain()
                if request.headers.get("connection", "").lower() == "close":
                    break
        except Cut:
            cut(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, TimeoutError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", port, limit=1 << 20, backlog=512)
