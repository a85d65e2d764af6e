"""The server's end of a WebSocket, with everything a test may want to do to it."""
import asyncio
import base64
import hashlib
import struct

from .http import cut

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MESSAGE_MAX = 4 << 20


class Violation(Exception):
    """The client broke RFC 6455."""


def accept_key(key):
    return base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def refusal(headers):
    """Why this is no opening handshake; None when it is one."""
    if headers.get("upgrade", "").lower() != "websocket" or "upgrade" not in headers.get("connection", "").lower():
        return "no upgrade to websocket"
    if headers.get("sec-websocket-version") != "13":
        return "Sec-WebSocket-Version is not 13"
    try:
        if len(base64.b64decode(headers.get("sec-websocket-key", ""), validate=True)) != 16:
            return "Sec-WebSocket-Key is not 16 bytes"
    except ValueError:
        return "Sec-WebSocket-Key is not base64"
    return None


class WebSocket:
    def __init__(self, request):
        self.reader, self.writer = request.reader, request.writer
        self.frozen = False
        self.thawed = asyncio.Event()
        self.thawed.set()
        self.pongs = 0
        self.client_close = None
        self._close_sent = False
        self.writer.write((
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(request.headers['sec-websocket-key'])}\r\n\r\n").encode())

    # ---- sending; never blocks: what the client does not take is kept ----

    def send(self, data, opcode=BINARY, fin=True):
        if self.frozen or self.writer.is_closing() or self._close_sent:
            return False
        size = len(data)
        if size < 126:
            head = struct.pack("!BB", fin << 7 | opcode, size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", fin << 7 | opcode, 126, size)
        else:
            head = struct.pack("!BBQ", fin << 7 | opcode, 127, size)
        self.writer.write(head + data)
        return True

    def send_in_parts(self, data, parts):
        """One message in that many WebSocket frames, with a ping between them."""
        cuts = [len(data) * n // parts for n in range(parts + 1)]
        for n in range(parts):
            self.send(data[cuts[n]:cuts[n + 1]], BINARY if n == 0 else CONTINUATION, n == parts - 1)
            if n < parts - 1:
                self.send(b"between", PING)

    def close(self, code, reason=""):
        self.send(struct.pack("!H", code) + reason.encode(), CLOSE)
        self._close_sent = True

    def abort(self):
        self.thaw()
        cut(self.writer)

    def freeze(self):
        """Half-open: reads nothing, writes nothing, ends nothing."""
        self.frozen = True
        self.thawed.clear()
        self.writer.transport.pause_reading()

    def thaw(self):
        if self.frozen:
            self.frozen = False
            self.writer.transport.resume_reading()
            self.thawed.set()

    # ---- receiving ----

    async def _frame(self):
        first, second = await self.reader.readexactly(2)
        if first & 0x70:
            raise Violation("a reserved bit is set")
        if not second & 0x80:
            raise Violation("a frame is not masked")
        size = second & 0x7F
        if size == 126:
            size = struct.unpack("!H", await self.reader.readexactly(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", await self.reader.readexactly(8))[0]
        if size > MESSAGE_MAX:
            raise Violation(f"a frame of {size} bytes")
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(size)
        repeated = (mask * (size // 4 + 1))[:size]
        data = (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
        return bool(first & 0x80), first & 0x0F, data

    async def messages(self):
        """(opcode, bytes) of every whole data message, until the connection ends."""
        kind, parts = None, []
        while True:
            fin, opcode, data = await self._frame()
            await self.thawed.wait()
            if opcode >= CLOSE:
                if not fin or len(data) > 125:
                    raise Violation("a control frame is fragmented or too long")
                if opcode == CLOSE:
                    self.client_close = struct.unpack("!H", data[:2])[0] if len(data) > 1 else 1005
                    self.close(self.client_close if len(data) > 1 else 1000)
                    return
                if opcode == PING:
                    self.send(data, PONG)
                else:
                    self.pongs += 1
                continue
            if (opcode == 0) != (kind is not None):
                raise Violation("a continuation without a start, or a start without an end")
            kind = kind or opcode
            parts.append(data)
            if fin:
                yield kind, b"".join(parts)
                kind, parts = None, []
