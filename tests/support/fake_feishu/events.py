"""Events as the platform makes them."""
import json
import secrets
import time


def envelope(app, event_type, event, event_id=None, token=None):
    return {"schema": "2.0",
            "header": {"event_id": event_id or secrets.token_hex(16), "event_type": event_type,
                       "create_time": str(int(time.time() * 1000)),
                       "token": app["verification_token"] if token is None else token, "app_id": app["app_id"],
                       "tenant_key": app["tenant_key"]},
            "event": event}


def user_ids(open_id, user_id=None):
    ids = {"union_id": "on_" + open_id.removeprefix("ou_"), "open_id": open_id}
    if user_id is not None:
        ids["user_id"] = user_id
    return ids


def mention(app, number, who):
    """who: "bot", "all", or {"open_id", "name", "user_id"?}."""
    if who == "all":
        return {"key": "@_all", "id": {"union_id": "", "user_id": "", "open_id": ""}, "name": "所有人",
                "tenant_key": app["tenant_key"]}
    if who == "bot":
        who = {"open_id": app["bot_open_id"], "name": app["bot_name"], "mentioned_type": "bot"}
    made = {"key": f"@_user_{number}", "id": user_ids(who["open_id"], who.get("user_id", "")), "name": who["name"],
            "tenant_key": app["tenant_key"]}
    if "mentioned_type" in who:
        made["mentioned_type"] = who["mentioned_type"]
    return made


def message(app, want):
    """want: text | content, message_type, chat_id, chat_type, open_id, user_id, union_id, sender_type, mentions,
    message_id, root_id, parent_id, thread_id, create_time, event_id, token."""
    sender = user_ids(want.get("open_id", "ou_someone"), want.get("user_id"))
    if "union_id" in want:
        sender["union_id"] = want["union_id"]
    now = str(want.get("create_time", int(time.time() * 1000)))
    content = want.get("content", {"text": want.get("text", "hello")})
    body = {"message_id": want.get("message_id") or "om_" + secrets.token_hex(16), "create_time": now, "update_time": now,
            "chat_id": want.get("chat_id", "oc_direct"), "chat_type": want.get("chat_type", "p2p"),
            "message_type": want.get("message_type", "text"),
            "content": content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)}
    for key in ("root_id", "parent_id", "thread_id"):
        if key in want:
            body[key] = want[key]
    if want.get("mentions"):
        body["mentions"] = [mention(app, n, who) for n, who in enumerate(want["mentions"], 1)]
    event = {"sender": {"sender_id": sender, "sender_type": want.get("sender_type", "user"),
                        "tenant_key": app["tenant_key"]},
             "message": body}
    return envelope(app, "im.message.receive_v1", event, want.get("event_id"), want.get("token"))


def click(app, want):
    """want: value, open_message_id, open_chat_id, open_id, user_id, tag, form_value, event_id, token."""
    operator = {"tenant_key": app["tenant_key"], **user_ids(want.get("open_id", "ou_someone"), want.get("user_id"))}
    action = {"value": want.get("value", {}), "tag": want.get("tag", "button"), "timezone": "Asia/Shanghai"}
    if "form_value" in want:
        action["form_value"] = want["form_value"]
    event = {"operator": operator, "token": "c-" + secrets.token_hex(20), "action": action, "host": "im_message",
             "context": {"open_message_id": want.get("open_message_id", "om_unknown"),
                         "open_chat_id": want.get("open_chat_id", "oc_direct")}}
    return envelope(app, "card.action.trigger", event, want.get("event_id"), want.get("token"))
