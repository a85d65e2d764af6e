"""The long connection itself: made, kept, lost and made again, without a busy loop and without a word too many."""
import time

import pytest
from support.bridge import Bridge
from support.feishu import APP_ID, APP_SECRET, QUICK, Feishu
from support.steward import eventually

BUSY = 0.01


@pytest.fixture
def bridge():
    with Bridge() as joined:
        yield joined
        assert joined.feishu.violations() == []


def attempts(bridge):
    return len(bridge.feishu.requests("endpoint"))


def works(bridge, text="does it work"):
    """A message comes through."""
    bridge.feishu.said(text)


def again(bridge, break_it, seconds=15):
    """After break_it() there is a newer connection, and messages come."""
    before = bridge.feishu.connected()["id"]
    break_it()
    bridge.feishu.connected(seconds, more_than=before)
    works(bridge)
    assert len(bridge.feishu.connections()) <= 1 + sum(c["frozen"] for c in bridge.feishu.connections())


# ---- connecting ----

def test_it_connects_pings_at_once_and_says_so(bridge):
    link = bridge.feishu.connected()
    assert link["first_ping_after"] < 0.5
    eventually(lambda: bridge.feishu.connections()[0]["pings"] >= 3, what="three pings")
    ages = bridge.feishu.connections()[0]["ping_ages"]
    assert all(0.5 < a - b < 1.8 for a, b in zip(ages, ages[1:])), ages
    assert bridge.connector()["status"] == "connected" and bridge.connector()["enabled"] is True
    asked = bridge.feishu.requests("endpoint")[0]
    assert asked["method"] == "POST" and asked["path"] == "/callback/ws/endpoint"
    assert len(bridge.feishu.connections()) == 1


def test_health_and_metrics_tell_how_it_is(bridge):
    def check():
        health = bridge.server.get("/api/health").json()
        return health["status"], health["checks"]["feishu"]

    def metric(name):
        text = bridge.server.get("/metrics").text
        return next(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                    if line.startswith("steward_plugin_health{") and f'plugin="feishu",name="{name}"' in line)

    works(bridge)
    status, feishu = check()
    assert status == "ok" and feishu["status"] == "connected" and feishu["connected"] is True
    assert feishu["last_inbound_frame_age_ms"] < 3000 and feishu["reconnects"] == 0 and "last_error" not in feishu
    assert metric("connected") == 1 and metric("last_inbound_frame_age_ms") < 3000
    again(bridge, lambda: bridge.feishu.drop("abort"))
    assert check()[1]["reconnects"] == metric("reconnects") == 1
    bridge.feishu.rule("endpoint", status=503, times=-1)
    bridge.feishu.drop("abort")
    status, feishu = eventually(lambda: (c := check())[0] == "degraded" and c, what="degraded health")
    assert feishu["connected"] is False
    feishu = eventually(lambda: (c := check()[1])["status"] == "error" and c, what="the status")
    assert "503" in feishu["last_error"] and metric("connected") == 0


def test_a_disabled_plugin_leaves_and_comes_back(bridge):
    before = bridge.feishu.connected()["id"]
    assert bridge.server.post("/api/plugins/feishu/disable").status_code == 200
    eventually(lambda: not bridge.feishu.connections(), what="the end of the connection")
    time.sleep(0.5)
    assert attempts(bridge) == 1
    assert bridge.server.post("/api/plugins/feishu/enable").status_code == 200
    bridge.feishu.connected(more_than=before)
    works(bridge)


def test_tickets_keys_and_secrets_are_in_no_log(bridge):
    again(bridge, lambda: bridge.feishu.drop("abort"))
    text = bridge.server.log()
    for entry in bridge.feishu.requests("handshake"):
        assert entry["query"]["ticket"] not in text and entry["query"]["access_key"] not in text
    assert APP_SECRET not in text
    shown = str(bridge.logs())
    assert APP_SECRET not in shown and bridge.feishu.requests("handshake")[0]["query"]["ticket"] not in shown


def test_websocket_pings_are_answered_and_odd_frames_do_no_harm(bridge):
    link = bridge.feishu.connected()["id"]
    bridge.feishu.drop("ping")
    eventually(lambda: bridge.feishu.connections()[0]["ws_pongs"], what="the pong")
    for junk in ("", "ff", "0800", "080010001803", "08001000180020002a0c0a0474797065120470696e",
                 "08ffffffffffffffffffff01", "0800100018002000" + "2a" + "ff" * 4, "0b0c", "00" * 40):
        bridge.feishu.call("send_bytes", hex=junk)
    bridge.feishu.call("send_bytes", text="a text message")
    for frame in ({"headers": [["type", "ping"]]}, {"headers": [["type", "what-is-this"]], "payload": "{}"}, {"headers": []},
                  {"method": 1, "headers": [["type", "unknown"], ["message_id", "x"], ["sum", "1"], ["seq", "0"]]},
                  {"method": 7, "headers": [["type", "event"]]},
                  {"headers": [["type", "pong"]], "payload": "not json"}, {"headers": [["type", "pong"]], "payload": "[]"},
                  {"headers": [["type", "pong"]], "payload": '{"PingInterval":"1"}'},
                  {"headers": [[f"k{n}", "v"] for n in range(500)]}):
        bridge.feishu.call("send_frame", **frame)
    works(bridge)
    assert bridge.feishu.connections()[0]["id"] == link


def test_it_stays_away_unless_it_is_wanted():
    with Bridge(enable=False) as bridge:
        time.sleep(1)
        assert bridge.feishu.requests() == []
        assert bridge.connector()["status"] == "not_connected"
    with Bridge(plugin={"ws_enabled": "false"}, enable=False) as bridge:
        bridge.verify_and_enable()
        time.sleep(1)
        assert not bridge.feishu.requests("endpoint") and bridge.connector()["status"] == "not_connected"


@pytest.mark.parametrize("word,wanted", [("yes", True), ("ON", True), ("1", True), ("off", False), ("No", False), ("perhaps", False)])
def test_the_environment_of_the_reference_works(word, wanted):
    env = {"FEISHU_WS_ENABLED": word, "FEISHU_WS_URL": "FAKE", "FEISHU_WS_RECONNECT_INTERVAL": "300ms"}
    nothing = {"ws_enabled": None, "ws_url": None, "ws_reconnect_interval": None}
    with Bridge(plugin=nothing, env=env, enable=False) as bridge:
        bridge.verify_and_enable()
        if wanted:
            bridge.feishu.connected()
        else:
            time.sleep(0.8)
            assert not bridge.feishu.requests("endpoint")


def test_disabling_ends_the_connection_and_changing_the_secret_makes_a_new_one(bridge):
    bridge.enable(False)
    eventually(lambda: not bridge.feishu.connections(), what="the end of the connection")
    bridge.enable(True)
    first = bridge.feishu.connected()["id"]
    bridge.feishu.call("app", app_secret="another secret, just as long")
    bridge.change(app_secret="another secret, just as long")
    eventually(lambda: not bridge.feishu.connections(), what="the end of the old one")
    assert bridge.connector()["enabled"] is False
    bridge.verify_and_enable()
    bridge.feishu.connected(more_than=first)
    works(bridge)
    assert len(bridge.feishu.connections()) == 1


def test_the_log_tells_of_changes_only(bridge):
    bridge.logged("info", "ws_connecting", "Feishu WS SDK client starting")
    bridge.feishu.rule("endpoint", status=500, times=-1)
    bridge.feishu.drop("abort")
    eventually(lambda: bridge.connector()["status"] == "error" or attempts(bridge) > 2, what="failures")
    more = attempts(bridge) + 2
    eventually(lambda: attempts(bridge) >= more, what="more failures")
    assert len(bridge.logs("ws_client_error")) <= 2
    bridge.enable(False)
    bridge.logged("info", "ws_disconnected", "Feishu WS SDK client stopped")


# ---- discovery and handshake go wrong ----

@pytest.mark.parametrize("rule", [
    {"status": 500}, {"status": 502, "raw": "<html>bad gateway</html>"}, {"raw": "not json"}, {"raw": ""}, {"raw": "[]"},
    {"raw": '{"code":0}'}, {"raw": '{"code":0,"data":{"URL":""}}'}, {"raw": '{"code":0,"data":{"URL":"http://x/"}}'},
    {"raw": '{"code":0,"data":null}'}, {"raw": '{"code":"0","data":{"URL":7}}'}, {"code": 1}, {"code": 1000040343},
    {"cut": "before"}, {"raw": "x" * 3000000}, {"delay": 0.5},
    {"raw": '{"code":0,"data":{"URL":"ws://user:pass@127.0.0.1:1/ws?x=1","ClientConfig":{"PingInterval":0}}}'}],
    ids=lambda rule: str(rule)[:60])
def test_a_discovery_that_fails_is_tried_again(rule):
    with Bridge(enable=False) as bridge:
        bridge.feishu.rule("endpoint", times=2, **rule)
        bridge.verify_and_enable()
        bridge.feishu.connected(20)
        works(bridge)
        assert attempts(bridge) <= 4


@pytest.mark.parametrize("code", [514, 403, 1000040350, 12345])
def test_a_refusal_is_tried_again_slowly_and_at_once_with_new_credentials(code):
    with Bridge(enable=False) as bridge:
        bridge.feishu.rule("endpoint", code=code, msg="go away please", times=-1)
        bridge.verify_and_enable()
        eventually(lambda: bridge.connector()["status"] == "error", what="the status")
        bridge.logged("error", "ws_client_error", str(code))
        time.sleep(2)
        assert attempts(bridge) == 1
        bridge.feishu.clear_rules()
        bridge.feishu.call("app", app_secret="fresh secret")
        bridge.change(app_secret="fresh secret")
        bridge.verify_and_enable()
        bridge.feishu.connected(5)
        works(bridge)


def handshake(status, code=None, message="no"):
    headers = {"Handshake-Status": str(status), "Handshake-Msg": message}
    if code:
        headers["Handshake-Autherrcode"] = str(code)
    return headers


@pytest.mark.parametrize("rule", [{"status": 500}, {"status": 400, "headers": handshake(514, 1000040344)},
                                  {"status": 503, "headers": handshake(500)}, {"cut": "before"}, {"status": 200, "raw": "hello"},
                                  {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}],
                         ids=lambda rule: str(rule)[:60])
def test_a_refused_handshake_begins_again_with_discovery(rule):
    with Bridge(enable=False) as bridge:
        bridge.feishu.rule("handshake", times=2, **rule)
        bridge.verify_and_enable()
        bridge.feishu.connected(20)
        works(bridge)
        assert attempts(bridge) == 3
        tickets = [entry["query"]["ticket"] for entry in bridge.feishu.requests("handshake")]
        assert len(set(tickets)) == 3


@pytest.mark.parametrize("status,code", [(514, 1000040350), (403, None)])
def test_a_handshake_refused_for_good_is_tried_slowly(status, code):
    with Bridge(enable=False) as bridge:
        bridge.feishu.rule("handshake", status=400, headers=handshake(status, code, "too many"), times=-1)
        bridge.verify_and_enable()
        eventually(lambda: bridge.connector()["status"] == "error", what="the status")
        bridge.logged("error", "ws_client_error", "")
        time.sleep(2)
        assert attempts(bridge) == 1


# ---- it is lost ----

@pytest.mark.parametrize("how", [("abort", {}), ("end", {}), ("close", {"code": 1001}), ("close", {"code": 1000}),
                                 ("close", {"code": 1011})], ids=str)
def test_an_end_brings_a_new_connection(bridge, how):
    again(bridge, lambda: bridge.feishu.drop(how[0], **how[1]))
    again(bridge, lambda: bridge.feishu.drop(how[0], **how[1]))


def test_a_connection_that_is_old_is_replaced_by_one_new_one():
    with Bridge(plugin={"connection_max_age": "2s"}) as bridge:
        first = bridge.feishu.connected()["id"]
        second = bridge.feishu.connected(10, more_than=first)["id"]
        works(bridge)
        bridge.feishu.connected(10, more_than=second)
        assert len(bridge.feishu.connections()) == 1
        assert bridge.connector()["status"] in ("connected", "connecting")


@pytest.mark.parametrize("fault", ["half-open", "muted pong"])
def test_a_dead_connection_is_noticed(fault):
    with Bridge(plugin={"pong_timeout": "1s"}) as bridge:
        if fault == "half-open":
            again(bridge, lambda: bridge.feishu.drop("freeze"))
            bridge.feishu.drop("thaw")
        else:
            before = bridge.feishu.connected()["id"]
            bridge.feishu.settings(pong="mute")
            bridge.feishu.connected(more_than=before)
            bridge.feishu.settings(pong="full")
            works(bridge)
        eventually(lambda: len(bridge.feishu.connections()) == 1, what="one connection alone")


def test_traffic_without_pongs_is_life_too():
    with Bridge(plugin={"pong_timeout": "1s"}) as bridge:
        link = bridge.feishu.connected()["id"]
        bridge.feishu.settings(pong="mute")
        for n in range(12):
            works(bridge, f"tick {n}")
            time.sleep(0.3)
        assert bridge.feishu.connected()["id"] == link


@pytest.mark.parametrize("pong", [{}, {"PingInterval": 0}, {"PingInterval": -5, "ReconnectNonce": -1}, {"ReconnectInterval": 0},
                                  {"PingInterval": 10**12}, {"PingInterval": "1"}, {"PingInterval": None}, {"PingInterval": 0.001},
                                  "empty", "null", "{", '{"PingInterval":NaN}'], ids=str)
def test_an_odd_pong_changes_nothing(pong):
    with Bridge() as bridge:
        bridge.feishu.settings(pong=pong)
        before, began = bridge.feishu.connected()["pings"], time.monotonic()
        eventually(lambda: bridge.feishu.connected()["pings"] >= before + 2, 10, "two pings a second apart")
        assert time.monotonic() - began > 0.8
        works(bridge)


def test_a_pong_sets_the_ping_interval(bridge):
    bridge.feishu.call("config", **{**QUICK, "PingInterval": 30})
    before = eventually(lambda: (c := bridge.feishu.connected())["pings"] >= 2 and c)["pings"]
    time.sleep(2.5)
    assert bridge.feishu.connected()["pings"] <= before + 1


def test_a_reconnect_count_of_one_is_no_end(bridge):
    bridge.feishu.call("config", **{**QUICK, "ReconnectCount": 1})
    for _ in range(3):
        again(bridge, lambda: bridge.feishu.drop("abort"))


# ---- the service is down ----

def test_a_service_that_is_down_costs_nothing_and_is_found_again():
    with Bridge() as bridge:
        bridge.feishu.stop()
        eventually(lambda: bridge.connector()["status"] != "connected", what="the status")
        time.sleep(1)
        share = min(bridge.cpu_share(3), bridge.cpu_share(1))
        assert share < BUSY, share
        bridge.feishu.start()
        bridge.feishu.connected(20)
        works(bridge)


def test_backoff_grows_while_it_is_down():
    with Bridge(feishu=Feishu(config={**QUICK, "ReconnectInterval": 60})) as bridge:
        bridge.feishu.rule("endpoint", status=500, times=-1)
        bridge.feishu.drop("abort")
        began = attempts(bridge)
        time.sleep(6)
        assert 1 <= attempts(bridge) - began <= 6
        times = [entry["time"] for entry in bridge.feishu.requests("endpoint")][began:]
        gaps = [b - a for a, b in zip(times, times[1:])]
        assert gaps == sorted(gaps) or max(gaps) > 2 * min(gaps), gaps


def test_an_idle_connection_costs_nothing(bridge):
    time.sleep(1)
    assert min(bridge.cpu_share(2), bridge.cpu_share(2)) < 2 * BUSY


def test_the_other_domain_is_used_for_everything(bridge):
    butler = bridge.butler()
    works(bridge)
    frame = butler.get("CHAT")
    butler.send({"type": "CHAT", "target_id": 1, "conversation_id": frame["conversation_id"], "payload": "x"})
    eventually(lambda: bridge.feishu.texts(), what="the reply")
    kinds = {entry["kind"] for entry in bridge.feishu.requests()}
    assert {"endpoint", "handshake", "token"} <= kinds
    assert bridge.feishu.requests("endpoint")[0]["body"].count(APP_ID) == 1


def test_many_instances_are_warned_of():
    with Bridge(enable=False) as bridge:
        bridge.feishu.rule("connection", code=0, data={"online_instance_cnt": 3}, times=-1)
        bridge.verify_and_enable()
        bridge.feishu.connected()
        eventually(lambda: "3" in str([row for row in bridge.logs() if row[0] in ("warn", "warning", "error")])
                   or "instance" in bridge.server.log() or "connections" in bridge.server.log(), what="a warning")
