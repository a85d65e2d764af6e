"""Approvals on a server with a Butler, an agent, two members and two admins."""
import json

from support.sockets import Socket


def furnish(server):
    """Adds them: the tests find their ids and tokens in the server."""
    server.agent_id, server.agent_token = server.agent("worker")
    server.butler = server.butler_token()
    server.mia_id, server.mia = server.member("mia", "mia's password")
    server.bob_id, server.bob = server.member("bob", "bob's password")
    answer = server.post("/api/users", {"username": "eve", "password": "eve's password", "role": "ADMIN"})
    server.eve_id, server.eve = answer.json()["id"], server.login("eve", "eve's password")


def frame(house, action=None, target=None, **more):
    payload = {"action_id": action, "target_agent_id": house.agent_id, "command": "reboot", "reason": "stuck", **more}
    made = {"type": "AUTH_REQUEST", "ack": True, "payload": {k: v for k, v in payload.items() if v is not None}}
    if target:
        made["target_id"] = target
    return made


def ask(house, action, target=None, **more):
    with Socket(house, house.butler, query="&hello=1") as butler:
        butler.send(frame(house, action, target, **more))
        return butler.get("ACK")["id"]


def answer(house, action, approved=True, token="admin"):
    return house.post("/api/chat/auth/response", {"action_id": action, "approved": approved}, token=token)


def listed(house, action, token="admin"):
    return [a for a in house.get("/api/approvals?limit=200", token=token).json() if a["action_id"] == action][0]


def listed_chat(house, action):
    """The id of the request in the chat with the Butler."""
    rows = house.get("/api/chat/history/2?limit=500").json()
    return [r["id"] for r in rows if r["type"] == "AUTH_REQUEST" and json.loads(r["payload"])["action_id"] == action][0]


def mine(frames, action):
    return [f for f in frames if f["type"].startswith("AUTH") and f["payload"]["action_id"] == action]


def told(butler, action, seconds=20):
    """The AUTH_RESPONSE for that action; earlier ones that were still due are passed over."""
    while True:
        frame = butler.get("AUTH_RESPONSE", seconds=seconds)
        if frame["payload"]["action_id"] == action:
            return frame


def heard_status(page, action, seconds=10):
    """What an AUTH_STATUS_UPDATE says of that action; those of other actions, whose refusals are still told, are passed over."""
    while True:
        payload = page.get("AUTH_STATUS_UPDATE", seconds=seconds)["payload"]
        if payload["action_id"] == action:
            return payload
