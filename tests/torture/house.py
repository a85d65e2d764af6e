"""A server under torture: the shim before it, people in it, and a book of what it has acknowledged."""
import itertools
import json
import sqlite3

from support.steward import PLUGINS, Steward

from . import control as shim
from .wire import Wire, call

STORED = "SELECT content FROM messages WHERE id = ?", "SELECT payload FROM chat WHERE id = ?"


class House:
    """`with House() as house`: house.server, house.control, tokens by role, house.acked."""

    def __init__(self, plugins=PLUGINS + ", feishu", options=None):
        self.control = shim.Control()
        more = {"log": {"level": "info"}, "plugin:auth": {"failures": "0", "address_failures": "0"}}
        for section, values in (options or {}).items():
            more.setdefault(section, {}).update(values)
        self.server = Steward(more, self.control.environment(), plugins)
        self.control.folder(self.server.folder)
        self.count = itertools.count(1)
        self.acked = {"messages": {}, "chat": {}}
        self.restarts = 0

    def __enter__(self):
        self.server.__enter__()
        self.control.folder(self.server.data)
        self.maps = shim.read_maps(self.server.process.pid)
        self.furnish()
        return self

    def __exit__(self, kind, value, trace):
        self.control.disarm()
        try:
            self.server.__exit__(kind, value, trace)
        finally:
            self.control.close()

    def furnish(self):
        """Butler, an agent, a member, and some rows for pages to have."""
        server = self.server
        server.tokens.clear()
        self.token = {"admin": server.admin(), "butler": server.butler_token(), None: None}
        self.agent_id, self.token["agent"] = server.agent(f"agent-{next(self.count)}")
        self.member_id, self.token["member"] = server.member(f"member-{next(self.count)}")
        for n in range(30):
            server.post("/api/messages", {"agent_id": "x", "level": "INFO", "content": f"row {n} " + "word " * 20})
        socket = Wire(server, self.token["admin"])
        for n in range(10):
            socket.send({"type": "CHAT", "target_id": 2 if n % 2 else self.agent_id, "payload": f"chat {n}", "ack": True})
            assert socket.until("ACK", "ERROR")["type"] == "ACK"
        socket.close()
        self.thread_id = server.get("/api/chat/threads").json()[0]["id"]
        answer = server.get("/api/integrations/feishu")
        if answer.status_code == 200 and not answer.json().get("id"):
            server.post("/api/integrations/feishu", {"app_id": "cli_0123456789abcdef", "app_secret": "a secret of the app"})
        self.feishu_id = server.get("/api/integrations/feishu").json().get("id") if answer.status_code == 200 else None

    # ---- its life ----

    def alive(self):
        return self.server.process is not None and self.server.process.poll() is None

    def restart(self, clean=False):
        """On the same data, after kill -9 or, `clean`, after a stop."""
        self.control.disarm()
        if clean:
            self.server.stop()
        else:
            self.server.kill()
        self.server.start()
        self.maps = shim.read_maps(self.server.process.pid)
        self.restarts += 1

    def culprit(self):
        return self.control.stack(self.maps)

    # ---- talking ----

    def call(self, method, path, body=None, who="admin", headers=()):
        return call(self.server, method, path, body, self.token.get(who, who), headers)

    def socket(self, who, query=""):
        return Wire(self.server, self.token[who], query)

    @staticmethod
    def parse(text):
        return json.loads(text)

    # ---- the book ----

    def keep(self, table, row_id, text):
        self.acked[table][row_id] = text

    def lost(self):
        """What was acknowledged and is not in the store, or is there with other content."""
        found = []
        store = sqlite3.connect(f"file:{self.server.database()}?mode=ro", uri=True)
        try:
            for table, query in zip(("messages", "chat"), STORED):
                for row_id, text in self.acked[table].items():
                    row = store.execute(query, (row_id,)).fetchone()
                    if row is None or text not in (None, row[0], json.loads(row[0]) if table == "chat" else row[0]):
                        found.append(f"{table} {row_id}: {text!r} is {row!r}")
        finally:
            store.close()
        return found
