"""Drives the fake Feishu from a test: `with Feishu() as feishu: feishu.push(text="hi")`."""
import http.client
import json
import os
import subprocess
import sys
import time

from .steward import eventually

SUPPORT = os.path.dirname(os.path.abspath(__file__))
APP_ID, APP_SECRET, BOT = "cli_0123456789abcdef", "the app's very own secret 7f3a", "ou_the_bot_itself"
QUICK = {"ReconnectCount": -1, "ReconnectInterval": 1, "ReconnectNonce": 0, "PingInterval": 1}


class Feishu:
    """port: the same as that of one that was stopped, say. config: the ClientConfig it hands out."""

    def __init__(self, port=0, config=QUICK):
        self._port, self._config = port, config
        self.process = None

    # ---- life ----

    def start(self):
        self.process = subprocess.Popen([sys.executable, "-m", "fake_feishu", str(self._port)], cwd=SUPPORT,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the fake Feishu did not start (exit {self.process.wait()})")
        ports = json.loads(line)
        self.port, self._control = ports["port"], ports["control"]
        self._port = self.port
        self.url, self.ws_url = f"http://127.0.0.1:{self.port}", f"ws://127.0.0.1:{self.port}"
        if self._config:
            self.call("config", **self._config)
        return self

    def stop(self):
        if self.process is not None:
            process, self.process = self.process, None
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is not None and self.process is not None and self.process.poll() is None:
            self._explain()
        self.stop()

    def _explain(self):
        for entry in self.requests()[-15:]:
            print("feishu:", {key: entry[key] for key in ("kind", "path", "status", "answer")})
        state = self.state()
        print("feishu:", {key: state[key] for key in ("connections", "violations", "duplicates")}, state["acks"][-5:])

    def call(self, command, **body):
        connection = http.client.HTTPConnection("127.0.0.1", self._control, timeout=60)
        try:
            connection.request("POST", f"/{command}", json.dumps(body))
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        assert answer.status == 200, f"{command}: {text}"
        return json.loads(text)

    # ---- what it does wrong ----

    def rule(self, kind, **fields):
        """See fake_feishu/rules.py."""
        self.call("rule", kind=kind, **fields)

    def clear_rules(self, kind=None):
        self.call("clear_rules", kind=kind)

    def settings(self, **fields):
        self.call("settings", **fields)

    def drop(self, how, **fields):
        return self.call("drop", how=how, **fields)["hit"]

    def revoke(self):
        self.call("revoke")

    # ---- what users do ----

    def push(self, text="hello", how=None, **fields):
        """A message; gives {"event_id", "message_id"}. See fake_feishu/events.py, and delivery.py for `how`."""
        return self.call("push", text=text, how=how, **fields)

    def group(self, text, chat_id="oc_group", **fields):
        return self.push(text, chat_id=chat_id, chat_type="group", **fields)

    def said(self, text="hello", seconds=10, **fields):
        """push(), and it is acked."""
        pushed = self.push(text, **fields)
        ack = self.acked(pushed, seconds)
        return {**pushed, **ack}

    def acked(self, pushed, seconds=10):
        done = self.call("wait_event", event_id=pushed["event_id"], seconds=seconds)
        assert done["state"] == "acked", f"{done}; violations {self.violations()}"
        return done

    def click(self, card, button=None, value=None, **fields):
        """Clicks a button (by its text) of a card from cards(); value: one that no button has."""
        if value is None:
            value = next(b["value"] for b in card["buttons"] if b["text"] == button)
        return self.call("click", open_message_id=card["message_id"] if card else "om_none", value=value, **fields)

    # ---- what came of it ----

    def state(self):
        return self.call("state")

    def violations(self):
        return self.state()["violations"]

    def acks(self, event_id=None):
        return [ack for ack in self.state()["acks"] if event_id in (None, ack["event_id"])]

    def connections(self, live=True):
        return [c for c in self.state()["connections"] if c["open"] or not live]

    def connected(self, seconds=15, more_than=0):
        """Waits until there is a connection newer than that one; gives the newest."""
        def newest():
            found = [c for c in self.connections() if c["id"] > more_than and c["pings"]]
            return found and found[-1]
        return eventually(newest, seconds, "the long connection")

    def requests(self, kind=None):
        return [entry for entry in self.call("requests") if kind in (None, entry["kind"])]

    def messages(self, chat=None, kind=None):
        return [m for m in self.call("messages") if chat in (None, m["to"]) and kind in (None, m["msg_type"])]

    def texts(self, chat=None):
        return [m["text"] for m in self.messages(chat, "text")]

    def cards(self, chat=None):
        return self.messages(chat, "interactive")

    def card(self, action_id, seconds=10):
        """The card whose buttons are (or were) for that action, as it is now."""
        mark = f'"action_id": {json.dumps(action_id)}'
        return eventually(lambda: next((c for c in self.cards() if mark in json.dumps(c["versions"])), None), seconds,
                          f"the card of {action_id}")

    def new_card(self, known, seconds=10):
        """A card that is none of these."""
        ids = {card["message_id"] for card in known}
        return eventually(lambda: next((c for c in self.cards() if c["message_id"] not in ids), None), seconds, "a card")

    def updates(self, message_id=None):
        return [u for u in self.state()["updates"] if message_id in (None, u["message_id"])]

    def settled(self, seconds=0.3):
        """Nothing new is sent for that long."""
        while True:
            before = len(self.requests())
            time.sleep(seconds)
            if len(self.requests()) == before:
                return
