"""Authorization by card: asked in Feishu, decided by those who may, told to everybody."""
import hashlib
import json
import threading

import pytest
from support.bridge import BOSS, Bridge
from support.sockets import Socket
from support.steward import eventually

APPROVE, REJECT = "批准", "拒绝"


@pytest.fixture(scope="module")
def bridge():
    with Bridge({"user_whitelist": [BOSS, "u_deputy"]}) as joined:
        joined.feishu.settings(per_chat=1000)
        joined.home = joined.butler()
        joined.feishu.said("good morning", open_id=BOSS, chat_id="oc_office")
        joined.home.get("CHAT")
        yield joined
        assert joined.feishu.violations() == []


def told(bridge, action, seconds=10):
    while True:
        frame = bridge.home.get("AUTH_RESPONSE", seconds)
        if frame["payload"]["action_id"] == action:
            return frame


def clicked(bridge, card, button=APPROVE, **who):
    return bridge.feishu.click(card, button, **{"open_id": BOSS, **who})


def test_the_card_says_what_is_asked_and_has_two_buttons(bridge):
    card = bridge.ask(bridge.home, "say-all", command="systemctl restart nginx", reason="它挂了")
    assert card["to"] == "oc_office" and card["uuid"]
    content = card["content"]
    assert content["config"] == {"wide_screen_mode": True, "update_multi": True} and "schema" not in content
    assert content["header"]["template"] == "orange" and content["header"]["title"]["content"] == "授权请求"
    assert all(part in card["card_text"] for part in ("需要授权执行命令", "worker", "systemctl restart nginx", "它挂了"))
    assert card["buttons"] == [
        {"text": text, "value": {"action": "feishu_auth_decision", "action_id": "say-all", "approved": approved,
                                 "command_sha256": hashlib.sha256(b"systemctl restart nginx").hexdigest()}}
        for text, approved in ((APPROVE, "true"), (REJECT, "false"))]
    bridge.logged("success", "ws_auth_card", "Sent auth request card action_id=say-all")


@pytest.mark.parametrize("button,toast,status,title,colour", [
    (APPROVE, "已批准，开始执行", "APPROVED", "已批准", "green"), (REJECT, "已拒绝执行", "REJECTED", "已拒绝", "red")])
def test_a_click_decides(bridge, button, toast, status, title, colour):
    action = f"click-{status}"
    card = bridge.ask(bridge.home, action)
    with Socket(bridge.server, bridge.server.admin()) as dashboard:
        seen = clicked(bridge, card, button)
        assert seen["error"] is None and seen["seconds"] < 1
        assert seen["answer"]["toast"]["type"] == "success" and seen["answer"]["toast"]["content"] == toast
        result = seen["answer"]["card"]["data"]
        assert result["header"]["template"] == colour and result["header"]["title"]["content"] == "授权结果"
        assert result["config"]["update_multi"] is True
        text = json.dumps(result, ensure_ascii=False)
        assert action in text and title in text and "处理人" in text and "处理时间" in text and "button" not in text
        frame = told(bridge, action)
        assert frame["payload"]["approved"] is (status == "APPROVED") and frame["payload"]["status"] == status
        assert frame["payload"]["responder_name"] == BOSS and frame["sender_id"] == 1
        while (update := dashboard.get("AUTH_STATUS_UPDATE")["payload"])["action_id"] != action:
            pass  # of the conflict before
        assert update == {"action_id": action, "status": status}
    stored = bridge.approval(action)
    assert stored["status"] == status and stored["channel"] == "feishu" and stored["decided_by"]
    word = "approved" if status == "APPROVED" else "rejected"
    bridge.logged("success", "ws_auth_card_decision", f"action_id={action} decision={word}")
    same, other = bridge.decide(action, status == "APPROVED"), bridge.decide(action, status != "APPROVED")
    assert (same.status_code, same.json()["decision"]) == (200, status)
    assert other.status_code == 409 and other.json()["error"].startswith(f"already {word} by ")
    eventually(lambda: "patch" in [u["how"] for u in bridge.feishu.updates(card["message_id"])], what="the PATCH")
    assert bridge.feishu.card(action)["content"]["header"]["template"] == colour


def test_a_second_click_changes_nothing(bridge):
    card = bridge.ask(bridge.home, "second")
    value = card["buttons"][1]["value"]
    clicked(bridge, card)
    again = bridge.feishu.click(card, value=value, open_id=BOSS)
    assert again["answer"]["toast"] == {"type": "info", "content": "该授权已处理"}
    assert "（已处理）" in json.dumps(again["answer"]["card"], ensure_ascii=False)
    assert told(bridge, "second")["payload"]["status"] == "APPROVED"
    assert bridge.approval("second")["status"] == "APPROVED"
    bridge.home.drain("x")
    assert bridge.home.frames.empty()


def test_of_many_clicks_at_once_one_decides(bridge):
    card = bridge.ask(bridge.home, "many")
    seen, barrier = [], threading.Barrier(8)

    def click(n):
        barrier.wait()
        value = card["buttons"][n % 2]["value"]
        seen.append((n % 2, bridge.feishu.click(card, value=value, open_id=BOSS)))

    threads = [threading.Thread(target=click, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    toasts = sorted(s["answer"]["toast"]["type"] for _, s in seen)
    assert toasts == ["info"] * 7 + ["success"]
    winner = next(n for n, s in seen if s["answer"]["toast"]["type"] == "success")
    assert bridge.approval("many")["status"] == ("REJECTED" if winner else "APPROVED")
    told(bridge, "many")
    assert not [f for f in bridge.home.drain("y") if f["type"] == "AUTH_RESPONSE"]


@pytest.mark.parametrize("who", [{"open_id": "ou_eve"}, {"open_id": "", "user_id": "u_eve"}, {"open_id": BOSS.upper()},
                                 {"open_id": "ou_x", "user_id": "U_Deputy"}], ids=str)
def test_who_is_not_on_the_list_byte_by_byte_decides_nothing(bridge, who):
    action = "not-" + "".join(who.values())
    card = bridge.ask(bridge.home, action)
    seen = clicked(bridge, card, **who)
    assert seen["answer"]["toast"]["type"] == "error"
    assert bridge.approval(action)["status"] == "PENDING"
    assert clicked(bridge, bridge.feishu.card(action), open_id="ou_x", user_id="u_deputy")["answer"]["toast"]["type"] == "success"


def test_a_button_of_another_command_under_the_same_id_decides_nothing(bridge):
    card = bridge.ask(bridge.home, "renamed")
    value = card["buttons"][0]["value"]
    seen = clicked(bridge, card, value={**value, "command_sha256": hashlib.sha256(b"ls").hexdigest()})
    assert seen["answer"]["toast"]["type"] == "error" and bridge.approval("renamed")["status"] == "PENDING"
    bridge.logged("error", "ws_auth_card_decision", "another command under this id")
    old = {name: part for name, part in value.items() if name != "command_sha256"}
    assert clicked(bridge, card, value=old)["answer"]["toast"]["type"] == "success", "a card of an older server"


def test_a_chat_that_is_not_allowed_decides_nothing(bridge):
    card = bridge.ask(bridge.home, "wrong-chat")
    bridge.change(allowed_chat_ids=["oc_board"])
    try:
        assert clicked(bridge, card)["answer"]["toast"]["type"] == "error"
        assert bridge.approval("wrong-chat")["status"] == "PENDING"
        seen = clicked(bridge, card, open_chat_id="oc_board")
        assert seen["answer"]["toast"]["type"] == "success"
    finally:
        bridge.change(allowed_chat_ids=[])


def test_with_nobody_on_the_list_the_card_has_no_buttons(bridge):
    bridge.change(user_whitelist=[], allowed_chat_ids=["oc_office"])
    try:
        card = bridge.ask(bridge.home, "no-list")
    finally:
        bridge.change(user_whitelist=[BOSS, "u_deputy"], allowed_chat_ids=[])
    assert card["buttons"] == [] and "请在控制台批准" in card["card_text"]


def test_without_a_chat_there_is_no_card_but_a_word_in_the_log():
    with Bridge({"user_whitelist": [BOSS]}) as bridge:
        butler = bridge.butler()
        bridge.request(butler, "nowhere")
        bridge.logged("info", "ws_auth_card", "Skipped auth card: no target chat_id")
        bridge.change(allowed_chat_ids=["oc_first", "oc_second"])
        assert bridge.ask(butler, "somewhere")["to"] == "oc_first"
        bridge.enable(False)
        bridge.request(butler, "disabled")
        eventually(lambda: bridge.approval("somewhere"))
        bridge.feishu.settled()
        assert len(bridge.feishu.cards()) == 1


def test_a_strangers_chat_gets_no_card():
    with Bridge() as bridge:  # everyone may write
        butler = bridge.butler()
        bridge.feishu.said("hello", open_id="ou_stranger", chat_id="oc_stranger")
        frame = butler.get("CHAT")
        bridge.request(butler, "nobody-listed")
        bridge.logged("info", "ws_auth_card", "Skipped auth card: no target chat_id")
        butler.send({"type": "AUTH_REQUEST", "conversation_id": frame["conversation_id"], "payload": {
            "action_id": "of-the-stranger", "target_agent_id": bridge.agent(), "command": "ls", "reason": "r"}})
        butler.send({"type": "CHAT", "target_id": 1, "conversation_id": frame["conversation_id"], "payload": "an answer"})
        eventually(lambda: bridge.feishu.texts("oc_stranger") == ["an answer"], what="an answer, which a stranger may have")
        bridge.change(user_whitelist=["on_boss"])
        bridge.request(butler, "none-of-them-wrote")
        eventually(lambda: len([row for row in bridge.logs("ws_auth_card") if "Skipped" in row[2]]) == 3,
                   what="a word for each of the three that nobody is to see")
        bridge.feishu.said("here I am", open_id=BOSS, union_id="on_boss", chat_id="oc_boss")
        butler.get("CHAT")
        assert bridge.ask(butler, "for-the-boss")["to"] == "oc_boss"
        butler.send({"type": "CHAT", "target_id": 1, "conversation_id": frame["conversation_id"], "payload": "not any more"})
        bridge.logged("info", "ws_outbound", "Skipped outbound: no target chat_id")
        assert [card["to"] for card in bridge.feishu.cards()] == ["oc_boss"]
        assert bridge.feishu.texts("oc_stranger") == ["an answer"]


def test_a_forged_click_with_an_empty_list_decides_nothing(bridge):
    card = bridge.ask(bridge.home, "forged")
    bridge.change(user_whitelist=[])
    try:
        seen = clicked(bridge, card)
        assert seen["answer"]["toast"]["type"] == "error"
        assert bridge.approval("forged")["status"] == "PENDING"
    finally:
        bridge.change(user_whitelist=[BOSS, "u_deputy"])


def test_a_wrong_verification_token_decides_nothing(bridge):
    card = bridge.ask(bridge.home, "bad-token")
    bridge.change(verification_token="the-real-one")
    bridge.verify_and_enable()
    bridge.feishu.connected()
    try:
        clicked(bridge, card, token="another")
        assert bridge.approval("bad-token")["status"] == "PENDING"
    finally:
        bridge.change(verification_token="")
        bridge.verify_and_enable()
        bridge.feishu.connected()


@pytest.mark.parametrize("value,kind,text", [
    ({"action": "feishu_auth_decision", "approved": "true"}, "error", "缺少 action_id"),
    ({"action": "feishu_auth_decision", "approved": "true", "action_id": "  "}, "error", "缺少 action_id"),
    ({"action": "something_else"}, "info", "未识别的卡片动作"), ({}, "info", "未识别的卡片动作"),
    ("a string", "error", "无效的卡片提交"), (None, "error", "无效的卡片提交"), ([1], "error", "无效的卡片提交")], ids=str)
def test_odd_clicks_are_answered(bridge, value, kind, text):
    seen = bridge.feishu.call("click", open_message_id="om_none", value=value, open_id=BOSS)
    assert seen["error"] is None
    assert seen["answer"]["toast"]["type"] == kind and seen["answer"]["toast"]["content"] == text


def test_a_click_for_an_unknown_action_is_answered(bridge):
    seen = bridge.feishu.click(None, value={"action": "feishu_auth_decision", "action_id": "none-such", "approved": "true"},
                               open_id=BOSS)
    assert seen["error"] is None and seen["answer"]["toast"]["type"] in ("info", "error")


@pytest.mark.parametrize("approved,status", [(True, "APPROVED"), (False, "REJECTED"), (" YES ", "APPROVED"), ("1", "APPROVED"),
                                             ("no", "REJECTED"), (None, "REJECTED"), (7, "REJECTED")], ids=repr)
def test_what_counts_as_approved(bridge, approved, status):
    action = f"counts-{abs(hash(repr(approved)))}"
    card = bridge.ask(bridge.home, action)
    bridge.feishu.click(card, value={**card["buttons"][0]["value"], "approved": approved}, open_id=BOSS)
    assert bridge.approval(action)["status"] == status


def test_a_legacy_card_frame_is_taken_as_well(bridge):
    card = bridge.ask(bridge.home, "legacy")
    seen = clicked(bridge, card, how={"type": "card"})
    assert seen["answer"]["toast"]["type"] == "success"
    assert bridge.approval("legacy")["status"] == "APPROVED"


@pytest.mark.parametrize("nasty", [
    "`echo` **approved** <at id=all></at>", "<font color='green'>safe</font>", "[批准](https://evil.example)",
    "ok`\n- 指令: `ls", "a\\`b", "![x](img_v2)", "~~rm~~", "line\n\n# 已批准\n---", "<a href=\"x\">y</a>", "\u202egnp.exe"],
    ids=repr)
def test_nobody_restyles_the_card(bridge, nasty):
    action = f"esc-{abs(hash(nasty))}"
    plain = bridge.ask(bridge.home, action + "p", command="plain", reason="plain")
    card = bridge.ask(bridge.home, action, command=nasty, reason=nasty)
    text = card["card_text"]
    for bad in ("<at", "<font", "](", "<a ", "**approved", "~~rm", "\n# ", "\n---", "\u202e", "`echo`"):
        assert bad not in text, text
    assert text.count("`") == plain["card_text"].count("`")
    assert bridge.approval(action)["command"] == nasty


def test_the_answer_after_a_click_by_a_name_is_escaped_too(bridge):
    card = bridge.ask(bridge.home, "who")
    bridge.change(user_whitelist=[BOSS, "ou_`<at id=all>"])
    try:
        seen = clicked(bridge, card, open_id="ou_`<at id=all>")
        assert "<at" not in json.dumps(seen["answer"], ensure_ascii=False)
    finally:
        bridge.change(user_whitelist=[BOSS, "u_deputy"])


def test_a_command_stands_in_an_element_of_its_own_line_by_line(bridge):
    card = bridge.ask(bridge.home, "lines", command="ls\n- 原因: 例行检查" + "\n" * 500 + "rm -rf /", reason="why")
    texts = [element.get("content", "") for element in card["content"]["elements"]]
    assert "1 │ ls\n2 │ - 原因: 例行检查\n3–501 │ （499 个空行）\n502 │ rm -rf /" in texts
    assert "│ why" in texts and len(card["buttons"]) == 2


def test_a_command_too_long_for_a_card_cannot_be_approved_unseen(bridge):
    command = "echo " + "数" * 5400
    card = bridge.ask(bridge.home, "huge", command=command, reason="r" * 8000)
    assert command in card["card_text"] or card["buttons"] == []


@pytest.mark.parametrize("how", ["http", "ws"])
def test_a_decision_elsewhere_changes_the_card(bridge, how):
    action = f"elsewhere-{how}"
    card = bridge.ask(bridge.home, action)
    if how == "http":
        assert bridge.decide(action, False).status_code == 200
    else:
        with Socket(bridge.server, bridge.server.admin()) as dashboard:
            dashboard.send({"type": "AUTH_RESPONSE", "payload": {"action_id": action, "approved": False}})
            dashboard.get("AUTH_STATUS_UPDATE")
    update = eventually(lambda: bridge.feishu.updates(card["message_id"]), what="the PATCH")
    assert [u["how"] for u in update] == ["patch"] and "已拒绝" in update[0]["text"]
    assert bridge.feishu.card(action)["buttons"] == []
    seen = bridge.feishu.click(card, value=card["buttons"][0]["value"], open_id=BOSS)
    assert seen["answer"]["toast"] == {"type": "info", "content": "该授权已处理"}
    assert bridge.approval(action)["status"] == "REJECTED"


def test_a_decision_before_the_card_is_out_is_shown_in_the_end(bridge):
    bridge.feishu.rule("send", delay=0.7, times=-1)
    bridge.feishu.rule("reply", delay=0.7, times=-1)
    try:
        bridge.request(bridge.home, "quick")
        eventually(lambda: [a for a in bridge.server.get("/api/approvals").json() if a["action_id"] == "quick"])
        assert bridge.decide("quick").status_code == 200
    finally:
        bridge.feishu.clear_rules()
    bridge.feishu.settled(1.5)
    cards = [c for c in bridge.feishu.cards() if "quick" in json.dumps(c["versions"])]
    assert all(c["buttons"] == [] for c in cards)


def test_an_expired_card_says_so(bridge):
    card = bridge.ask(bridge.home, "short", expires_in_s=10)
    update = eventually(lambda: bridge.feishu.updates(card["message_id"]), 20, "the PATCH")
    assert "已过期" in update[0]["text"] and bridge.feishu.card("short")["buttons"] == []
    assert told(bridge, "short")["payload"]["status"] == "EXPIRED"
    seen = bridge.feishu.click(card, value=card["buttons"][0]["value"], open_id=BOSS)
    assert seen["answer"]["toast"]["type"] != "success"
    assert bridge.approval("short")["status"] == "EXPIRED"


def test_a_pending_card_still_works_after_a_restart(bridge):
    card = bridge.ask(bridge.home, "over-night")
    before = bridge.feishu.connected()["id"]
    bridge.server.restart()
    bridge.feishu.connected(more_than=before)
    bridge.home = bridge.butler()
    assert clicked(bridge, card)["answer"]["toast"]["type"] == "success"
    assert told(bridge, "over-night")["payload"]["approved"] is True


def test_where_two_humans_must_approve_a_click_is_one_of_them():
    with Bridge({"user_whitelist": [BOSS, "u_deputy"]}, options={"plugin:chat": {"four_eyes": "true"}}) as joined:
        joined.home = joined.butler()
        joined.feishu.said("good morning", open_id=BOSS, chat_id="oc_office")
        joined.home.get("CHAT")
        made = {"username": "second", "password": "a long password", "role": "ADMIN"}
        assert joined.server.post("/api/users", made).status_code == 201
        card = joined.ask(joined.home, "two")
        for who in ({}, {"open_id": "ou_x", "user_id": "u_deputy"}):  # both speak as the ADMIN of the bridge
            answer = clicked(joined, card, **who)["answer"]
            assert answer["toast"] == {"type": "success", "content": "已批准，还需另一位管理员批准"} and "card" not in answer
        stored = joined.approval("two")
        assert stored["status"] == "PENDING" and stored["approved_by"] == BOSS and stored["approved_channel"] == "feishu"
        token = joined.server.login("second", "a long password")
        decided = joined.server.post("/api/chat/auth/response", {"action_id": "two", "approved": True}, token=token)
        assert decided.json()["decision"] == "APPROVED"
        assert told(joined, "two")["payload"]["approved_by"] == BOSS
        eventually(lambda: joined.feishu.card("two")["content"]["header"]["template"] == "green", what="the PATCH")
