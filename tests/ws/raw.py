"""A WebSocket client that says exactly what a test wants it to: good frames, bad frames, half frames."""
import base64
import hashlib
import json
import os
import socket
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(payload, op=TEXT, fin=True, rsv=0, mask=True, form=None):
    """`form`: bytes of the length (0, 2, 8), minimal when None."""
    payload = payload.encode() if isinstance(payload, str) else payload
    size = len(payload)
    form = form if form is not None else 0 if size < 126 else 2 if size < 65536 else 8
    head = bytes([(0x80 if fin else 0) | rsv << 4 | op])
    bit = 0x80 if mask else 0
    head += bytes([bit | size]) if form == 0 else bytes([bit | (126 if form == 2 else 127)]) + size.to_bytes(form, "big")
    if not mask:
        return head + payload
    key = os.urandom(4)
    keys = (key * (size // 4 + 1))[:size]
    return head + key + (int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")).to_bytes(size, "big")


def handshake(server, query, headers=None, drop=()):
    """The text of an upgrade request; `headers` replace or add, `drop` leaves out."""
    lines = {"Host": f"{server.host}:{server.port}", "Upgrade": "websocket", "Connection": "Upgrade",
             "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    lines.update(headers or {})
    text = f"GET /api/ws{query} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if k not in drop)
    return (text + "\r\n").encode()


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


class Raw:
    """An open socket. read() gives (opcode, payload); None at the end of the connection."""

    def __init__(self, server, token, query="", glued=b"", headers=None, seconds=20, rcvbuf=None):
        self.buffer = b""
        self.sock = socket.socket()
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.connect((server.host, server.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(max(seconds, 20))
        self.sock.sendall(handshake(server, f"?token={token}{query}", headers) + glued)
        while b"\r\n\r\n" not in self.buffer:
            more = self.sock.recv(65536)
            assert more, self.buffer
            self.buffer += more
        self.head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        assert b" 101 " in self.head, self.head
        self.sock.settimeout(seconds)

    def send(self, *pieces):
        self.sock.sendall(b"".join(frame(json.dumps(p)) if isinstance(p, dict) else p for p in pieces))

    def _need(self, count):
        while len(self.buffer) < count:
            try:
                more = self.sock.recv(65536)
            except ConnectionError:
                return False
            if not more:
                return False
            self.buffer += more
        return True

    def read(self):
        if not self._need(2):
            return None
        first, size, at = self.buffer[0], self.buffer[1], 2
        assert not size & 0x80, "a masked frame from the server"
        if size >= 126:
            at += 2 if size == 126 else 8
            if not self._need(at):
                return None
            size = int.from_bytes(self.buffer[2:at], "big")
        if not self._need(at + size):
            return None
        payload, self.buffer = self.buffer[at:at + size], self.buffer[at + size:]
        self.rsv = first >> 4 & 7
        return first & 15, payload

    def json(self, kind=None):
        """The next text frame (of that type)."""
        while True:
            got = self.read()
            assert got is not None, "the connection has ended"
            if got[0] == CLOSE:
                raise AssertionError(f"closed: {self.code_of(got[1])} {got[1][2:]!r}")
            if got[0] == TEXT:
                value = json.loads(got[1])
                if kind is None or value["type"] == kind:
                    return value

    @staticmethod
    def code_of(payload):
        return struct.unpack("!H", payload[:2])[0] if payload else 1005

    def wait_close(self, answer=True):
        """(code, reason) of the server's close frame; None: the connection ended without one."""
        while True:
            got = self.read()
            if got is None:
                return None
            if got[0] == CLOSE:
                if answer:
                    try:
                        self.sock.sendall(frame(got[1][:2], CLOSE))
                    except OSError:
                        pass
                return self.code_of(got[1]), got[1][2:].decode()

    def ended(self, seconds=3):
        """Does the server end the TCP connection?"""
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
            return True
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def abort(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
