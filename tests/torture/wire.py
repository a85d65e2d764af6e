"""HTTP and WebSocket over a plain socket: a new connection for each call, and an end that is told from an answer."""
import base64
import json
import os
import socket
import struct
import time

PATIENCE = float(os.environ.get("TORTURE_PATIENCE", "120"))  # of one call; a server that has not answered by then hangs


class Hang(AssertionError):
    """There was neither an answer nor an end of the connection."""


def connect(server):
    link = socket.create_connection((server.host, server.port), timeout=PATIENCE)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def receive(link, size=65536):
    """b"": the connection has ended, however."""
    try:
        return link.recv(size)
    except socket.timeout:
        raise Hang("no answer") from None
    except OSError:
        return b""


def send(link, data):
    try:
        link.sendall(data)
    except OSError:
        pass


def call(server, method, path, body=None, token=None, headers=()):
    """(status, body as bytes); (0, b"") when the connection ended without a whole answer."""
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {server.host}:{server.port}", "Connection: close", *headers]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    try:
        link = connect(server)
    except ConnectionError:
        return 0, b""
    with link:
        send(link, "\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        got = b""
        while chunk := receive(link):
            got += chunk
    head, found, rest = got.partition(b"\r\n\r\n")
    if not found:
        return 0, b""
    names = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    if len(rest) < int(names.get(b"content-length", 0)):
        return 0, b""
    return int(head.split(b" ")[1]), rest


class Wire:
    """A WebSocket. `status`: of the answer to the upgrade, 0 when there was none; `code`: why it ended, 1006 without a
    close frame, None while it is open."""

    def __init__(self, server, token, query=""):
        self.link = connect(server)
        self.code, self.left = None, b""
        key = base64.b64encode(os.urandom(16)).decode()
        send(self.link, (f"GET /api/ws?token={token}{query} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
                         f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                         "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.left:
            chunk = receive(self.link)
            if not chunk:
                self.status, self.code = 0, 1006
                return
            self.left += chunk
        head, _, self.left = self.left.partition(b"\r\n\r\n")
        self.status = int(head.split(b" ")[1])
        if self.status != 101:
            self.code = 1006

    def _frame(self, kind, data):
        mask = os.urandom(4)
        head = bytes([0x80 | kind])
        head += bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack(">BH", 0x80 | 126, len(data))
        send(self.link, head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def send(self, frame):
        self._frame(1, json.dumps(frame).encode())

    def _bytes(self, count):
        while len(self.left) < count:
            chunk = receive(self.link)
            if not chunk:
                return None
            self.left += chunk
        data, self.left = self.left[:count], self.left[count:]
        return data

    def get(self):
        """The next frame; None when the socket has ended."""
        by = time.monotonic() + PATIENCE
        while self.code is None:
            head = self._bytes(2)
            size = None if head is None else head[1] & 127
            if size in (126, 127):
                more = self._bytes(2 if size == 126 else 8)
                size = None if more is None else int.from_bytes(more, "big")
            data = None if size is None else self._bytes(size)
            if data is None:
                self.code = 1006
            elif head[0] & 15 == 8:
                self.code = int.from_bytes(data[:2], "big") if data else 1005
            elif head[0] & 15 == 9:
                self._frame(10, data)
                if time.monotonic() > by:
                    raise Hang("nothing but pings")
            elif head[0] & 15 == 1:
                return json.loads(data)
        return None

    def until(self, *kinds):
        """The first frame of one of these types; None when the socket has ended."""
        while frame := self.get():
            if frame["type"] in kinds:
                return frame
        return None

    def close(self):
        self.link.close()
