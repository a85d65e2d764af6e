"""The platform: all parts together, and the answer to each request of a client."""
import asyncio
import time

from . import events
from .cards import BadCard, check as check_card
from .control import COMMANDS
from .delivery import Deliveries
from .http import Answer
from .link import Link, Links
from .openapi import OpenApi, Refused
from .rules import Rules

APP = {"app_id": "cli_0123456789abcdef", "app_secret": "the app's very own secret 7f3a", "tenant_key": "2ca1d211f64f6438",
       "verification_token": "", "bot_open_id": "ou_the_bot_itself", "bot_name": "管家"}


class Platform:
    def __init__(self):
        self.app = dict(APP)
        self.rules = Rules()
        self.links = Links(self)
        self.deliveries = Deliveries(self)
        self.openapi = OpenApi(self)
        self.chats = {}
        self.left_chats = set()
        self.bad_token_status = 400
        self.clock_offset = 0
        self.requests = []
        self.violations = []

    def now(self):
        return time.time() + self.clock_offset

    def violation(self, text):
        self.violations.append(text)

    # ---- a client's request ----

    async def handle(self, request):
        started = time.time()
        kind, work = self._work(request)
        entry = {"kind": kind, "method": request.method, "path": request.path, "query": request.query, "time": started,
                 "body": request.body.decode("utf-8", "replace"), "status": None, "code": None, "answer": None}
        self.requests.append(entry)
        entry["answer"] = "cut"
        answer = await self.rules.apply(kind, work)
        if isinstance(answer, Link):
            entry.update(status=101, answer=None, seconds=time.time() - started)
            await self.links.serve(answer)
            return None
        answer.headers["X-Tt-Logid"] = f"log{len(self.requests)}"
        entry.update(status=answer.status, answer=answer.body.decode("utf-8", "replace"), seconds=time.time() - started)
        return answer

    def _work(self, request):
        if request.path == "/callback/ws/endpoint":
            return "endpoint", lambda: self.links.endpoint(request)
        if request.path == "/ws/v2":
            return "handshake", lambda: self.links.handshake(request)
        kind, work = self.openapi.route(request)
        return kind, lambda: self.openapi.handle(request, work)

    # ---- what users do ----

    def push_message(self, want):
        event = events.message(self.app, want)
        said = event["event"]["message"]
        self.chats[said["message_id"]] = said["chat_id"]
        delivery = self.deliveries.push(event, how=want.get("how"))
        return delivery, said["message_id"]

    async def click(self, want):
        """The answer as the user sees it: what the ack says, or the error the app shows."""
        card = self.openapi.messages.get(want.get("open_message_id"))
        if card is not None:
            want.setdefault("open_chat_id", card["to"])
        event = events.click(self.app, want)
        known = {"message_id": want.get("open_message_id"), "answered": False, "uses": 0, "time": self.now()}
        self.openapi.card_tokens[event["event"]["token"]] = known
        started = time.monotonic()
        delivery = self.deliveries.push(event, retried=False, how=want.get("how"))
        await delivery.done.wait()
        seen = {"event_id": delivery.event_id, "seconds": time.monotonic() - started, "code": None, "answer": None,
                "error": None, "token": event["event"]["token"]}
        if delivery.state != "acked":
            seen["error"] = 200671 if delivery.answer and not delivery.answer["late"] else 200341
            return seen
        known["answered"] = True
        seen.update(code=delivery.answer["code"], answer=delivery.answer["answer"])
        seen["error"] = self._show(card, seen["answer"])
        return seen

    def _show(self, card, answer):
        """Does what a card callback's answer asks for; gives the error a user would see."""
        if not isinstance(answer, dict) or set(answer) - {"toast", "card"}:
            return 200672
        toast = answer.get("toast")
        if toast is not None and (toast.get("type") not in ("info", "success", "error", "warning")
                                  or not isinstance(toast.get("content"), str)):
            return 200672
        if answer.get("card") is None:
            return None
        data = answer["card"].get("data")
        if answer["card"].get("type") != "raw" or not isinstance(data, dict):
            return 200673
        try:
            check_card(data)
            if card is not None:
                if (data.get("schema") == "2.0") != (card["content"].get("schema") == "2.0"):
                    return 200673
                self.openapi.update(card, data, "ack")
        except (BadCard, Refused):
            return 200673
        return None

    async def control(self, request):
        """The control API: POST /<name> with a JSON object."""
        command = COMMANDS.get(request.path.strip("/"))
        if command is None:
            return Answer({"error": f"no command {request.path}"}, 404)
        try:
            result = command(self, request.json())
            if asyncio.iscoroutine(result):
                result = await result
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            return Answer({"error": f"{type(wrong).__name__}: {wrong}"}, 400)
        return Answer(result if result is not None else {})
