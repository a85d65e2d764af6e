"""What people write in Feishu reaches Butler, and what Butler answers reaches their chat."""
import json
import statistics
import time

import pytest
from support.bridge import Bridge
from support.feishu import APP_ID, BOT
from support.steward import eventually


@pytest.fixture(scope="module")
def bridge():
    with Bridge() as joined:
        yield joined
        assert joined.feishu.violations() == []


@pytest.fixture(scope="module")
def butler(bridge):
    return bridge.butler()


@pytest.fixture
def settings(bridge):
    """Changes the connector for one test."""
    before = bridge.connector()
    yield bridge.change
    keys = ("allow_dm", "allow_group_mention", "mention_required", "prefix_command", "ignore_bot_messages",
            "rate_limit_per_minute", "allowed_chat_ids", "user_whitelist")
    bridge.change(**{key: before[key] for key in keys})


def heard(butler, text, seconds=10):
    while True:
        frame = butler.get("CHAT", seconds)
        if frame["payload"] == text:
            return frame


def nothing_but(bridge, butler, marker):
    """Butler hears the marker, and nothing before it."""
    bridge.feishu.said(marker)
    frame = butler.get("CHAT")
    assert frame["payload"] == marker
    return frame


# ---- in ----

def test_a_direct_message_is_a_chat_of_the_bridge_admin(bridge, butler):
    said = bridge.feishu.said("你好，管家 🌏", open_id="ou_ann", chat_id="oc_ann")
    frame = heard(butler, "你好，管家 🌏")
    assert (frame["sender_id"], frame["sender_name"], frame["sender_role"], frame["target_id"]) == (1, "admin", "ADMIN", 2)
    assert frame["source"] == {"kind": "feishu", "user_id": "ou_ann", "chat_id": "oc_ann",
                               "message_id": said["message_id"], "is_group": False, "mentioned": False}
    row = next(r for r in bridge.server.get("/api/chat/history/2").json() if r["id"] == frame["id"])
    assert row["payload"] == "你好，管家 🌏" and row["source"] == frame["source"]
    bridge.logged("success", "ws_routed",
                  f"Accepted inbound WS message {said['message_id']} from feishu_user=ou_ann chat=oc_ann")


def test_the_first_of_user_id_open_id_and_union_id_names_the_sender(bridge, butler):
    bridge.feishu.said("with user id", open_id="ou_x", user_id="u77")
    assert heard(butler, "with user id")["source"]["user_id"] == "u77"
    bridge.feishu.said("only union", open_id="", union_id="on_only")
    assert heard(butler, "only union")["source"]["user_id"] == "on_only"


@pytest.mark.parametrize("kind", ["group", "topic_group"])
def test_a_group_is_a_group(bridge, butler, kind):
    bridge.feishu.said("@_user_1 status please", chat_id=f"oc_{kind}", chat_type=kind, mentions=["bot"])
    frame = heard(butler, "status please")
    assert frame["source"]["is_group"] and frame["source"]["mentioned"]


def test_only_a_mention_of_this_bot_is_a_mention(bridge, butler):
    other = {"open_id": "ou_other", "name": "张三"}
    bridge.feishu.said("@_user_1 hat es", chat_id="oc_group", chat_type="group", mentions=[other])
    assert heard(butler, "@张三 hat es")["source"]["mentioned"] is False
    bridge.feishu.said("@_user_2 ask @_user_1 now", chat_id="oc_group", chat_type="group", mentions=[other, "bot"])
    assert heard(butler, "ask @张三 now")["source"]["mentioned"] is True


def test_it_is_heard_within_200_ms_and_acked_within_a_second(bridge, butler):
    waits = []
    for n in range(9):
        started = time.monotonic()
        pushed = bridge.feishu.push(f"how long {n}")
        heard(butler, f"how long {n}")
        waits.append(time.monotonic() - started)
        assert bridge.feishu.acked(pushed)["ack"]["latency"] < 1
    assert statistics.median(waits) < 0.2, waits


def test_a_post_and_a_picture_say_what_they_are(bridge, butler):
    post = {"title": "Bericht", "content": [[{"tag": "text", "text": "看 "}, {"tag": "a", "text": "here", "href": "https://x.example"}],
                                            [{"tag": "img", "image_key": "img_7"}]]}
    bridge.feishu.said(content=post, message_type="post")
    text = butler.get("CHAT")["payload"]
    assert all(part in text for part in ("Bericht", "看", "here", "https://x.example", "img_7"))
    bridge.feishu.said(content={"image_key": "img_v2_abc"}, message_type="image")
    assert "img_v2_abc" in butler.get("CHAT")["payload"]


def test_odd_contents_do_no_harm(bridge, butler):
    bridge.feishu.said(content="not json at all")
    assert butler.get("CHAT")["payload"] == "not json at all"
    for content in ({"text": 5}, {"text": None}, "[1,2]", '{"text":"\\ud800"}', "{}", '{"text":{}}', "null", "7",
                    '{"text":"a\\u0000b"}'):
        bridge.feishu.said(content=content)
    bridge.feishu.said(content={"text": "\u00a0 nbsp\u00a0inside \u00a0"})
    heard(butler, "nbsp inside")
    long = "长" * 19000
    bridge.feishu.said(content={"text": long})
    assert heard(butler, long)


def test_a_text_over_the_limit_comes_in_pieces(bridge, butler):
    text = "很长" * 12000
    assert bridge.feishu.said(content={"text": text})["attempts"] == 1
    pieces = [butler.get("CHAT"), butler.get("CHAT")]
    assert "".join(piece["payload"] for piece in pieces) == text
    nothing_but(bridge, butler, "after the giant")


def test_other_events_are_acked_and_ignored(bridge, butler):
    for event_type in ("im.message.reaction.created_v1", "im.chat.member.bot.added_v1", "", "card.action.trigger_v9"):
        event = {"schema": "2.0", "event": {"x": 1}, "header": {
            "event_id": f"e-{event_type}", "event_type": event_type, "create_time": "1", "token": "", "app_id": APP_ID,
            "tenant_key": "t"}}
        bridge.feishu.call("push_event", event=event)
        assert bridge.feishu.acked({"event_id": f"e-{event_type}"})["ack"]["code"] == 200
    nothing_but(bridge, butler, "after the others")


def test_the_same_message_again_is_heard_once(bridge, butler):
    for _ in range(3):
        bridge.feishu.said("only once", message_id="om_again")
    nothing_but_first = heard(butler, "only once")
    assert nothing_but_first["source"]["message_id"] == "om_again"
    nothing_but(bridge, butler, "after the repeats")


def test_a_wrong_verification_token_is_refused(bridge, butler):
    bridge.feishu.call("app", verification_token="not-the-configured-one")
    bridge.change(verification_token="configured-token")
    bridge.verify_and_enable()
    bridge.feishu.connected()
    try:
        bridge.feishu.said("forged")
        bridge.logged("error", "ws_auth", "Rejected WS event due to invalid token")
        bridge.feishu.said("without a token", token="")
        assert butler.get("CHAT")["payload"] == "without a token"
        bridge.feishu.said("right", token="configured-token")
        assert butler.get("CHAT")["payload"] == "right"
    finally:
        bridge.change(verification_token="")
        bridge.verify_and_enable()
        bridge.feishu.connected()
    bridge.feishu.said("none configured")
    assert butler.get("CHAT")["payload"] == "none configured"


# ---- filters ----

@pytest.mark.parametrize("setting,message,reason", [
    ({}, {"sender_type": "bot"}, "bot_message_ignored"),
    ({"allow_group_mention": False}, {"chat_id": "oc_g", "chat_type": "topic_group"}, "group_message_disabled"),
    ({"allow_dm": False}, {}, "dm_disabled"),
    ({"mention_required": True}, {"chat_id": "oc_g", "chat_type": "group"}, "mention_required"),
    ({"mention_required": True}, {"chat_id": "oc_g", "chat_type": "group",
                                  "mentions": [{"open_id": "ou_o", "name": "O"}]}, "mention_required"),
    ({"allowed_chat_ids": ["oc_only"]}, {"chat_id": "oc_other"}, "chat_not_allowed"),
    ({"user_whitelist": ["ou_ann"]}, {"open_id": "ou_eve"}, "user_not_whitelisted"),
    ({}, {"content": {"text": "  \u00a0 "}}, "empty_text"),
    ({"prefix_command": "/butler"}, {"text": "no prefix"}, "prefix_not_matched"),
    ({"prefix_command": "/butler"}, {"text": "/BUTLER shouting"}, "prefix_not_matched"),
], ids=str)
def test_filters_drop_with_their_reason(bridge, butler, settings, setting, message, reason):
    settings(**setting)
    before = len([row for row in bridge.logs("ws_filtered") if row[2] == reason])
    bridge.feishu.said(**{"text": "filtered", **message})
    eventually(lambda: len([r for r in bridge.logs("ws_filtered") if r[2] == reason]) == before + 1, what=reason)
    assert ("info", "ws_filtered", reason) in bridge.logs("ws_filtered")
    settings(allow_dm=True, allowed_chat_ids=[], user_whitelist=[], prefix_command="")
    nothing_but(bridge, butler, f"after {reason} {time.monotonic()}")


def test_lists_pass_who_is_on_them_and_nobody_whose_id_differs_by_case(bridge, butler, settings):
    settings(allowed_chat_ids=[" oc_only "], user_whitelist=["on_ann"])
    bridge.feishu.said("by union id", chat_id="oc_only", open_id="ou_ann")
    assert butler.get("CHAT")["payload"] == "by union id"
    settings(allowed_chat_ids=[], user_whitelist=["ou_bob"])
    bridge.feishu.said("another person", open_id="OU_BOB", union_id="ON_x")
    settings(allowed_chat_ids=["oc_only"], user_whitelist=[])
    bridge.feishu.said("another chat", chat_id="OC_Only")
    settings(allowed_chat_ids=[], user_whitelist=[])
    nothing_but(bridge, butler, "after two of another case")


def test_the_prefix_is_looked_for_behind_the_mention_and_taken_off(bridge, butler, settings):
    settings(prefix_command="/butler")
    bridge.feishu.said("@_user_1 /butler  do it ", chat_id="oc_g", chat_type="group", mentions=["bot"])
    assert butler.get("CHAT")["payload"] == "do it"
    bridge.feishu.said("/butler   ")
    settings(prefix_command="")
    nothing_but(bridge, butler, "after the bare prefix")


def test_a_user_over_the_rate_is_held_back_and_nobody_else(bridge, butler, settings):
    settings(rate_limit_per_minute=3)
    for n in range(5):
        bridge.feishu.said(f"fast {n}", open_id="ou_fast")
    bridge.feishu.said("calm", open_id="ou_calm")
    assert [butler.get("CHAT")["payload"] for _ in range(4)] == ["fast 0", "fast 1", "fast 2", "calm"]
    bridge.logged("info", "ws_filtered", "rate_limited")


def test_a_disabled_connector_hears_nothing(bridge, butler):
    bridge.enable(False)
    eventually(lambda: not bridge.feishu.connections(), what="the connection to end")
    assert bridge.connector()["status"] == "not_connected"
    bridge.enable(True)
    bridge.feishu.connected()
    nothing_but(bridge, butler, "enabled again")


# ---- out ----

def reply(butler, frame, text, **more):
    butler.send({"type": "CHAT", "target_id": 1, "conversation_id": frame["conversation_id"], "payload": text, **more})


def test_replies_go_to_the_chat_that_asked_threaded_to_the_question(bridge, butler):
    asked = {}
    for chat in ("oc_red", "oc_blue"):
        said = bridge.feishu.said(f"from {chat}", chat_id=chat, chat_type="group", mentions=["bot"])
        asked[chat] = (heard(butler, f"from {chat}"), said["message_id"])
    reply(butler, asked["oc_red"][0], "to red <&> \"quoted\" 🌹")
    reply(butler, asked["oc_blue"][0], "to blue")
    for chat, text in (("oc_red", "to red <&> \"quoted\" 🌹"), ("oc_blue", "to blue")):
        sent = eventually(lambda: bridge.feishu.messages(chat), what=f"the reply in {chat}")
        assert [(m["text"], m["reply_to"]) for m in sent] == [(text, asked[chat][1])]
        assert sent[0]["uuid"]
    bridge.logged("success", "ws_outbound", "Sent Butler reply to Feishu target ")


def test_a_reply_without_a_conversation_goes_to_the_latest_chat(bridge, butler):
    bridge.feishu.said("plain agents know no threads", chat_id="oc_plain")
    heard(butler, "plain agents know no threads")
    butler.send({"type": "CHAT", "target_id": 1, "payload": "plain answer"})
    eventually(lambda: bridge.feishu.texts("oc_plain") == ["plain answer"], what="the reply")


def test_the_target_is_the_newest_accepted_message_not_a_filtered_one(bridge, butler, settings):
    said = bridge.feishu.said("accepted", chat_id="oc_good")
    frame = heard(butler, "accepted")
    settings(allowed_chat_ids=["oc_good"])
    bridge.feishu.said("filtered", chat_id="oc_bad")
    reply(butler, frame, "for the good")
    sent = eventually(lambda: bridge.feishu.messages("oc_good"), what="the reply")
    assert [(m["text"], m["reply_to"]) for m in sent] == [("for the good", said["message_id"])]
    assert bridge.feishu.messages("oc_bad") == []


def test_a_web_chat_goes_to_the_first_allowed_chat_or_nowhere(bridge, butler, settings):
    thread = bridge.server.post("/api/chat/threads", {"peer_id": 2, "channel_kind": "butler_direct"}).json()
    reply(butler, {"conversation_id": thread["id"]}, "nobody in Feishu asked")
    bridge.logged("info", "ws_outbound", "Skipped outbound: no target chat_id")
    settings(allowed_chat_ids=["oc_first", "oc_second"])
    reply(butler, {"conversation_id": thread["id"]}, "to the first")
    eventually(lambda: bridge.feishu.texts("oc_first") == ["to the first"], what="the message")
    assert bridge.feishu.texts("oc_second") == []


def test_a_long_answer_is_split_in_order_and_no_character_is_cut():
    with Bridge(plugin={"text_max": "3000"}) as bridge:
        butler = bridge.butler()
        bridge.feishu.settings(per_chat=1000, per_app=1000)
        said = bridge.feishu.said("tell me everything", chat_id="oc_long")
        frame = heard(butler, "tell me everything")
        text = "".join(f"{n}号 \"長い話\"。\n" for n in range(800))
        reply(butler, frame, text)
        reply(butler, frame, "end")
        eventually(lambda: bridge.feishu.texts("oc_long")[-1:] == ["end"], 20, "the end")
        sent = bridge.feishu.messages("oc_long")
        assert len(sent) > 5 and {m["reply_to"] for m in sent} == {said["message_id"]}
        parts = "".join(m["text"] for m in sent[:-1])
        assert "".join(parts.split()) == "".join(text.split())
        bodies = [entry["body"] for entry in bridge.feishu.requests("reply") + bridge.feishu.requests("send")]
        assert all(len(json.loads(body)["content"].encode()) <= 3000 for body in bodies)


def test_streams_and_empty_texts_are_not_sent(bridge, butler):
    bridge.feishu.said("stream?", chat_id="oc_stream")
    frame = heard(butler, "stream?")
    for kind, text in (("CHAT_STREAM", "a piece"), ("CHAT_STREAM_END", "a piece"), ("CHAT", " ")):
        butler.send({"type": kind, "target_id": 1, "conversation_id": frame["conversation_id"], "stream_id": "s",
                     "payload": text})
    reply(butler, frame, "whole")
    eventually(lambda: bridge.feishu.texts("oc_stream"), what="the reply")
    bridge.feishu.settled()
    assert bridge.feishu.texts("oc_stream") == ["whole"]
    bridge.logged("error", "ws_outbound", "Skipped outbound: the message is blank")


@pytest.mark.parametrize("written,shown", [('"build ok \\ud83c"', "build ok \ufffd"), ('"\\udf00 first"', "\ufffd first")])
def test_an_answer_with_half_an_emoji_arrives_with_a_replacement_character(bridge, butler, written, shown):
    bridge.feishu.said("half?", chat_id="oc_half")
    frame = heard(butler, "half?")
    butler.send(f'{{"type":"CHAT","target_id":1,"conversation_id":{frame["conversation_id"]},"payload":{written}}}')
    eventually(lambda: bridge.feishu.texts("oc_half")[-1:] == [shown], what="the reply")


def test_a_message_with_half_an_emoji_is_heard_with_a_replacement_character(bridge, butler):
    bridge.feishu.said(content='{"text":"half \\ud83c"}')
    assert heard(butler, "half \ufffd")


def test_a_message_that_can_be_read_in_two_ways_is_heard_in_none(bridge, butler):
    for content in ('{"text":"this way","text":"that way"}', '{"text":"x","a":{"b":1,"b":2}}', '{"text":"x"'):
        bridge.feishu.said(content=content)
    nothing_but(bridge, butler, "after what was read in two ways")
    assert "has a member twice: ignored" in bridge.server.log()


def test_more_answers_than_a_chat_takes_arrive_all_the_same_in_order(bridge, butler):
    bridge.feishu.said("count", chat_id="oc_count")
    frame = heard(butler, "count")
    for n in range(12):
        reply(butler, frame, f"n{n}")
    eventually(lambda: bridge.feishu.texts("oc_count") == [f"n{n}" for n in range(12)], 15, "twelve replies in order")


def test_the_bot_does_not_hear_itself(bridge, butler, settings):
    settings(ignore_bot_messages=False)
    bridge.feishu.said("I am the bot", open_id=BOT, sender_type="bot")
    bridge.feishu.said("another bot", open_id="ou_another_bot", sender_type="bot")
    assert butler.get("CHAT")["payload"] == "another bot"


def test_the_raw_event_is_kept_as_it_came_without_the_verification_token(bridge, butler):
    said = bridge.feishu.said("raw", extra_unknown=1, token="the platform's own")
    heard(butler, "raw")
    raw, = bridge.rows("SELECT raw_payload FROM feishu_inbound WHERE message_id = ?", said["message_id"])
    assert json.loads(raw[0])["header"]["event_id"] == said["event_id"]
    assert set(json.loads(raw[0])["header"]["token"]) == {"*"} and "platform's own" not in raw[0]
