"""The long connection: discovery, handshake, pings, and what the platform checks of a client."""
import asyncio
import json
import random
import secrets
import time

from . import codec
from .http import Answer, cut
from .websocket import BINARY, Violation, WebSocket, refusal

SERVICE_BASE = 33554678
TICKET_SECONDS = 60


class Link:
    """One connection."""

    def __init__(self, number, socket, service):
        self.number, self.socket, self.service = number, socket, service
        self.opened = time.monotonic()
        self.ping_times = []
        self.ended = None

    def describe(self):
        now = time.monotonic()
        return {"id": self.number, "service_id": self.service, "age": now - self.opened, "open": self.ended is None,
                "ended": self.ended, "frozen": self.socket.frozen, "pings": len(self.ping_times),
                "first_ping_after": self.ping_times[0] - self.opened if self.ping_times else None,
                "ping_ages": [round(now - t, 3) for t in self.ping_times[-50:]], "ws_pongs": self.socket.pongs,
                "client_close": self.socket.client_close}


class Links:
    def __init__(self, platform):
        self.platform = platform
        self.config = {"ReconnectCount": -1, "ReconnectInterval": 90, "ReconnectNonce": 25, "PingInterval": 90}
        self.pong = "full"
        self.limit = 50
        self.all = []
        self._tickets = {}
        self._numbers = iter(range(1, 1 << 30))

    def live(self):
        return [link for link in self.all if link.ended is None]

    def choose(self):
        """Each event goes to one live connection, at random; to a half-open one when there is no other."""
        live = self.live()
        return random.choice([link for link in live if not link.socket.frozen] or live) if live else None

    # ---- discovery ----

    def endpoint(self, request):
        app = self.platform.app
        try:
            body = request.json()
        except ValueError:
            body = {}
        if request.method != "POST" or not isinstance(body, dict):
            return Answer({"code": 9499, "msg": "Bad Request", "data": {}}, 400)
        if body.get("AppID") != app["app_id"] or body.get("AppSecret") != app["app_secret"]:
            return Answer({"code": 514, "msg": "auth failed", "data": {}})
        if len(self.live()) >= self.limit:
            return Answer({"code": 1000040350, "msg": "the number of connections exceeded the limit", "data": {}})
        number = next(self._numbers)
        ticket, service = secrets.token_hex(16), SERVICE_BASE + number
        self._tickets[ticket] = (time.monotonic(), number, service)
        host, port = request.writer.get_extra_info("sockname")[:2]
        url = (f"ws://{host}:{port}/ws/v2?fpid=493&aid=552564&device_id={76774 + number}"
               f"&access_key={secrets.token_hex(16)}&service_id={service}&ticket={ticket}")
        return Answer({"code": 0, "msg": "", "data": {"URL": url, "ClientConfig": self.config}})

    # ---- the connection itself ----

    def handshake(self, request):
        """An Answer that refuses, or the Link."""
        wrong = refusal(request.headers)
        if wrong:
            self.platform.violation(f"handshake: {wrong}")
            return Answer(wrong.encode(), 400)
        given, number, service = self._tickets.pop(request.query.get("ticket", ""), (None, 0, 0))
        if given is None or time.monotonic() - given > TICKET_SECONDS:
            return Answer(b"", 403, {"Handshake-Status": "403", "Handshake-Msg": "ticket used or unknown"})
        if request.query.get("service_id") != str(service) or request.query.get("fpid") != "493":
            self.platform.violation("handshake: the URL was changed")
        return Link(number, WebSocket(request), service)

    async def serve(self, link):
        self.all.append(link)
        try:
            async for opcode, data in link.socket.messages():
                if opcode != BINARY:
                    self.platform.violation("a text message")
                    continue
                self._take(link, data)
            link.ended = f"close {link.socket.client_close}"
        except Violation as wrong:
            self.platform.violation(f"websocket: {wrong}")
            link.socket.close(1002)
            link.ended = str(wrong)
        except (ConnectionError, asyncio.IncompleteReadError) as end:
            link.ended = type(end).__name__
        finally:
            link.ended = link.ended or "ended"
            if link.socket.frozen:
                cut(link.socket.writer)

    def _take(self, link, data):
        try:
            frame = codec.decode(data)
        except codec.BadFrame as wrong:
            self.platform.violation(f"a message is no frame: {wrong}")
            return
        kind = frame.header("type")
        if frame.method == codec.CONTROL and kind == "ping":
            self._take_ping(link, frame)
        elif frame.method == codec.DATA:
            self.platform.deliveries.take_ack(link, frame)
        else:
            self.platform.violation(f"a frame of method {frame.method} and type {kind}")

    def _take_ping(self, link, frame):
        link.ping_times.append(time.monotonic())
        if frame.service != link.service:
            self.platform.violation(f"ping of service {frame.service} on a connection of {link.service}")
        if frame.payload:
            self.platform.violation("a ping with a payload")
        if self.pong == "mute":
            return
        payload = None
        if self.pong == "full":
            payload = json.dumps(self.config).encode()
        elif isinstance(self.pong, dict):
            payload = json.dumps(self.pong).encode()
        elif self.pong != "empty":
            payload = self.pong.encode()
        link.socket.send(codec.encode(codec.Frame(service=frame.service, headers=[("type", "pong")], payload=payload)))

    # ---- breaking it ----

    def drop(self, how, code=1001, number=None):
        """how: abort (RST), close (a close frame), end (FIN without one), freeze (half-open), thaw, ping (opcode 9)."""
        hit = [link for link in self.live() if number in (None, link.number)]
        for link in hit:
            if how == "close":
                link.socket.close(code, "server going away")
            elif how == "end":
                link.socket.writer.close()
            elif how == "ping":
                link.socket.send(b"are you there", 9)
            else:
                getattr(link.socket, how)()
        return len(hit)
