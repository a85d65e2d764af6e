"""The control API's commands: what a test may ask of the fake. Each takes the platform and the body's object."""
import asyncio

from . import codec


def app(platform, want):
    platform.app.update(want)
    return platform.app


def config(platform, want):
    """The whole ClientConfig that discovery and pongs carry."""
    platform.links.config = want


def settings(platform, want):
    """pong: full, mute, empty, an object, or text. schedule, ack_seconds, token_life, bad_token_status, per_chat, per_app,
    connection_limit, left_chats, names, advance (seconds that the clock jumps)."""
    for key, value in want.items():
        if key == "pong":
            platform.links.pong = value
        elif key == "connection_limit":
            platform.links.limit = value
        elif key in ("schedule", "ack_seconds"):
            setattr(platform.deliveries, key, value)
        elif key == "token_life":
            platform.openapi.tokens.life = value
        elif key in ("per_chat", "per_app", "names"):
            setattr(platform.openapi, key, value)
        elif key == "bad_token_status":
            platform.bad_token_status = value
        elif key == "left_chats":
            platform.left_chats = set(value)
        elif key == "advance":
            platform.clock_offset += value
        else:
            raise ValueError(f"no setting {key}")


def rule(platform, want):
    platform.rules.add(**want)


def clear_rules(platform, want):
    platform.rules.clear(want.get("kind"))


def revoke(platform, _):
    """Every token given so far is invalid from now on."""
    platform.openapi.tokens.revoked.update(platform.openapi.tokens.given)


def push(platform, want):
    delivery, message_id = platform.push_message(want)
    return {"event_id": delivery.event_id, "message_id": message_id}


def burst(platform, want):
    """messages: a list of what push takes; all are sent before any ack is read."""
    return [push(platform, one) for one in want["messages"]]


def push_event(platform, want):
    """event: a whole one, as it is; how."""
    return platform.deliveries.push(want["event"], how=want.get("how")).describe()


async def wait_event(platform, want):
    """Until it is acked or given up; seconds at most."""
    delivery = platform.deliveries.all[want["event_id"]]
    try:
        await asyncio.wait_for(delivery.done.wait(), want.get("seconds", 10))
    except asyncio.TimeoutError:
        pass
    return delivery.describe()


def events(platform, _):
    return [delivery.describe() for delivery in platform.deliveries.all.values()]


def click(platform, want):
    return platform.click(want)


def send_bytes(platform, want):
    """hex as one binary message on every connection; text as a text message."""
    for link in platform.links.live():
        if "text" in want:
            link.socket.send(want["text"].encode(), 1)
        else:
            link.socket.send(bytes.fromhex(want["hex"]))


def send_frame(platform, want):
    """A frame made of these fields, on every connection."""
    fields = dict(want)
    if "payload" in fields:
        fields["payload"] = fields["payload"].encode()
    fields["headers"] = [tuple(pair) for pair in fields.get("headers", [])]
    for link in platform.links.live():
        link.socket.send(codec.encode(codec.Frame(**fields)))


def drop(platform, want):
    return {"hit": platform.links.drop(**want)}


def messages(platform, _):
    return list(platform.openapi.messages.values())


def state(platform, _):
    return {"connections": [link.describe() for link in platform.links.all], "acks": platform.deliveries.acks,
            "updates": platform.openapi.updates, "violations": platform.violations,
            "duplicates": platform.openapi.duplicates, "tokens": len(platform.openapi.tokens.given)}


def forget_violations(platform, _):
    platform.violations.clear()


def requests(platform, _):
    return platform.requests


COMMANDS = {command.__name__: command for command in (
    app, config, settings, rule, clear_rules, revoke, push, burst, push_event, wait_event, events, click, send_bytes,
    send_frame, drop, messages, state, forget_violations, requests)}
