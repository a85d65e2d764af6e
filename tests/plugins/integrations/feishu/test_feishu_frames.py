"""Fragments, malformed events, redelivery: nothing lost, nothing twice."""
import time

import pytest
from support.bridge import Bridge
from support.feishu import APP_ID
from support.steward import eventually


@pytest.fixture(scope="module")
def bridge():
    with Bridge() as joined:
        joined.feishu.settings(schedule=[0.3] * 6, ack_seconds=0.6)
        joined.home = joined.butler()
        yield joined
        assert joined.feishu.violations() == []


def heard_once(bridge, text, pushed):
    assert bridge.feishu.acked(pushed)["ack"]["code"] == 200
    assert bridge.home.get("CHAT")["payload"] == text
    marker = f"marker {pushed['message_id']}"
    bridge.feishu.said(marker)
    assert bridge.home.get("CHAT")["payload"] == marker


@pytest.mark.parametrize("how", [
    {"parts": 2}, {"parts": 7, "order": [6, 5, 4, 3, 2, 1, 0]}, {"parts": 3, "order": [0, 0, 2, 2, 1]}, {"cut_in_character": True},
    {"cuts": [0, 5]}, {"parts": 200}, {"plain": True}, {"log_id": (1 << 64) - 1}, {"parts": 3, "order": [0, 1, 2, 0, 1, 2]},
    {"order": [0, 0, 0]}, {"ws_parts": 5}, {"parts": 3, "ws_parts": 40}], ids=str)
def test_fragments_come_together(bridge, how):
    text = f"片段 {str(how)} 🧩"
    pushed = bridge.feishu.push(text, how=how)
    heard_once(bridge, text, pushed)
    assert bridge.feishu.acked(pushed)["attempts"] == 1


def test_cut_at_every_byte(bridge):
    text = "每个字节都切 🌏"
    pushed = bridge.feishu.push(text, how={"cuts": list(range(1, 700))})
    heard_once(bridge, text, pushed)


@pytest.mark.parametrize("how", [{"parts": 3, "order": [0, 2]}, {"parts": 2, "order": [1]}, {"parts": 2, "order": [1, 1, 1]},
                                 {"parts": 2, "order": []}], ids=str)
def test_a_lost_fragment_means_no_ack_and_another_delivery(bridge, how):
    pushed = bridge.feishu.push(f"lost {how}", how=how)
    heard_once(bridge, f"lost {how}", pushed)
    assert bridge.feishu.acked(pushed)["attempts"] == 2


@pytest.mark.parametrize("how", [{"without": ["sum", "seq"]}, {"without": ["trace_id", "timestamp", "instance_id"]},
                                 {"without": ["seq"]}], ids=str)
def test_missing_headers_are_borne(bridge, how):
    pushed = bridge.feishu.push(f"without {how}", how=how)
    heard_once(bridge, f"without {how}", pushed)


@pytest.mark.parametrize("headers", [
    [["sum", "0"], ["seq", "0"]], [["sum", "-1"], ["seq", "0"]], [["sum", "2"], ["seq", "2"]], [["sum", "2"], ["seq", "-1"]],
    [["sum", "99999999"], ["seq", "5"]], [["sum", "2"], ["seq", "x"]], [["sum", "1025"], ["seq", "0"]],
    [["sum", "4294967298"], ["seq", "4294967296"]]], ids=str)
def test_senseless_sums_and_seqs_do_no_harm(bridge, headers):
    for n in range(3):
        bridge.feishu.call("send_frame", method=1, payload="{", headers=[["type", "event"], ["message_id", f"bad{n}"], *headers])
    before = bridge.feishu.state()["violations"]
    pushed = bridge.feishu.push(f"after {headers}")
    bridge.feishu.acked(pushed)
    assert bridge.home.get("CHAT")["payload"] == f"after {headers}"
    known = [v for v in before if "unknown message_id bad" not in v]
    assert known == []


@pytest.fixture(autouse=True)
def forget(request, bridge):
    """Acks of frames that a test made by hand are no violation: the fake knows nothing of them."""
    yield
    for text in bridge.feishu.violations():
        assert text.startswith("ack of an unknown message_id "), text
    bridge.feishu.call("forget_violations")


def test_groups_that_never_close_use_no_memory_for_ever(bridge):
    for n in range(300):
        bridge.feishu.call("send_frame", method=1, payload="x" * 20000, headers=[
            ["type", "event"], ["message_id", f"open{n}"], ["sum", "3"], ["seq", "1"]])
    pushed = bridge.feishu.push("after open groups", how={"parts": 4})
    heard_once(bridge, "after open groups", pushed)
    assert bridge.server.rss_anon_kib() < 900_000


@pytest.mark.parametrize("payload", ["", "{", "[]", "null", "7", '"text"', "\u0000", '{"schema":"2.0"}', '{"header":7,"event":[]}',
                                     '{"header":{"event_type":"im.message.receive_v1"}}',
                                     '{"header":{"event_type":"im.message.receive_v1","event_id":"e"},"event":null}',
                                     '{"header":{"event_type":"im.message.receive_v1","event_id":"e2"},"event":{"message":[]}}',
                                     '{"header":{"event_type":"card.action.trigger","event_id":"e3"},"event":{"action":3}}',
                                     "[" * 5000, '{"uuid":"u","token":"t","ts":"1","type":"event_callback","event":{"type":"message"}}',
                                     '{"encrypt":"AAAA"}'], ids=lambda p: repr(p)[:40])
def test_malformed_events_do_no_harm(bridge, payload):
    bridge.feishu.call("send_frame", method=1, payload=payload, headers=[
        ["type", "event"], ["message_id", "malformed"], ["sum", "1"], ["seq", "0"]])
    bridge.feishu.said(f"after {payload[:50]}")
    assert bridge.home.get("CHAT")["payload"] == f"after {payload[:50]}".replace("\u0000", "").rstrip()


def test_members_of_every_wrong_type_do_no_harm(bridge):
    for wrong in (None, 7, [], {}, True, "", "x" * 5000):
        event = {"schema": "2.0", "header": {"event_id": f"wrong-{wrong!r}"[:60], "event_type": "im.message.receive_v1",
                                             "token": wrong, "app_id": APP_ID, "create_time": wrong},
                 "event": {"sender": wrong, "message": {"message_id": wrong, "chat_id": wrong, "chat_type": wrong,
                                                        "message_type": wrong, "content": wrong, "mentions": wrong}}}
        bridge.feishu.call("push_event", event=event)
    pushed = bridge.feishu.push("after every wrong type")
    bridge.feishu.acked(pushed)
    while bridge.home.get("CHAT")["payload"] != "after every wrong type":
        pass


def test_a_message_without_id_is_known_by_its_event_id(bridge):
    def event():
        return {"schema": "2.0", "header": {"event_id": "the-event", "event_type": "im.message.receive_v1"},
                "event": {"sender": {"sender_id": {"open_id": "ou_a"}, "sender_type": "user"},
                          "message": {"chat_id": "oc_a", "chat_type": "p2p", "message_type": "text",
                                      "content": '{"text":"by event id"}'}}}
    for _ in range(2):
        bridge.feishu.call("push_event", event=event())
        bridge.feishu.acked({"event_id": "the-event"})
    assert bridge.home.get("CHAT")["payload"] == "by event id"
    bridge.feishu.said("then")
    assert bridge.home.get("CHAT")["payload"] == "then"


def test_the_ack_stays_away_when_its_connection_has_ended_and_the_repeat_is_acked(bridge):
    before = bridge.feishu.connected()["id"]
    pushed = bridge.feishu.push("on a dying connection")
    bridge.feishu.drop("abort")
    bridge.feishu.connected(more_than=before)
    assert bridge.feishu.acked(pushed)["ack"]["code"] == 200
    assert bridge.home.get("CHAT")["payload"] == "on a dying connection"
    bridge.feishu.said("once, was it")
    assert bridge.home.get("CHAT")["payload"] == "once, was it"


def test_an_event_into_a_half_open_connection_comes_again(bridge):
    before = bridge.feishu.connected()["id"]
    bridge.feishu.drop("freeze")
    pushed = bridge.feishu.push("into the void")
    time.sleep(0.5)
    bridge.feishu.drop("abort")
    bridge.feishu.connected(more_than=before)
    assert bridge.feishu.acked(pushed)["attempts"] >= 2
    assert bridge.home.get("CHAT")["payload"] == "into the void"


def test_a_very_long_event_comes_through(bridge):
    text = "大" * 200_000
    pushed = bridge.feishu.push(text, how={"parts": 4}, chat_id="oc_large")
    bridge.feishu.acked(pushed)
    got = ""  # once, though a slow machine may have had it sent twice
    while len(got) < len(text):
        got += bridge.home.get("CHAT")["payload"]
    assert got == text


def test_order_within_a_chat_is_kept(bridge):
    texts = [f"line {n}" for n in range(60)]
    bridge.feishu.call("burst", messages=[{"text": text, "chat_id": "oc_order"} for text in texts])
    assert [bridge.home.get("CHAT")["payload"] for _ in texts] == texts
    eventually(lambda: all(e["state"] == "acked" for e in bridge.feishu.call("events")[-60:]), what="all acks")
