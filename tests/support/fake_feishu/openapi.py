"""The REST side: token, messages, cards, bot, connections. Decisions are by the JSON code, as with the real one."""
import json
import re
import secrets
import time

from . import cards
from .http import Answer

TOKEN_SECONDS, TOKEN_RENEW_SECONDS, UUID_SECONDS = 7200, 1800, 3600
TEXT_BYTES, POST_BYTES = 150 << 10, 30 << 10
RECEIVERS = {"chat_id": "oc_", "open_id": "ou_", "union_id": "on_", "user_id": "", "email": ""}
MESSAGE = re.compile(r"/open-apis/im/v1/messages/([^/]+)")


class Refused(Exception):
    def __init__(self, code, msg, status=400, headers=None):
        super().__init__(msg)
        self.answer = Answer({"code": code, "msg": msg}, status, headers)


def _ok(data=None, **more):
    return Answer({"code": 0, "msg": "success", "data": data if data is not None else {}, **more})


class Tokens:
    """The same token while half an hour or more is left; then a new one, and both stay valid."""

    def __init__(self, platform):
        self.platform = platform
        self.life = TOKEN_SECONDS
        self.given = {}
        self.revoked = set()

    def give(self):
        now = self.platform.now()
        for token, end in self.given.items():
            if token not in self.revoked and end - now >= min(TOKEN_RENEW_SECONDS, self.life / 4):
                return token, int(end - now)
        token = "t-" + secrets.token_urlsafe(30)
        self.given[token] = now + self.life
        return token, self.life

    def check(self, request):
        sent = request.headers.get("authorization", "")
        if not sent:
            raise Refused(99991661, "Missing access token for authorization. Please make a request with token attached.")
        token = sent.removeprefix("Bearer ")
        if not sent.startswith("Bearer ") or not token.startswith("t-"):
            raise Refused(99991668, "Invalid access token for authorization. Please make a request with token attached.", 401)
        if token in self.revoked or self.given.get(token, 0) <= self.platform.now():
            raise Refused(99991663, "Invalid access token for authorization. Please make a request with token attached.",
                          self.platform.bad_token_status)


class OpenApi:
    def __init__(self, platform):
        self.platform = platform
        self.tokens = Tokens(platform)
        self.messages = {}
        self.updates = []
        self.duplicates = 0
        self.per_chat, self.per_app = 5, 50
        self.names = {}
        self.card_tokens = {}
        self._uuids = {}
        self._recent = []

    # ---- which request is it ----

    def route(self, request):
        """(kind of rule, function)."""
        method, path = request.method, request.path
        fixed = {
            ("POST", "/open-apis/auth/v3/tenant_access_token/internal"): ("token", self.token),
            ("POST", "/open-apis/im/v1/messages"): ("send", self.send),
            ("POST", "/open-apis/interactive/v1/card/update"): ("card_update", self.card_update),
            ("GET", "/open-apis/bot/v3/info"): ("bot", self.bot),
            ("GET", "/open-apis/event/v1/connection"): ("connection", self.connection),
        }
        if (method, path) in fixed:
            return fixed[method, path]
        if method == "POST" and re.fullmatch(MESSAGE.pattern + "/reply", path):
            return "reply", self.reply
        if MESSAGE.fullmatch(path) and method in ("PATCH", "PUT", "GET"):
            return "patch", {"PATCH": self.patch, "PUT": self.put, "GET": self.read}[method]
        if method == "GET" and path.startswith("/open-apis/contact/v3/users/"):
            return "user", self.user
        return "any", lambda request: Answer(b"404 page not found", 404)

    def handle(self, request, work):
        try:
            return work(request)
        except Refused as refused:
            return refused.answer

    @staticmethod
    def _body(request):
        if not request.headers.get("content-type", "").lower().startswith("application/json"):
            raise Refused(99992402, "field validation failed: Content-Type is not application/json")
        try:
            body = request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refused(9499, "Bad Request: body is not a JSON object")
        return body

    # ---- app ----

    def token(self, request):
        body, app = self._body(request), self.platform.app
        if body.get("app_id") != app["app_id"]:
            return Answer({"code": 10003, "msg": "invalid param"}, 400)
        if body.get("app_secret") != app["app_secret"]:
            return Answer({"code": 10014, "msg": "app secret invalid"}, 400)
        token, left = self.tokens.give()
        return Answer({"code": 0, "msg": "ok", "tenant_access_token": token, "expire": left})

    def bot(self, request):
        self.tokens.check(request)
        app = self.platform.app
        return Answer({"code": 0, "msg": "ok", "bot": {"activate_status": 2, "app_name": app["bot_name"],
                                                        "avatar_url": "", "ip_white_list": [],
                                                        "open_id": app["bot_open_id"]}})

    def connection(self, request):
        self.tokens.check(request)
        return _ok({"online_instance_cnt": len(self.platform.links.live())})

    def user(self, request):
        self.tokens.check(request)
        who = request.path.rsplit("/", 1)[1]
        if who not in self.names:
            raise Refused(99991672, "Access denied. One of the following scopes is required: [contact:contact.base:readonly]")
        return _ok({"user": {"open_id": who, "name": self.names[who]}})

    # ---- messages ----

    def _limit(self, target):
        now = time.monotonic()
        self._recent = [(at, where) for at, where in self._recent if now - at < 1]
        if (sum(where == target for _, where in self._recent) >= self.per_chat) or len(self._recent) >= self.per_app:
            raise Refused(99991400, "request trigger frequency limit", 429,
                          {"x-ogw-ratelimit-limit": str(self.per_chat), "x-ogw-ratelimit-reset": "1"})
        self._recent.append((now, target))

    @staticmethod
    def content(body):
        """(msg_type, decoded content)."""
        kind, text = body.get("msg_type"), body.get("content")
        if kind not in ("text", "post", "interactive", "image"):
            raise Refused(230001, "Your request contains an invalid request parameter, ext=invalid msg_type.")
        try:
            content = json.loads(text) if isinstance(text, str) else None
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise Refused(230001, "Your request contains an invalid request parameter, ext=content is not a string in json format.")
        if len(text.encode()) > (TEXT_BYTES if kind == "text" else POST_BYTES):
            raise Refused(230025, "The length of the message content reaches its limit.")
        if kind == "text" and (not isinstance(content.get("text"), str) or not content["text"].strip()):
            raise Refused(230001, "Your request contains an invalid request parameter, ext=text is empty.")
        if kind == "interactive":
            try:
                cards.check(content)
            except cards.BadCard as wrong:
                raise Refused(230099, f"Failed to create card content, ext=ErrCode: 11310; ErrMsg: {wrong};") from None
        return kind, content

    def _post(self, body, target, target_type, parent=None):
        kind, content = self.content(body)
        uuid = body.get("uuid")
        if uuid is not None and (not isinstance(uuid, str) or not 1 <= len(uuid) <= 50):
            raise Refused(99992402, "field validation failed: the max len of uuid is 50")
        known = self._uuids.get(uuid) if uuid else None
        if known and self.platform.now() - known[0] < UUID_SECONDS:
            self.duplicates += 1
            return _ok(self._shape(self.messages[known[1]]))
        self._limit(target)
        message = {"message_id": "om_" + secrets.token_hex(16), "to": target, "to_type": target_type, "msg_type": kind,
                   "content": content, "text": content.get("text") if kind == "text" else None, "uuid": uuid,
                   "reply_to": parent, "reply_in_thread": bool(body.get("reply_in_thread")), "time": time.time(),
                   "versions": [content], "updated": False}
        if kind == "interactive":
            message["buttons"], message["card_text"] = cards.buttons(content), cards.text(content)
        self.messages[message["message_id"]] = message
        if uuid:
            self._uuids[uuid] = (self.platform.now(), message["message_id"])
        return _ok(self._shape(message))

    def _shape(self, message):
        app, when = self.platform.app, str(int(message["time"] * 1000))
        shape = {"message_id": message["message_id"], "msg_type": message["msg_type"], "create_time": when,
                 "update_time": when, "deleted": False, "updated": message["updated"], "chat_id": message["to"],
                 "sender": {"id": app["app_id"], "id_type": "app_id", "sender_type": "app", "tenant_key": app["tenant_key"]},
                 "body": {"content": json.dumps(message["content"], ensure_ascii=False)}}
        if message["reply_to"]:
            shape["root_id"] = shape["parent_id"] = message["reply_to"]
        return shape

    def send(self, request):
        self.tokens.check(request)
        kind, body = request.query.get("receive_id_type"), self._body(request)
        target = body.get("receive_id")
        if kind not in RECEIVERS:
            raise Refused(99992402, "field validation failed: receive_id_type is required")
        if not isinstance(target, str) or not target or not target.startswith(RECEIVERS[kind]):
            raise Refused(230001, "Your request contains an invalid request parameter, ext=invalid receive_id.")
        if target in self.platform.left_chats:
            raise Refused(230002, "Bot/User can NOT be out of the chat.")
        return self._post(body, target, kind)

    def reply(self, request):
        self.tokens.check(request)
        parent = MESSAGE.match(request.path)[1]
        chat = self.platform.chats.get(parent) or self.messages.get(parent, {}).get("to")
        if chat is None:
            raise Refused(230011, "The message is not found, or was withdrawn.")
        if chat in self.platform.left_chats:
            raise Refused(230002, "Bot/User can NOT be out of the chat.")
        return self._post(self._body(request), chat, "chat_id", parent)

    def _mine(self, request):
        message = self.messages.get(MESSAGE.match(request.path)[1])
        if message is None:
            raise Refused(230001, "Your request contains an invalid request parameter, ext=invalid message_id.")
        return message

    def read(self, request):
        self.tokens.check(request)
        return _ok({"items": [self._shape(self._mine(request))]})

    def update(self, message, card, how):
        if not message["content"].get("config", {}).get("update_multi") or not card.get("config", {}).get("update_multi"):
            raise Refused(230099, "update_multi must be true before and after")
        message.update(content=card, updated=True, buttons=cards.buttons(card), card_text=cards.text(card))
        message["versions"].append(card)
        self.updates.append({"message_id": message["message_id"], "how": how, "card": card, "text": message["card_text"],
                             "time": time.time()})

    def patch(self, request):
        self.tokens.check(request)
        message = self._mine(request)
        if message["msg_type"] != "interactive":
            raise Refused(230001, "Your request contains an invalid request parameter, ext=this message is not a card.")
        _, card = self.content({"msg_type": "interactive", "content": self._body(request).get("content")})
        self.update(message, card, "patch")
        return _ok()

    def put(self, request):
        self.tokens.check(request)
        message = self._mine(request)
        if message["msg_type"] == "interactive":
            raise Refused(230001, "Your request contains an invalid request parameter, ext=cards are updated by PATCH.")
        _, message["content"] = self.content(self._body(request))
        message["versions"].append(message["content"])
        return _ok(self._shape(message))

    def card_update(self, request):
        """The delayed update: after the callback was answered, within 30 minutes, twice at most."""
        self.tokens.check(request)
        body = self._body(request)
        known = self.card_tokens.get(body.get("token"))
        if known is None or not known["answered"] or known["uses"] >= 2 or self.platform.now() - known["time"] > 1800:
            raise Refused(300090, "the token is unknown, spent, expired, or the callback was not answered yet")
        try:
            cards.check(body.get("card"))
        except cards.BadCard as wrong:
            raise Refused(230099, str(wrong)) from None
        known["uses"] += 1
        message = self.messages.get(known["message_id"])
        if message is not None:
            self.update(message, body["card"], "delayed")
        return _ok()
