"""What a tortured server is asked: every route and every type of frame, each with what is right.

A scenario prepares (nothing fails then) and acts (something may fail). Acting gives RIGHT, or ERROR when the server says
that it could not, or GONE when the connection ended, or a text: what was wrong. An error of the client's (4xx) is wrong
when the client made none."""
import json
import uuid

from .wire import Hang, Wire

RIGHT, ERROR, GONE = "right", "error", "gone"
OF_THE_SERVER = {"overloaded", "storage_unavailable"}
OF_NO_MEMORY = {1006, 1011, 1013, 4008}


class Scenario:
    def __init__(self, name, act, prepare=None):
        self.name, self.act, self.prepare = name, act, prepare or (lambda house: None)


def fresh(house, what):
    return f"{what}-{next(house.count)}"


# ---- routes ----

def http(line, body=None, who="admin", expect=200, prepare=None, keep=None, headers=(), name=None):
    """`line` and `body` may be made from what prepare(house) gave; `keep` gets (house, given, answer)."""
    def act(house, given):
        method, path = (line(house, given) if callable(line) else line.format(house=house, given=given)).split(" ", 1)
        data = body(house, given) if callable(body) else body
        extra = headers(house) if callable(headers) else headers
        status, text = house.call(method, path, data, who(given) if callable(who) else who, extra)
        if status == 0:
            return GONE
        if status != expect:
            return ERROR if status >= 500 else f"{status} {text[:300]!r}"
        answer = json.loads(text) if text[:1] in (b"{", b"[") else text
        if keep:
            wrong = keep(house, given, answer)
            if wrong:
                return wrong
        return RIGHT
    return Scenario(name or (line if isinstance(line, str) else name), act, prepare)


def rows(least):
    return lambda house, given, answer: None if len(answer) >= least else f"{len(answer)} rows: {str(answer)[:200]}"


def has(**members):
    def look(house, given, answer):
        missing = {k: v for k, v in members.items() if answer.get(k) != v}
        return f"{missing} is not in {str(answer)[:200]}" if missing else None
    return look


def a_message(house, content):
    return {"agent_id": "tortured", "level": "INFO", "content": content}


def keep_messages(house, given, answer):
    for row in answer if isinstance(answer, list) else [answer]:
        house.keep("messages", row["id"], row["content"])


def new_agent(house):
    answer = house.server.post("/api/users/agents", {"username": fresh(house, "short-lived")}).json()
    return answer


def new_user(house):
    return house.server.post("/api/users", {"username": fresh(house, "human"), "password": "a good password"}).json()


def new_request(house):
    """An approval that waits."""
    action = str(uuid.uuid4())
    butler = Wire(house.server, house.token["butler"])
    butler.send(auth_request(house, action))
    got = butler.until("ACK", "ERROR")
    assert got and got["type"] == "ACK", got
    butler.close()
    return action


def new_chat(house):
    """The id of a CHAT that ADMIN has not seen."""
    agent = Wire(house.server, house.token["agent"])
    agent.send({"type": "CHAT", "target_id": 1, "payload": "new", "ack": True})
    row_id = agent.until("ACK")["id"]
    agent.close()
    return row_id


def new_rule(house):
    return house.server.post("/api/approvals/rules", {"tool": "Bash", "pattern": fresh(house, "ls "), "effect": "allow"}).json()


def remove_rule(house, given, answer):
    if isinstance(answer, dict) and "id" in answer:
        house.server.delete(f"/api/approvals/rules/{answer['id']}")


READS = [
    http("GET /api/ping", who=None, keep=has(message="pong")),
    http("GET /api/health", who=None),
    http("GET /api/health", name="GET /api/health as ADMIN"),
    http("GET /metrics"),
    http("GET /api/openapi.json", keep=has(openapi="3.1.0")),
    http("GET /api/plugins"),
    http("GET /api/users/agents", keep=rows(2)),
    http("GET /api/users/agents?q=agent&page=1&limit=5", keep=rows(1)),
    http("GET /api/users/agents/status", keep=rows(1)),
    http("GET /api/users/butler", keep=has(id=2)),
    http("GET /api/users/ops/status"),
    http("GET /api/users", keep=rows(3)),
    http("GET /api/messages", keep=rows(30)),
    http("GET /api/messages?q=word&level=info&limit=20", keep=rows(20)),
    http("GET /api/messages?q=wo", keep=rows(1)),
    http("GET /api/messages?after_id=1&limit=5", keep=rows(5)),
    http("GET /api/chat/history/2", keep=rows(5)),
    http("GET /api/chat/history/{house.agent_id}", keep=rows(5)),
    http("GET /api/chat/butler-agent/{house.agent_id}"),
    http("GET /api/chat/updates?after_id=0", keep=rows(5)),
    http("GET /api/chat/threads", keep=rows(1)),
    http("GET /api/chat/threads/{house.thread_id}/messages", keep=rows(1)),
    http("GET /api/approvals"),
    http("GET /api/approvals/rules"),
    http("GET /api/integrations/feishu"),
    http("GET /api/integrations/feishu/{house.feishu_id}/logs"),
    http("GET /api/messages", who="agent", name="GET /api/messages with an api token"),
]

REFUSALS = [
    http("GET /api/nothing", expect=404),
    http("DELETE /api/ping", expect=405),
    http("GET /api/users", who=None, expect=401, name="GET /api/users without a token"),
    http("GET /api/users", who=lambda given: given, expect=401, name="GET /api/users with a wrong token",
         prepare=lambda house: "ec_" + uuid.uuid4().hex),
    http("POST /api/messages", {"agent_id": 7}, expect=400, name="POST /api/messages with a wrong body"),
    http("POST /api/auth/login", {"username": "admin", "password": "wrong"}, who=None, expect=401,
         name="POST /api/auth/login with a wrong password"),
    http("OPTIONS /api/messages", who=None, expect=204, name="a preflight", headers=(
        "Origin: http://localhost:3000", "Access-Control-Request-Method: POST")),
]

WRITES = [
    http("POST /api/messages", lambda house, given: a_message(house, given), expect=201, keep=keep_messages,
         prepare=lambda house: fresh(house, "one message")),
    http("POST /api/messages", lambda house, given: [a_message(house, f"{given} {n} \" é") for n in range(50)], expect=201,
         keep=keep_messages, prepare=lambda house: fresh(house, "many"), name="POST /api/messages of an array"),
    http("POST /api/messages", lambda house, given: a_message(house, given), expect=201, keep=keep_messages,
         prepare=lambda house: fresh(house, "keyed"), name="POST /api/messages with Idempotency-Key",
         headers=lambda house: (f"Idempotency-Key: {uuid.uuid4()}",)),
    http("POST /api/messages", lambda house, given: a_message(house, given + " x" * 30000), expect=201, keep=keep_messages,
         prepare=lambda house: fresh(house, "long"), name="POST /api/messages of 60 kB"),
    http("POST /api/auth/login", {"username": "admin", "password": "correct horse battery"}, who=None),
    http("POST /api/users", lambda house, given: {"username": given, "password": "a good password"}, expect=201,
         prepare=lambda house: fresh(house, "human")),
    http("PATCH /api/users/{given[id]}", {"description": "changed", "password": "another password"}, prepare=new_user),
    http("DELETE /api/users/{given[id]}", expect=204, prepare=new_user),
    http("POST /api/users/agents", lambda house, given: {"username": given}, expect=201,
         prepare=lambda house: fresh(house, "worker")),
    http("POST /api/users/agents/test-connection", lambda house, given: {"api_token": house.token["agent"]},
         keep=has(ok=True)),
    http("PATCH /api/users/agents/{given[id]}/token", {}, prepare=new_agent),
    http("DELETE /api/users/agents/{given[id]}", expect=204, prepare=new_agent),
    http("POST /api/chat/threads", {"peer_id": 2, "channel_kind": "butler_direct", "title": "about"}, expect=201),
    http("PATCH /api/chat/threads/{house.thread_id}", {"title": "renamed", "is_pinned": True}),
    http("POST /api/chat/auth/response", lambda house, given: {"action_id": given, "approved": True}, prepare=new_request,
         keep=has(decision="APPROVED")),
    http("POST /api/approvals/rules", lambda house, given: {"tool": "Bash", "pattern": given, "effect": "allow"}, expect=201,
         prepare=lambda house: fresh(house, "git "), keep=remove_rule),
    http("POST /api/approvals/rules/test", lambda house, given: {"agent_id": house.agent_id, "tool": "Bash",
                                                                 "command": "git log && ls -l | wc"}),
    http("PATCH /api/approvals/rules/{given[id]}", {"note": "noted"}, prepare=new_rule),
    http("DELETE /api/approvals/rules/{given[id]}", expect=204, prepare=new_rule),
    http("POST /api/dev/mock/chat", lambda house, given: {"sender_username": "admin", "receiver_username": "Butler",
                                                          "content": given}, expect=201,
         prepare=lambda house: fresh(house, "mocked")),
    http("GET /api/dev/mock/agent-token/{given[username]}", prepare=new_agent),
    http("POST /api/dev/mock/feishu-log", {"level": "info", "action": "a", "detail": "d"}, expect=201),
    http("PATCH /api/integrations/feishu/{house.feishu_id}", {"display_name": "renamed"}),
    http("PATCH /api/integrations/feishu/{house.feishu_id}/enable", {"enabled": False}),
    http("POST /api/plugins/dev-mock/disable", name="a plugin is disabled and enabled",
         keep=lambda house, given, answer: None,
         prepare=lambda house: house.server.post("/api/plugins/dev-mock/enable") and None),
]


# ---- frames ----

def ws(name, who, frame=None, query="", answer=("ACK", "ERROR"), prepare=None, keep=None, listener=None):
    """A new socket, a frame, its answer; and, with a `listener`, that a stored frame reaches that socket, or closes it."""
    def get_ready(house):
        given = {"given": prepare(house) if prepare else None, "text": fresh(house, "said"),
                 "query": query(house) if callable(query) else query}
        if listener:
            given["listener"] = house.socket(listener)
        return given

    def act(house, given):
        socket = house.socket(who, given["query"])
        try:
            got = talk(house, given, socket)
        finally:
            socket.close()
        return got

    def talk(house, given, socket):
        if socket.status != 101:
            return GONE if socket.status == 0 else ERROR if socket.status >= 500 else f"the upgrade is {socket.status}"
        if frame:
            socket.send(frame(house, given))
        got = socket.until(*answer)
        if got is None:
            return GONE if socket.code in OF_NO_MEMORY else f"closed with {socket.code}"
        if got["type"] == "ERROR":
            return ERROR if got["payload"]["code"] in OF_THE_SERVER else str(got)
        given["id"] = got.get("id")
        return (keep(house, given, got) if keep else None) or RIGHT

    return Scenario(name, act, get_ready)


def heard(house, given):
    """Was the listener told of what was acknowledged? Nothing fails now. A text when not."""
    listener, row_id = given.get("listener"), given.get("id")
    if not listener:
        return None
    try:
        if row_id is None or listener.code is not None:
            return None
        while got := listener.get():  # it may be held until a greeting that failed at first is through
            if got.get("id") == row_id:
                return None
        return None
    except Hang:
        return f"the socket of the receiver is open and was not told of {row_id}"
    finally:
        listener.close()


def chat(target, **more):
    return lambda house, given: {"type": "CHAT", "target_id": target(house), "payload": given["text"], "ack": True,
                                 "local_id": str(uuid.uuid4()), **more}


def auth_request(house, action):
    return {"type": "AUTH_REQUEST", "ack": True, "local_id": action, "payload": {
        "action_id": action, "target_agent_id": house.agent_id, "command": "reboot now", "reason": "it is stuck"}}


def keep_chat(house, given, got):
    house.keep("chat", got["id"], given["text"] if not given.get("loose") else None)


def keep_id(house, given, got):
    house.keep("chat", got["id"], None)


def to_admin(house):
    return 1


FRAMES = [
    ws("a socket that asks for HELLO", "admin", query="&hello=1", answer=("HELLO",)),
    ws("a socket that recovers", "admin", query=lambda house: f"&since_id={new_chat(house) - 1}", answer=("CHAT",)),
    ws("a socket of Butler with hello", "butler", query="&hello=1", answer=("HELLO",)),
    ws("CHAT from an agent to a human", "agent", chat(to_admin), keep=keep_chat, listener="admin"),
    ws("CHAT from a human to an agent", "admin", chat(lambda house: house.agent_id), keep=keep_chat, listener="agent"),
    ws("CHAT between Butler and an agent", "butler", chat(lambda house: house.agent_id), keep=keep_chat, listener="agent"),
    ws("CHAT to somebody who is not there", "admin", chat(lambda house: house.member_id), keep=keep_chat),
    ws("CHAT of 30 kB", "agent", lambda house, given: {**chat(to_admin)(house, given), "payload": given["text"] + "x" * 30000},
       keep=keep_id, listener="admin"),
    ws("CHAT_STREAM", "agent", lambda house, given: {"type": "CHAT_STREAM", "target_id": 1, "stream_id": "s", "payload": "piece",
                                                     "ack": True, "local_id": "a"}),
    ws("CHAT_STREAM_END", "agent", lambda house, given: {"type": "CHAT_STREAM_END", "target_id": 1, "stream_id": "s",
                                                         "payload": "", "ack": True, "local_id": "b"}),
    ws("SYSTEM_LOG", "agent", lambda house, given: {"type": "SYSTEM_LOG", "ack": True, "local_id": str(uuid.uuid4()),
                                                    "payload": {"level": "INFO", "content": given["text"]}}),
    ws("AUTH_REQUEST", "butler", lambda house, given: auth_request(house, str(uuid.uuid4())), keep=keep_id, listener="admin"),
    ws("AUTH_RESPONSE", "admin", lambda house, given: {"type": "AUTH_RESPONSE", "ack": True, "local_id": str(uuid.uuid4()),
                                                       "payload": {"action_id": given["given"], "approved": False}},
       prepare=new_request),
    ws("a type of an agent's own", "agent", lambda house, given: {"type": "WEATHER_UPDATE", "payload": {"sun": True}, "ack": True,
                                                                  "local_id": "w"}),
]

ALL = READS + REFUSALS + WRITES + FRAMES
SHORT = [s for s in ALL if s.name in {
    "GET /api/messages", "GET /api/users", "GET /api/health as ADMIN", "POST /api/messages", "POST /api/messages of an array",
    "POST /api/auth/login", "POST /api/chat/auth/response", "a socket that asks for HELLO", "a socket that recovers",
    "CHAT from an agent to a human", "AUTH_REQUEST"}]
