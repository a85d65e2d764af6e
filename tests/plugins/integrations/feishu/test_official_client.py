"""The official SDK takes the fake for the platform: what the fake asks of a client is what the platform asks."""
import json

import pytest

from support.feishu import APP_ID, APP_SECRET, BOT, Feishu
from support.feishu_sdk import OfficialClient
from support.steward import eventually

CARD = {"config": {"wide_screen_mode": True, "update_multi": True},
        "header": {"template": "orange", "title": {"tag": "plain_text", "content": "授权请求"}},
        "elements": [{"tag": "markdown", "content": "？"},
                     {"tag": "action", "actions": [{"tag": "button", "type": "primary", "value": {"approved": "true"},
                                                    "text": {"tag": "plain_text", "content": "批准"}}]}]}


@pytest.fixture(scope="module")
def feishu():
    with Feishu(config={"ReconnectCount": -1, "ReconnectInterval": 1, "ReconnectNonce": 1, "PingInterval": 1}) as fake:
        fake.settings(schedule=[0.3, 0.3], ack_seconds=1.5)
        yield fake


@pytest.fixture(scope="module")
def sdk(feishu):
    with OfficialClient(feishu) as client:
        feishu.connected()
        yield client


def test_it_connects_and_pings_with_its_service_id(feishu, sdk):
    eventually(lambda: feishu.connections()[0]["pings"] >= 3, what="three pings")
    assert feishu.connections()[0]["first_ping_after"] < 1
    assert feishu.violations() == [] and sdk.errors() == []


def test_it_hears_a_message_and_acks_it(feishu, sdk):
    said = feishu.said("你好 🌏", mentions=["bot"])
    heard = sdk.event()
    assert json.loads(heard["content"]) == {"text": "你好 🌏"} and heard["message_id"] == said["message_id"]
    assert heard["mentions"][0]["id"]["open_id"] == BOT
    assert said["ack"]["code"] == 200 and said["attempts"] == 1 and not said["ack"]["late"]
    assert feishu.violations() == []


@pytest.mark.parametrize("how", [{"parts": 3}, {"parts": 5, "order": [4, 2, 0, 1, 3]}, {"cut_in_character": True},
                                 {"parts": 2, "order": [0, 0, 1]}, {"plain": True}, {"ws_parts": 4}], ids=str)
def test_it_puts_fragments_together(feishu, sdk, how):
    said = feishu.said("在字符中间切开", how=how)
    heard = sdk.event()
    assert json.loads(heard["content"]) == {"text": "在字符中间切开"} and said["attempts"] == 1
    assert feishu.violations() == []


def test_a_lost_fragment_comes_again(feishu, sdk):
    said = feishu.said("lost", how={"parts": 3, "order": [0, 2]})
    assert sdk.event()["message_id"] == said["message_id"] and said["attempts"] == 2


def test_a_failed_handler_is_redelivered_with_a_new_transport_id(feishu, sdk):
    pushed = feishu.push("please fail")
    heard = [sdk.event()["message_id"] for _ in range(3)]
    assert heard == [pushed["message_id"]] * 3
    acks = eventually(lambda: (a := feishu.acks(pushed["event_id"]))[2:] and a)
    assert {a["code"] for a in acks} == {500} and len({a["transport_id"] for a in acks}) == 3


def test_a_card_is_sent_clicked_and_updated(feishu, sdk):
    sent = sdk.call("create", params={"receive_id_type": "chat_id"},
                    data={"receive_id": "oc_direct", "msg_type": "interactive", "content": json.dumps(CARD)})
    assert sent["code"] == 0
    card = next(c for c in feishu.cards() if c["message_id"] == sent["data"]["message_id"])
    seen = feishu.click(card, "批准", open_id="ou_boss")
    assert sdk.event("click") == {"event": "click", "value": {"approved": "true"}, "open_id": "ou_boss"}
    assert seen["error"] is None and seen["answer"]["toast"]["content"] == "已批准，开始执行"
    patched = sdk.call("patch", path={"message_id": card["message_id"]},
                       data={"content": json.dumps({**CARD, "elements": CARD["elements"][:1]})})
    assert patched["code"] == 0
    assert [u["how"] for u in feishu.updates(card["message_id"])] == ["ack", "patch"]
    late = sdk.call("raw", method="POST", url="/open-apis/interactive/v1/card/update",
                    data={"token": seen["token"], "card": CARD})
    assert late["code"] == 0
    assert feishu.violations() == []


def test_it_sends_replies_and_sends_once_per_uuid(feishu, sdk):
    asked = feishu.said("question", chat_id="oc_asking")
    sdk.event()
    reply = {"content": json.dumps({"text": "answer"}), "msg_type": "text", "uuid": "once-only"}
    first = sdk.call("reply", path={"message_id": asked["message_id"]}, data=reply)
    again = sdk.call("reply", path={"message_id": asked["message_id"]}, data=reply)
    assert first["code"] == again["code"] == 0 and first["data"]["message_id"] == again["data"]["message_id"]
    assert [(m["text"], m["reply_to"]) for m in feishu.messages("oc_asking")] == [("answer", asked["message_id"])]


def test_errors_are_the_platforms(feishu, sdk):
    data = {"receive_id": "oc_left", "msg_type": "text", "content": json.dumps({"text": "x"})}
    feishu.settings(left_chats=["oc_left"])
    assert sdk.call("create", params={"receive_id_type": "chat_id"}, data=data)["code"] == 230002
    feishu.rule("send", status=429, code=99991400, headers={"x-ogw-ratelimit-reset": "1"})
    assert sdk.call("create", params={"receive_id_type": "chat_id"}, data=data)["code"] == 99991400
    feishu.revoke()
    assert sdk.call("create", params={"receive_id_type": "chat_id"}, data=data)["code"] == 99991663
    assert sdk.call("raw", method="GET", url="/open-apis/bot/v3/info")["code"] == 99991663


def test_it_comes_back_after_a_drop(feishu, sdk):
    for how in ("abort", "close", "end"):
        before = feishu.connected()["id"]
        assert feishu.drop(how) == 1
        feishu.connected(more_than=before)
    feishu.said("after the drops")
    assert json.loads(sdk.event()["content"]) == {"text": "after the drops"}


def test_wrong_credentials_are_turned_away(feishu):
    with OfficialClient(feishu, APP_ID, APP_SECRET + "x") as wrong:
        eventually(lambda: any("514" in text or "auth failed" in text for text in wrong.errors()), what="a refusal")
        answer = wrong.call("raw", method="GET", url="/open-apis/bot/v3/info")
        assert answer.get("code") in (99991661, 99991668, 10014) or "error" in answer


def test_two_clients_share_the_events(feishu):
    with OfficialClient(feishu) as one, OfficialClient(feishu) as two:
        eventually(lambda: len(feishu.connections()) >= 2, what="two connections")
        feishu.connected()
        for n in range(40):
            feishu.said(f"number {n}")
        eventually(lambda: one.events.qsize() and two.events.qsize(), what="both to hear something")
    assert feishu.violations() == []
