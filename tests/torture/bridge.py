"""The bridge to Feishu under torture: its routes call another machine (a fake one), and events come from there."""
from support.feishu import APP_ID, APP_SECRET, Feishu

from .house import House
from .scenarios import ERROR, GONE, RIGHT, Scenario, http

PATIENCE = 5  # seconds until Feishu would send a message again


class Bridge(House):
    """A house that is joined to a fake Feishu."""

    def __init__(self):
        self.feishu = Feishu().start()
        super().__init__(options={"plugin:feishu": {"ws_enabled": "true", "ws_url": self.feishu.ws_url,
                                                    "ws_reconnect_interval": "200ms"}})

    def furnish(self):
        super().furnish()
        path = f"/api/integrations/feishu/{self.feishu_id}"
        self.server.patch(path, {"app_id": APP_ID, "app_secret": APP_SECRET, "allow_everyone": True,
                                 "rate_limit_per_minute": 1000})
        assert self.server.post(path + "/verify-callback").json()["ok"]
        assert self.server.patch(path + "/enable", {"enabled": True}).status_code == 200
        self.feishu.connected()

    def __exit__(self, kind, value, trace):
        try:
            super().__exit__(kind, value, trace)
        finally:
            self.feishu.stop()


def says_ok(house, given, answer):
    """The fake's own limit of messages a second is no fault."""
    return None if answer.get("ok") or "frequency limit" in str(answer) else ERROR


def when_joined(house):
    house.feishu.connected()
    return f"said {next(house.count)}"


def say_something(house, text):
    """A person says something in Feishu: it is acknowledged, or Feishu sends it again."""
    pushed = house.feishu.push(text)
    done = house.feishu.call("wait_event", event_id=pushed["event_id"], seconds=PATIENCE)
    return RIGHT if done["state"] == "acked" else GONE


SCENARIOS = [
    http("POST /api/integrations/feishu/{house.feishu_id}/verify-callback", keep=says_ok),
    http("POST /api/integrations/feishu/{house.feishu_id}/test-message", {"target_chat_id": "oc_room", "text": "hello"}, keep=says_ok),
    Scenario("a message from Feishu", say_something, when_joined),
]
