"""Events on their way to a client: frames out, acks in, redelivery."""
import asyncio
import base64
import binascii
import collections
import json
import secrets
import time
import uuid

from . import codec

SCHEDULE = (15, 300, 3600, 21600)
ACK_SECONDS = 3


class Attempt:
    """One sending: a transport id, and what went out under it."""

    def __init__(self, link, frames, order):
        self.link, self.frames, self.sent = link, frames, time.monotonic()
        times = collections.Counter(order)
        self.acks_allowed = min((times[n] for n in range(len(frames))), default=0)
        self.acks = 0


class Delivery:
    def __init__(self, event_id, payload, retried, how):
        self.event_id, self.payload, self.retried, self.how = event_id, payload, retried, how
        self.started = time.monotonic()
        self.attempts = 0
        self.state = "waiting"
        self.answer = None
        self.waiter = None
        self.done = asyncio.Event()

    def describe(self):
        return {"event_id": self.event_id, "state": self.state, "attempts": self.attempts, "ack": self.answer}


def _cuts(payload, how):
    """Where to cut: given, in the middle of the first character of several bytes, or evenly."""
    if how.get("cut_in_character"):
        at = next((n for n, byte in enumerate(payload) if byte >= 0xC0), None)
        if at is None:
            raise ValueError("no character of several bytes to cut")
        return [at + 1]
    if "cuts" in how:
        return how["cuts"]
    parts = how.get("parts", 1)
    return [len(payload) * n // parts for n in range(1, parts)]


class Deliveries:
    def __init__(self, platform):
        self.platform = platform
        self.schedule = list(SCHEDULE)
        self.ack_seconds = ACK_SECONDS
        self.all = {}
        self.acks = []
        self._attempts = {}
        self._sequence = 0
        self._tasks = set()

    # ---- out ----

    def push(self, event, retried=True, how=None):
        """Sends at once; `how`: parts, cuts, cut_in_character, order, type, transport_id, log_id, plain, without, ws_parts, every."""
        delivery = Delivery(event["header"]["event_id"], json.dumps(event, ensure_ascii=False).encode(), retried, how or {})
        self.all[delivery.event_id] = delivery
        delivery.waiter = self._attempt(delivery)
        task = asyncio.get_running_loop().create_task(self._see_through(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return delivery

    def frames(self, payload, service, transport_id, how):
        cuts = [0, *_cuts(payload, how), len(payload)]
        log_id, trace = how.get("log_id", secrets.randbits(50)), secrets.token_hex(17).upper()
        plain = how.get("plain", False)
        frames = []
        for seq in range(len(cuts) - 1):
            self._sequence += 1
            headers = [("type", how.get("type", "event")), ("message_id", transport_id), ("sum", str(len(cuts) - 1)),
                       ("seq", str(seq)), ("trace_id", trace)]
            if not plain:
                headers += [("timestamp", str(int(time.time() * 1000))), ("instance_id", secrets.token_hex(6))]
            headers = [(k, v) for k, v in headers if k not in how.get("without", ())]
            texts = {} if plain else {"payload_encoding": "", "payload_type": "", "log_id_new": trace}
            frames.append(codec.Frame(self._sequence, log_id, service, codec.DATA, headers,
                                      payload=payload[cuts[seq]:cuts[seq + 1]], **texts))
        return frames

    def _attempt(self, delivery):
        """None: there is no connection."""
        delivery.attempts += 1
        link = self.platform.links.choose()
        if link is None:
            return None
        first = delivery.attempts == 1
        how = delivery.how if first or delivery.how.get("every") else {"type": delivery.how.get("type", "event")}
        transport_id = (how.get("transport_id") if first else None) or str(uuid.uuid4())
        frames = self.frames(delivery.payload, link.service, transport_id, how)
        order = how.get("order", range(len(frames)))
        self._attempts[transport_id] = (delivery, Attempt(link, frames, order), delivery.attempts)
        for n in order:
            link.socket.send_in_parts(codec.encode(frames[n]), how.get("ws_parts", 1))
        return asyncio.get_running_loop().create_future()

    async def _see_through(self, delivery):
        waits = self.schedule if delivery.retried else []
        for wait in [*waits, None]:
            if delivery.waiter is not None:
                try:
                    if await asyncio.wait_for(asyncio.shield(delivery.waiter), self.ack_seconds) == 200:
                        delivery.state = "acked"
                        break
                except asyncio.TimeoutError:
                    pass
            if wait is None:
                delivery.state = "failed"
                break
            delivery.state = "waiting to retry"
            await asyncio.sleep(wait)
            delivery.waiter = self._attempt(delivery)
        delivery.done.set()

    # ---- in ----

    def take_ack(self, link, frame):
        transport_id = frame.header("message_id")
        known = self._attempts.get(transport_id)
        if known is None:
            self.platform.violation(f"ack of an unknown message_id {transport_id}")
            return
        delivery, attempt, number = known
        code, answer = self._check(link, frame, attempt)
        late = time.monotonic() - attempt.sent > self.ack_seconds
        self.acks.append({"event_id": delivery.event_id, "transport_id": transport_id, "connection": link.number,
                          "attempt": number, "latency": time.monotonic() - attempt.sent, "late": late, "code": code,
                          "biz_rt": frame.headers[-1][1] if frame.headers else None, "answer": answer})
        delivery.answer = self.acks[-1]
        if number == delivery.attempts and delivery.waiter is not None and not delivery.waiter.done():
            delivery.waiter.set_result(code)

    def _check(self, link, frame, attempt):
        """(code, decoded data) of an ack; everything wrong is noted."""
        wrong = self.platform.violation
        attempt.acks += 1
        if attempt.acks > attempt.acks_allowed:
            wrong("more acks than whole deliveries")
        if link is not attempt.link:
            wrong("ack on another connection")
        part = next((p for p in attempt.frames if p.headers == frame.headers[:-1]), None)
        if part is None:
            wrong(f"ack does not echo all headers in order: {frame.headers}")
        else:
            for field in ("seq_id", "service", "payload_encoding", "payload_type", "log_id_new"):
                sent, came = getattr(part, field), getattr(frame, field)
                if (sent or "") != (came or "") if isinstance(sent, str) else sent != came:
                    wrong(f"ack has another {field}: {came!r}, not {sent!r}")
            if part.log_id < 1 << 53 and frame.log_id != part.log_id:
                wrong("ack has another log_id")
        if not frame.headers or frame.headers[-1][0] != "biz_rt" or not frame.headers[-1][1].lstrip("-").isdigit():
            wrong("the last header of an ack is not biz_rt in milliseconds")
        return self._check_payload(frame.payload)

    def _check_payload(self, payload):
        wrong = self.platform.violation
        try:
            body = json.loads(payload or b"")
            code = body["code"]
        except (ValueError, KeyError, TypeError):
            wrong(f"the payload of an ack is not JSON with a code: {payload!r}")
            return None, None
        if type(code) is not int or code not in (200, 500):
            wrong(f"an ack of code {code!r}")
        data = body.get("data")
        if data is None:
            return code, None
        try:
            return code, json.loads(base64.b64decode(data, validate=True).decode())
        except (ValueError, TypeError, binascii.Error):
            wrong(f"the data of an ack is not base64 of JSON: {data!r}")
            return code, None
