"""What the fake does wrong on purpose: rules that a test sets, each for one kind of request."""
import asyncio
import dataclasses

from .http import Answer, Cut

KINDS = ("endpoint", "handshake", "token", "send", "reply", "patch", "card_update", "bot", "connection", "user", "any")


@dataclasses.dataclass
class Rule:
    """The next `times` requests of this kind (-1: all) are treated like this; what is not set stays as it should be.

    status, code, msg, headers: refuse, without doing what was asked. raw: this text is the whole body.
    delay: seconds before anything is done. delay_after: seconds between doing and answering.
    cut: "before" or "after" doing it, the connection is reset instead of an answer. hold: done, but not answered
    until the rule is cleared."""
    kind: str
    times: int = 1
    skip: int = 0
    status: int = 200
    code: int | None = None
    msg: str = "refused by a rule"
    headers: dict = dataclasses.field(default_factory=dict)
    raw: str | None = None
    data: object = None
    delay: float = 0
    delay_after: float = 0
    cut: str = ""
    hold: bool = False
    used: int = 0

    def refuses(self):
        return self.status != 200 or self.code is not None or self.raw is not None

    def refusal(self):
        if self.raw is not None:
            return Answer(self.raw.encode(), self.status, self.headers)
        body = {"code": self.code if self.code is not None else self.status, "msg": self.msg}
        body["data"] = self.data if self.data is not None else {}
        return Answer(body, self.status, self.headers)


class Rules:
    def __init__(self):
        self.list = []
        self.released = asyncio.Event()

    def add(self, **fields):
        rule = Rule(**fields)
        if rule.kind not in KINDS:
            raise ValueError(f"no kind of request: {rule.kind}")
        self.list.append(rule)

    def clear(self, kind=None):
        self.list = [rule for rule in self.list if kind and rule.kind != kind]
        self.released.set()
        self.released = asyncio.Event()

    def take(self, kind):
        for rule in self.list:
            if rule.kind not in (kind, "any") or rule.times == 0:
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            rule.times -= rule.times > 0
            rule.used += 1
            return rule
        return None

    async def apply(self, kind, work):
        """work() does the request and gives its answer."""
        rule = self.take(kind)
        if rule is None:
            return work()
        await asyncio.sleep(rule.delay)
        if rule.cut == "before":
            raise Cut
        if rule.refuses():
            return rule.refusal()
        released = self.released
        answer = work()
        if rule.hold:
            await released.wait()
        await asyncio.sleep(rule.delay_after)
        if rule.cut == "after":
            raise Cut
        return answer
