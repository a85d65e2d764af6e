"""A Steward joined to a fake Feishu: the connector made, verified and enabled as an admin does it."""
import os
import sqlite3
import time

from .feishu import APP_ID, APP_SECRET, Feishu
from .sockets import Socket
from .steward import PLUGINS, Steward, eventually

BOSS = "ou_boss"
TICKS = os.sysconf("SC_CLK_TCK")


class Bridge:
    """connector: fields of its own; plugin: options of [plugin:feishu]; enable: False leaves it as created."""

    def __init__(self, connector=None, plugin=None, options=None, env=None, enable=True, feishu=None):
        self.feishu = feishu or Feishu()
        self._connector = {"app_id": APP_ID, "app_secret": APP_SECRET, "rate_limit_per_minute": 1000,
                           "allow_everyone": True, **(connector or {})}
        self._plugin, self._options, self._env, self._enable = plugin or {}, options or {}, env or {}, enable
        self.sockets = []

    def __enter__(self):
        self.feishu.start()
        try:
            options = {"plugin:feishu": {"ws_enabled": "true", "ws_url": self.feishu.ws_url,
                                         "ws_reconnect_interval": "200ms", **self._plugin},
                       "limits": {"write_step": "1s"},  # a sanitizer on a busy machine is slow
                       **self._options}
            options = {name: {k: v for k, v in values.items() if v is not None} for name, values in options.items()}
            env = {key: value.replace("FAKE", self.feishu.ws_url) for key, value in self._env.items()}
            self.server = Steward(options, env, PLUGINS + ", feishu")
            self.server.__enter__()
        except BaseException:
            self.feishu.stop()
            raise
        try:
            self._set_up()
        except BaseException as failure:
            self.__exit__(type(failure), failure, None)
            raise
        return self

    def _set_up(self):
        answer = self.server.post("/api/integrations/feishu", self._connector)
        assert answer.status_code == 201, answer.text
        self.id = answer.json()["id"]
        self.butler_token = self.server.butler_token()
        if self._enable:
            self.verify_and_enable()
            self.feishu.connected()

    def __exit__(self, kind, value, trace):
        for socket in self.sockets:
            socket.close()
        try:
            self.server.__exit__(kind, value, trace)
        finally:
            self.feishu.__exit__(kind, value, trace)

    # ---- as an admin ----

    def path(self, rest=""):
        return f"/api/integrations/feishu/{self.id}{rest}"

    def verify_and_enable(self):
        verified = self.server.post(self.path("/verify-callback"))
        assert verified.json()["ok"], verified.text
        return self.enable(True)

    def enable(self, enabled=True):
        answer = self.server.patch(self.path("/enable"), {"enabled": enabled})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def change(self, **fields):
        answer = self.server.patch(self.path(), fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def connector(self):
        return self.server.get("/api/integrations/feishu").json()

    def logs(self, action=None, limit=100):
        items = self.server.get(self.path(f"/logs?limit={limit}")).json()["items"]
        return [(row["level"], row["action"], row["detail"]) for row in items if action in (None, row["action"])]

    def logged(self, level, action, part, seconds=10):
        return eventually(lambda: next((row for row in self.logs(action) if row[0] == level and part in row[2]), None),
                          seconds, f"a log row {level}/{action}/{part}; there are {self.logs()[:8]}")

    # ---- as Butler ----

    def butler(self, **more):
        socket = Socket(self.server, self.butler_token, **more)
        self.sockets.append(socket)
        return socket

    def ask(self, butler, action, agent_id=None, command="rm -rf /tmp/x", reason="space", **more):
        """An AUTH_REQUEST; gives its card in Feishu."""
        known = self.feishu.cards()
        self.request(butler, action, agent_id, command, reason, **more)
        return self.feishu.new_card(known)

    def request(self, butler, action, agent_id=None, command="rm -rf /tmp/x", reason="space", **more):
        payload = {"action_id": action, "target_agent_id": agent_id or self.agent(), "command": command, "reason": reason}
        butler.send({"type": "AUTH_REQUEST", "local_id": action, "payload": {**payload, **more}})

    def agent(self):
        if not hasattr(self, "_agent"):
            self._agent = self.server.agent("worker")[0]
        return self._agent

    def approval(self, action):
        return next(a for a in self.server.get("/api/approvals?limit=200").json() if a["action_id"] == action)

    def decide(self, action, approved=True):
        return self.server.post("/api/chat/auth/response", {"action_id": action, "approved": approved})

    # ---- looking in ----

    def age_outbox(self, seconds):
        """Makes every message on its way out that much older; the server must be down."""
        with sqlite3.connect(self.server.database()) as db:
            db.execute("UPDATE feishu_outbox SET first_try_ms = first_try_ms - ?1 WHERE first_try_ms > 0", (seconds * 1000,))
            db.execute("UPDATE feishu_outbox SET created_ms = created_ms - ?1", (seconds * 1000,))

    def cpu_share(self, seconds=3):
        """Part of one core that the server uses."""
        before = self._cpu()
        time.sleep(seconds)
        return (self._cpu() - before) / seconds

    def _cpu(self):
        with open(f"/proc/{self.server.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rows(self, sql, *values):
        with sqlite3.connect(f"file:{self.server.database()}?mode=ro", uri=True, timeout=20) as db:
            return db.execute(sql, values).fetchall()

    def stored(self, receiver=2):
        """Texts of every stored chat that Butler is owed, oldest first."""
        found, after = [], 0
        while True:
            page = self.server.get(f"/api/chat/updates?after_id={after}&limit=500").json()
            if not page:
                return [row for row in found if row["receiver_id"] == receiver and row["type"] == "CHAT"]
            found += page
            after = page[-1]["id"]
