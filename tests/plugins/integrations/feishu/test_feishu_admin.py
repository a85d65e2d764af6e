"""The admin API of the connector: shapes, masks, errors, log rows, and secrets that never come back."""
import glob
import json
import os
import re
import sqlite3

import pytest
from support.bridge import Bridge
from support.feishu import APP_ID, APP_SECRET, Feishu
from support.steward import PLUGINS, Steward, eventually, fails

BASE = "/api/integrations/feishu"
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
DEFAULTS = {"id": 0, "connector_name": "Feishu Butler Connector", "enabled": False, "status": "not_connected", "app_id": "",
            "app_secret": "", "verification_token": "", "encrypt_key": "", "allow_dm": True, "allow_group_mention": True,
            "mention_required": False, "prefix_command": "", "ignore_bot_messages": True, "rate_limit_per_minute": 30,
            "callback_url": "", "allowed_chat_ids": [], "user_whitelist": [], "allow_everyone": False,
            "callback_verified": False}


@pytest.fixture
def house():
    """Without a connector; nothing listens where Feishu should be unless a test starts it."""
    feishu = Feishu().start()
    options = {"plugin:feishu": {"ws_enabled": "true", "ws_url": feishu.ws_url, "ws_reconnect_interval": "200ms"}}
    with Steward(options, plugins=PLUGINS + ", feishu") as server:
        server.feishu = feishu
        yield server
    feishu.stop()


@pytest.fixture(scope="module")
def bridge():
    with Bridge(enable=False) as joined:
        yield joined


def shows(got, **expected):
    assert {key: got.get(key) for key in expected} == expected, got


# ---- who may ----

def test_admins_only(bridge):
    _, member = bridge.server.member("mia")
    _, agent = bridge.server.agent("robot")
    for method, path in (("GET", BASE), ("POST", BASE), ("PATCH", f"{BASE}/1"), ("POST", f"{BASE}/1/verify-callback"),
                         ("POST", f"{BASE}/1/test-message"), ("PATCH", f"{BASE}/1/enable"), ("GET", f"{BASE}/1/logs")):
        body = None if method == "GET" else {}
        assert bridge.server.request(method, path, body, token=None).status_code == 401
        fails(bridge.server.request(method, path, body, token=member), 403, "admin access required")
        fails(bridge.server.request(method, path, body, token=agent), 403, "admin access required")


# ---- reading and creating ----

def test_without_a_connector_the_defaults_are_shown(house):
    shows(house.get(BASE).json(), **DEFAULTS)
    for method, path, body in (("PATCH", "/1", {}), ("POST", "/1/verify-callback", {}), ("POST", "/1/test-message", {}),
                               ("PATCH", "/1/enable", {"enabled": True}), ("GET", "/1/logs", None)):
        fails(house.request(method, BASE + path, body), 404, "feishu connector not found")
    for path in ("/x", "/0", "/-1", "/1.5", "/99999999999999999999"):
        fails(house.patch(BASE + path, {}), 400, "invalid connector id")
    fails(house.get(BASE + "/x/logs"), 400, "invalid connector id")


def test_a_new_connector_has_the_defaults_and_masks(house):
    answer = house.post(BASE, {"app_id": "  cli_abc  ", "app_secret": " s3cret-value ", "verification_token": "abcd",
                               "encrypt_key": "k", "enabled": True, "status": "connected", "callback_verified": True,
                               "id": 77, "nonsense": [1]})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    shows(made, **{**DEFAULTS, "id": 1, "app_id": "cli_abc", "app_secret": "s3********ue", "verification_token": "****",
                   "encrypt_key": "****"})
    assert made["has_app_secret"] is made["has_verification_token"] is made["has_encrypt_key"] is True
    assert made.get("last_verified_at") is None
    assert TIME.match(made["created_at"]) and TIME.match(made["updated_at"])
    assert house.get(BASE).json() == made
    items = house.get(BASE + "/1/logs").json()["items"]
    assert [(i["level"], i["action"], i["detail"]) for i in items] == [
        ("success", "create_connector", "Feishu connector created")]
    assert isinstance(items[0]["id"], str) and TIME.match(items[0]["timestamp"])


def test_the_newest_connector_is_the_one(house):
    house.post(BASE, {"connector_name": "first"})
    house.post(BASE, {"connector_name": "second"})
    shows(house.get(BASE).json(), id=2, connector_name="second")
    fails(house.patch(BASE + "/1", {"connector_name": "x"}), 404, "feishu connector not found")
    assert house.patch(BASE + "/2", {"connector_name": "x"}).json()["connector_name"] == "x"


def test_fields_come_in_either_spelling_and_loosely(house):
    made = house.post(BASE, {"connectorName": " N ", "appId": "cli_1", "appSecret": "secret1", "verificationToken": "token1",
                             "encryptKey": "key123", "allowDm": "FALSE", "allowGroupMention": "True", "mentionRequired": "yes",
                             "prefixCommand": " /b ", "ignoreBotMessages": False, "rateLimitPerMinute": "45",
                             "callbackUrl": " https://x.example/cb ", "allowedChatIds": " oc_1, oc_2 ,,oc_1 ",
                             "userWhitelist": [" ou_2 ", "ou_1", "ou_2", "", 5]}).json()
    shows(made, connector_name="N", app_id="cli_1", allow_dm=False, allow_group_mention=True, mention_required=False,
          prefix_command="/b", ignore_bot_messages=False, rate_limit_per_minute=45, callback_url="https://x.example/cb",
          allowed_chat_ids=["oc_1", "oc_2"], user_whitelist=["ou_2", "ou_1"])
    assert made["has_app_secret"] and made["has_verification_token"] and made["has_encrypt_key"]


def test_wrong_types_are_ignored(bridge):
    before = bridge.connector()
    after = bridge.change(connector_name=7, app_id=["x"], app_secret={"a": 1}, allow_dm=None, rate_limit_per_minute="many",
                          allowed_chat_ids=9, user_whitelist={"x": 1}, prefix_command=False)
    for key in before:
        if key != "updated_at":
            assert after[key] == before[key], key


@pytest.mark.parametrize("body", ["{", "[]", '"text"', "null x", "5"])
def test_bad_bodies(bridge, body):
    for method, path in (("POST", BASE), ("PATCH", bridge.path()), ("PATCH", bridge.path("/enable"))):
        answer = bridge.server.request(method, path, data=body, headers={"Content-Type": "application/json"})
        fails(answer, 400, "invalid request body")


@pytest.mark.parametrize("rate", [0, -1, "0", "-7"])
def test_the_rate_must_be_positive(bridge, rate):
    fails(bridge.server.post(BASE, {"rate_limit_per_minute": rate}), 400, "rate_limit_per_minute must be > 0")
    fails(bridge.server.patch(bridge.path(), {"rateLimitPerMinute": rate}), 400, "rate_limit_per_minute must be > 0")


# ---- changing ----

def test_a_change_is_logged_and_empties_what_it_says(bridge):
    bridge.change(user_whitelist=["a", "b"], allowed_chat_ids="oc_1")
    after = bridge.change(user_whitelist=[], allowed_chat_ids="", prefix_command="")
    shows(after, user_whitelist=[], allowed_chat_ids=[], prefix_command="")
    assert bridge.logs()[0] == ("info", "update_connector", "Feishu connector updated")


def test_the_mask_sent_back_changes_nothing_and_anything_else_does(bridge):
    mask = bridge.connector()["app_secret"]
    assert mask == APP_SECRET[:2] + "*" * (len(APP_SECRET) - 4) + APP_SECRET[-2:]
    bridge.verify_and_enable()
    after = bridge.change(app_secret=mask, connector_name="still verified")
    assert after["callback_verified"] and after["enabled"]
    assert bridge.server.post(bridge.path("/verify-callback")).json()["ok"]
    bridge.enable(False)


@pytest.mark.parametrize("field,value,resets", [
    ("app_id", "cli_other", True), ("verification_token", "new token", True), ("callback_url", "https://new.example", True),
    ("app_secret", "new secret", True), ("encrypt_key", "new key 123", True), ("connector_name", "other", False),
    ("prefix_command", "/x", False), ("user_whitelist", ["x"], False), ("rate_limit_per_minute", 9, False)])
def test_what_resets_the_verification(house, field, value, resets):
    house.post(BASE, {"app_id": APP_ID, "app_secret": APP_SECRET, "allow_everyone": True})
    assert house.post(BASE + "/1/verify-callback").json()["ok"]
    assert house.patch(BASE + "/1/enable", {"enabled": True}).status_code == 200
    after = house.patch(BASE + "/1", {field: value}).json()
    assert after["callback_verified"] is not resets and after["enabled"] is not resets
    rows = [(i["level"], i["action"], i["detail"]) for i in house.get(BASE + "/1/logs").json()["items"]]
    reset = ("info", "callback_verification_reset",
             "Callback verification reset due to callback auth config change")
    assert (reset in rows) is resets
    if resets:
        shows(after, status="not_connected")
        assert after.get("last_verified_at") is None
        fails(house.patch(BASE + "/1/enable", {"enabled": True}), 400, "callback must be verified before enabling")


NOBODY = "an enabled connector needs somebody on user_whitelist or allowed_chat_ids, or allow_everyone"


@pytest.mark.parametrize("given", [{"user_whitelist": ["ou_1"]}, {"allowed_chat_ids": "oc_1"}, {"allow_everyone": True},
                                   {"allowEveryone": "true"}], ids=str)
def test_to_enable_it_somebody_must_be_allowed(house, given):
    house.post(BASE, {"app_id": APP_ID, "app_secret": APP_SECRET, "user_whitelist": [" ", ""]})
    assert house.post(BASE + "/1/verify-callback").json()["ok"]
    fails(house.patch(BASE + "/1/enable", {"enabled": True}), 400, NOBODY)
    assert house.get(BASE).json()["enabled"] is False
    row = house.get(BASE + "/1/logs").json()["items"][0]
    assert (row["level"], row["action"], row["detail"]) == ("error", "set_enabled", "Rejected enable because nobody is listed")
    assert house.patch(BASE + "/1", given).status_code == 200
    assert house.patch(BASE + "/1/enable", {"enabled": True}).json()["enabled"] is True
    nobody = {"user_whitelist": [], "allowed_chat_ids": "", "allow_everyone": False}
    fails(house.patch(BASE + "/1", nobody), 400, NOBODY)
    assert house.patch(BASE + "/1/enable", {"enabled": False}).status_code == 200
    assert house.patch(BASE + "/1", nobody).status_code == 200


def test_the_same_value_in_another_case_is_no_change(house):
    house.post(BASE, {"app_id": APP_ID, "app_secret": APP_SECRET, "callback_url": "https://x.example"})
    assert house.post(BASE + "/1/verify-callback").json()["ok"]
    after = house.patch(BASE + "/1", {"app_id": f" {APP_ID.upper()} ", "callback_url": "HTTPS://X.example"}).json()
    assert after["callback_verified"] is True


# ---- verifying ----

def test_verifying(bridge):
    answer = bridge.server.post(bridge.path("/verify-callback")).json()
    assert set(answer) == {"ok", "message", "verified_at", "connector"}
    shows(answer, ok=True, message="callback verified")
    assert TIME.match(answer["verified_at"]) and answer["connector"]["callback_verified"] is True
    assert answer["connector"]["app_secret"].count("*") == len(APP_SECRET) - 4
    assert TIME.match(bridge.connector()["last_verified_at"])
    assert bridge.logs()[0] == ("success", "verify_callback", "Callback verification succeeded")


def test_verifying_without_credentials(house):
    house.post(BASE, {"app_id": "cli_only"})
    answer = house.post(BASE + "/1/verify-callback")
    assert answer.status_code == 200
    assert answer.json() == {"ok": False, "message": "app_id and app_secret are required before verification"}
    assert house.get(BASE + "/1/logs").json()["items"][0]["detail"] == "Missing app_id or app_secret"
    assert house.feishu.requests() == []


def test_verifying_wrong_credentials(house):
    house.post(BASE, {"app_id": APP_ID, "app_secret": "wrong secret"})
    answer = house.post(BASE + "/1/verify-callback")
    assert answer.status_code == 200
    shows(answer.json(), ok=False, message="feishu rejected app credentials",
          detail="code=10014 msg=app secret invalid http_status=400")
    house.feishu.rule("token", code=10014, msg="app secret invalid")
    assert house.post(BASE + "/1/verify-callback").json()["detail"] == "code=10014 msg=app secret invalid"
    row = house.get(BASE + "/1/logs").json()["items"][0]
    assert row["level"] == "error" and row["detail"].startswith("Feishu auth rejected credentials: code=10014")
    fails(house.patch(BASE + "/1/enable", {"enabled": True}), 400, "callback must be verified before enabling")
    row = house.get(BASE + "/1/logs").json()["items"][0]
    assert (row["level"], row["action"], row["detail"]) == (
        "error", "set_enabled", "Rejected enable because callback not verified")


@pytest.mark.parametrize("rule", [{"cut": "before"}, {"raw": "not json"}, {"raw": '{"code":0}'},
                                  {"raw": '{"code":0,"tenant_access_token":"  "}'}, {"status": 500, "raw": ""},
                                  {"raw": '{"code":0,"tenant_access_token":7}'}, {"raw": "[" * 100000}], ids=str)
def test_verifying_with_a_broken_platform(house, rule):
    house.post(BASE, {"app_id": APP_ID, "app_secret": APP_SECRET})
    house.feishu.rule("token", times=-1, **rule)
    answer = house.post(BASE + "/1/verify-callback")
    assert answer.status_code == 200 and answer.json()["ok"] is False and answer.json()["detail"]
    assert answer.json()["message"] in ("failed to verify credentials with feishu", "feishu rejected app credentials")
    assert house.get(BASE).json()["callback_verified"] is False


def test_a_platform_that_is_away(house):
    house.post(BASE, {"app_id": APP_ID, "app_secret": APP_SECRET})
    house.feishu.stop()
    answer = house.post(BASE + "/1/verify-callback").json()
    shows(answer, ok=False, message="failed to verify credentials with feishu")
    row = house.get(BASE + "/1/logs").json()["items"][0]
    assert row["action"] == "verify_callback" and row["detail"].startswith("Feishu auth check failed: ")


# ---- enabling ----

def test_enabling_and_disabling(bridge):
    bridge.server.post(bridge.path("/verify-callback"))
    shows(bridge.enable(True), enabled=True)
    assert ("success", "enable_connector", "Feishu connector enabled") in bridge.logs()
    eventually(lambda: bridge.connector()["status"] == "connected", what="the connection")
    shows(bridge.enable(False), enabled=False, status="not_connected")
    assert any(row[1:] == ("disable_connector", "Feishu connector disabled") for row in bridge.logs())


# ---- the test message ----

def test_a_test_message_is_really_sent(bridge):
    answer = bridge.server.post(bridge.path("/test-message"), {"target_chat_id": "oc_test", "text": "ping 你好"})
    assert answer.status_code == 200
    body = answer.json()
    shows(body, ok=True, message="test message sent")
    sent, = bridge.feishu.messages("oc_test")
    assert sent["text"] == "ping 你好" and body["message_id"] == sent["message_id"]
    assert body["trace_id"]
    level, action, _ = bridge.logs()[0]
    assert (level, action) == ("success", "test_message") or (level, action) == ("info", "test_message")


def test_a_test_message_without_a_target_or_text(house):
    house.post(BASE, {})
    for body in ({}, {"text": "x"}):
        answer = house.post(BASE + "/1/test-message", body)
        assert answer.status_code == 200 and answer.json()["ok"] is False and answer.json()["message"], answer.text
    house.patch(BASE + "/1", {"app_id": APP_ID, "app_secret": APP_SECRET})
    answer = house.post(BASE + "/1/test-message", {})
    assert answer.json()["ok"] is False and answer.json()["message"]
    house.patch(BASE + "/1", {"allowed_chat_ids": ["oc_first"]})
    assert house.post(BASE + "/1/test-message", {}).json()["ok"] is True
    assert house.feishu.texts("oc_first") == ["EchoCenter Feishu connector test message"]
    rows = [row for row in house.get(BASE + "/1/logs").json()["items"] if row["action"] == "test_message"]
    assert len(rows) == 4


def test_a_test_message_that_feishu_refuses(bridge):
    bridge.feishu.settings(left_chats=["oc_left"])
    body = bridge.server.post(bridge.path("/test-message"), {"target_chat_id": "oc_left"}).json()
    assert body["ok"] is False and body["detail"].startswith("code=230002 msg=")
    assert bridge.logs()[0][:2] == ("error", "test_message")


# ---- the log ----

def test_pages_of_the_log(house):
    house.post(BASE, {})
    for n in range(45):
        assert house.post("/api/dev/mock/feishu-log", {"level": "INFO", "action": "mock", "detail": f"row {n}"}).status_code == 201
    page = house.get(BASE + "/1/logs").json()
    assert [i["detail"] for i in page["items"]] == [f"row {n}" for n in range(44, 24, -1)]
    assert page["items"][0]["level"] == "info" and set(page["items"][0]) == {"id", "level", "action", "detail", "timestamp"}
    assert page["cursor"] == page["items"][-1]["id"]
    seen, cursor = [], ""
    while True:
        page = house.get(BASE + f"/1/logs?limit=10&cursor={cursor}").json()
        seen += [i["detail"] for i in page["items"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert seen == [f"row {n}" for n in range(44, -1, -1)] + ["Feishu connector created"]
    assert len(house.get(BASE + "/1/logs?limit=1000").json()["items"]) == 46
    for bad in ("0", "-1", "x", "1.5"):
        fails(house.get(BASE + f"/1/logs?limit={bad}"), 400, "invalid limit")
    for bad in ("x", "-1", "1.5"):
        fails(house.get(BASE + f"/1/logs?cursor={bad}"), 400, "invalid log cursor")
    assert house.get(BASE + "/1/logs?limit=&cursor=").status_code == 200


def test_a_mock_row_needs_a_connector_and_its_fields(house):
    body = {"level": "WARN", "action": "a", "detail": "d"}
    fails(house.post("/api/dev/mock/feishu-log", body), 404, "feishu connector not found")
    house.post(BASE, {})
    assert house.post("/api/dev/mock/feishu-log", body).json() == {"ok": True}
    assert house.post("/api/dev/mock/feishu-log", {"level": "x"}).status_code == 400


# ---- secrets ----

def test_secrets_are_nowhere_in_clear(house):
    secrets = {"app_secret": "Zq8-super-secret-app", "verification_token": "Zq8-super-secret-token",
               "encrypt_key": "Zq8-super-secret-key"}
    answers = [house.post(BASE, {"app_id": APP_ID, "allow_everyone": True, **secrets}).text, house.get(BASE).text]
    answers.append(house.patch(BASE + "/1", {key: value + "2" for key, value in secrets.items()}).text)
    house.feishu.call("app", app_secret="Zq8-super-secret-app2")
    answers.append(house.post(BASE + "/1/verify-callback").text)
    house.patch(BASE + "/1/enable", {"enabled": True})
    house.feishu.connected()
    house.feishu.rule("any", cut="before", times=3)
    answers.append(house.post(BASE + "/1/test-message", {"target_chat_id": "oc_x"}).text)
    answers += [house.get(BASE + "/1/logs").text, house.get("/api/plugins").text, house.get("/metrics").text,
                house.get("/api/health").text]
    assert "Zq8-super" not in "".join(answers)
    token = next(json.loads(e["answer"]).get("tenant_access_token") for e in house.feishu.requests("token")
                 if e["answer"].startswith("{"))
    assert token not in "".join(answers)
    log = house.log()
    assert "Zq8-super" not in log and token not in log
    data = house.data
    house.stop()
    for path in glob.glob(os.path.join(data, "**"), recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                assert b"Zq8-super" not in file.read(), path
    house.start()
    assert house.get(BASE).json()["has_app_secret"] is True
    before = max(c["id"] for c in house.feishu.connections(live=False))
    house.feishu.connected(more_than=before - 1)


def test_secrets_are_sealed_in_the_database(house):
    house.post(BASE, {"app_id": APP_ID, "app_secret": APP_SECRET})
    house.stop()
    rows = sqlite3.connect(house.database()).execute("SELECT app_secret FROM feishu_connectors").fetchall()
    assert rows and APP_SECRET.encode() not in bytes(rows[0][0])


def test_a_reset_clears_the_connector_too(house):
    house.post(BASE, {"app_id": APP_ID, "app_secret": APP_SECRET, "user_whitelist": ["ou_1"]})
    house.post(BASE + "/1/verify-callback")
    house.patch(BASE + "/1/enable", {"enabled": True})
    house.feishu.connected()
    assert house.post("/api/dev/mock/reset").status_code == 200
    shows(house.get(BASE).json(), **DEFAULTS)
    eventually(lambda: not house.feishu.connections(), what="the end of the connection")
    assert house.post(BASE, {}).json()["id"] == 1
