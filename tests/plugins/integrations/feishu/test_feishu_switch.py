"""The whole plugin switched off and on, and the store emptied, while it is connected."""
import time

import pytest

from support.bridge import Bridge
from support.steward import eventually


@pytest.fixture
def bridge():
    with Bridge() as running:
        yield running


def test_a_disabled_plugin_hangs_up_and_an_enabled_one_comes_back(bridge):
    butler = bridge.butler()
    bridge.feishu.said("before")
    frame = butler.get("CHAT")
    before = bridge.feishu.connected()["id"]
    assert bridge.server.post("/api/plugins/feishu/disable").status_code == 200
    eventually(lambda: not bridge.feishu.connections(), what="the end of the connection")
    asked = len(bridge.feishu.requests("endpoint"))
    time.sleep(1)
    assert len(bridge.feishu.requests("endpoint")) == asked
    assert bridge.server.post("/api/plugins/feishu/enable").status_code == 200
    bridge.feishu.connected(more_than=before)
    bridge.feishu.said("after")
    assert butler.get("CHAT")["payload"] == "after"
    butler.send({"type": "CHAT", "target_id": 1, "conversation_id": frame["conversation_id"], "payload": "welcome back"})
    eventually(lambda: bridge.feishu.texts() == ["welcome back"], what="the answer")


def test_a_reset_store_has_no_connector_and_no_connection(bridge):
    bridge.feishu.said("gone with the store")
    assert bridge.server.post("/api/dev/mock/reset").status_code == 200
    eventually(lambda: not bridge.feishu.connections(), what="the end of the connection")
    now = bridge.connector()
    assert (now["id"], now["status"], now["has_app_secret"]) == (0, "not_connected", False)
    assert bridge.rows("SELECT count(*) FROM feishu_inbound") == [(0,)]


def test_it_tells_operators_how_it_is(bridge):
    bridge.feishu.said("a sign of life")
    health = bridge.server.get("/api/health").json()["checks"]["feishu"]
    assert health["status"] == "connected" and health["connected"] is True and health["reconnects"] == 0
    assert health["last_inbound_frame_age_ms"] < 5000 and health["events"] == 1 and health["outbox_open"] == 0
    assert 'steward_plugin_health{plugin="feishu",name="connected"} 1' in bridge.server.get("/metrics").text
