"""Sending when the REST side has a bad day: every reply once, in the end."""
import time

import pytest
from support.bridge import Bridge
from support.steward import eventually


@pytest.fixture
def bridge():
    with Bridge() as joined:
        joined.home = joined.butler()
        yield joined
        assert joined.feishu.violations() == []


def talk(bridge, chat="oc_talk"):
    """A conversation that has begun: its frame."""
    bridge.feishu.said("hello", chat_id=chat)
    return bridge.home.get("CHAT")


def reply(bridge, frame, text):
    bridge.home.send({"type": "CHAT", "target_id": 1, "conversation_id": frame["conversation_id"], "payload": text})


def arrives(bridge, texts, chat="oc_talk", seconds=15):
    eventually(lambda: bridge.feishu.texts(chat) == texts, seconds, f"{texts}; there is {bridge.feishu.texts(chat)}")


def sends(bridge):
    return [entry for entry in bridge.feishu.requests() if entry["kind"] in ("send", "reply")]


def test_one_token_serves_many_messages_and_is_renewed_in_time(bridge):
    bridge.feishu.settings(per_chat=1000)
    frame = talk(bridge)
    for n in range(6):
        reply(bridge, frame, f"n{n}")
    arrives(bridge, [f"n{n}" for n in range(6)])
    asked = len(bridge.feishu.requests("token"))
    assert asked <= 2  # verification does not share it
    bridge.feishu.settings(advance=7000)
    reply(bridge, frame, "later")
    arrives(bridge, [*(f"n{n}" for n in range(6)), "later"])


@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_revoked_token_is_replaced_and_the_message_sent_once(bridge, status):
    bridge.feishu.settings(bad_token_status=status)
    frame = talk(bridge)
    reply(bridge, frame, "one")
    arrives(bridge, ["one"])
    bridge.feishu.revoke()
    reply(bridge, frame, "two")
    arrives(bridge, ["one", "two"])


@pytest.mark.parametrize("code", [99991663, 99991664, 99991671, 99991668])
def test_every_code_of_a_bad_token_counts(bridge, code):
    frame = talk(bridge)
    for kind in ("send", "reply"):
        bridge.feishu.rule(kind, code=code, msg="token")
    reply(bridge, frame, "through")
    arrives(bridge, ["through"])


def test_a_token_that_is_refused_for_ever_is_no_loop(bridge):
    frame = talk(bridge)
    bridge.feishu.rule("any", code=99991663, times=-1)
    reply(bridge, frame, "never")
    time.sleep(3)
    assert len(bridge.feishu.requests("token")) <= 6 and len(sends(bridge)) <= 8
    bridge.feishu.clear_rules()


def test_a_short_lived_token_is_no_loop(bridge):
    bridge.feishu.settings(token_life=120, per_chat=1000)
    bridge.feishu.revoke()
    frame = talk(bridge)
    for n in range(5):
        reply(bridge, frame, f"n{n}")
    arrives(bridge, [f"n{n}" for n in range(5)])
    assert len(bridge.feishu.requests("token")) <= 8


@pytest.mark.parametrize("rule", [
    {"status": 429, "code": 99991400, "headers": {"x-ogw-ratelimit-reset": "1"}}, {"status": 400, "code": 99991400,
     "headers": {"x-ogw-ratelimit-reset": "1"}}, {"status": 500, "raw": "oops"}, {"status": 502}, {"status": 503}, {"cut": "before"},
    {"cut": "after"}, {"delay": 1.5}, {"status": 429, "code": 99991400},
    {"status": 400, "code": 230020, "headers": {"x-ogw-ratelimit-reset": "1"}}, {"status": 200, "code": 230020},
    {"status": 400, "code": 11232}, {"status": 200, "code": 2200}], ids=str)
def test_what_may_be_tried_again_is_tried_again_and_sent_once(bridge, rule):
    frame = talk(bridge)
    for kind in ("send", "reply"):
        bridge.feishu.rule(kind, times=1, **rule)
    reply(bridge, frame, "stubborn")
    arrives(bridge, ["stubborn"])
    reply(bridge, frame, "next")
    arrives(bridge, ["stubborn", "next"])
    uuids = {}
    for entry in sends(bridge):
        body = __import__("json").loads(entry["body"])
        uuids.setdefault(body["content"], set()).add(body["uuid"])
    assert all(len(found) == 1 for found in uuids.values()) and len(uuids) == 2


def test_the_reset_of_a_rate_limit_is_waited_for(bridge):
    frame = talk(bridge)
    for kind in ("send", "reply"):
        bridge.feishu.rule(kind, status=429, code=99991400, headers={"x-ogw-ratelimit-reset": "2"})
    reply(bridge, frame, "patience")
    arrives(bridge, ["patience"])
    first, second = [entry["time"] for entry in sends(bridge)][:2]
    assert 1.9 <= second - first < 6


@pytest.mark.parametrize("code", [230002, 230013, 230025, 230099, 230101])
def test_what_will_never_work_is_tried_once_and_logged(bridge, code):
    frame = talk(bridge)
    for kind in ("send", "reply"):
        bridge.feishu.rule(kind, status=400, code=code, msg="no such luck", times=1)
    reply(bridge, frame, "hopeless")
    bridge.logged("error", "ws_outbound", f"Send failed: code={code} msg=no such luck")
    reply(bridge, frame, "after")
    eventually(lambda: "after" in bridge.feishu.texts("oc_talk"), what="the next one")
    contents = [entry["body"] for entry in sends(bridge) if "hopeless" in entry["body"]]
    assert len(contents) <= 2


def test_the_message_replied_to_may_be_gone(bridge):
    frame = talk(bridge)
    bridge.feishu.rule("reply", status=400, code=230011, msg="The message is not found, or was withdrawn.", times=-1)
    reply(bridge, frame, "to a ghost")
    eventually(lambda: bridge.feishu.texts("oc_talk") == ["to a ghost"]
               or any("230011" in row[2] for row in bridge.logs("ws_outbound")), what="a message or a word in the log")


def test_a_slow_platform_holds_nobody_up(bridge):
    frame = talk(bridge)
    for kind in ("send", "reply"):
        bridge.feishu.rule(kind, delay=3, times=1)
    reply(bridge, frame, "slow")
    started = time.monotonic()
    bridge.feishu.said("in between", chat_id="oc_other")
    other = bridge.home.get("CHAT")
    assert other["payload"] == "in between" and bridge.server.get("/api/ping").status_code == 200
    reply(bridge, other, "quick")
    arrives(bridge, ["quick"], "oc_other", 2.5)
    assert time.monotonic() - started < 2.8
    arrives(bridge, ["slow"])


def test_an_answer_that_never_comes_is_given_up_and_the_message_arrives_once(bridge):
    frame = talk(bridge)
    bridge.feishu.rule("any", hold=True, skip=0, times=1)
    reply(bridge, frame, "held")
    eventually(lambda: bridge.feishu.requests(), what="the call")
    time.sleep(0.5)
    bridge.feishu.clear_rules()
    arrives(bridge, ["held"])


def test_a_token_endpoint_that_fails_is_asked_again_without_a_rush(bridge):
    bridge.feishu.settings(bad_token_status=200)
    frame = talk(bridge)
    bridge.feishu.revoke()
    bridge.feishu.rule("token", status=500, times=2)
    reply(bridge, frame, "late but there")
    arrives(bridge, ["late but there"], seconds=20)


def test_a_dead_rest_side_costs_nothing(bridge):
    frame = talk(bridge)
    for kind in ("send", "reply", "token", "bot", "connection", "user"):
        bridge.feishu.rule(kind, cut="before", times=-1)
    reply(bridge, frame, "waits")
    time.sleep(1)
    assert min(bridge.cpu_share(3), bridge.cpu_share(1)) < 0.02
    bridge.feishu.clear_rules()
    arrives(bridge, ["waits"], seconds=40)
