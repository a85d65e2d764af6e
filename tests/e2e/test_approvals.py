"""Who may decide, and what happens at the edges: the part that must be trusted."""
import hashlib
import threading

import pytest
from support.approvals import heard_status
from support.sockets import Socket
from support.steward import Steward, eventually


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        server.agent_id, server.agent_token = server.agent("worker")
        server.butler = server.butler_token()
        server.mia_id, server.mia = server.member("mia", "mia's password")
        server.bob_id, server.bob = server.member("bob", "bob's password")
        yield server


def ask(house, action, target=None, **more):
    payload = {"action_id": action, "target_agent_id": house.agent_id, "command": "reboot", "reason": "why not", **more}
    frame = {"type": "AUTH_REQUEST", "local_id": action, "ack": True, "payload": payload}
    if target:
        frame["target_id"] = target
    with Socket(house, house.butler, query="&hello=1") as butler:
        butler.send(frame)
        return butler.get("ACK")["id"]


def answer(house, action, approved=True, token="admin"):
    return house.post("/api/chat/auth/response", {"action_id": action, "approved": approved}, token=token)


def status(house, action):
    return {a["action_id"]: a["status"] for a in house.get("/api/approvals?limit=200").json()}[action]


def test_agent_and_butler_tokens_cannot_approve_over_http_or_ws(house):
    ask(house, "no-robots")
    for token in (house.agent_token, house.butler):
        refused = answer(house, "no-robots", token=token)
        assert refused.status_code == 403 and refused.json()["error"] == "not allowed to answer this request"
        with Socket(house, token) as robot:
            robot.send({"type": "AUTH_RESPONSE", "local_id": "r", "sender_id": 1, "sender_role": "ADMIN",
                        "payload": {"action_id": "no-robots", "approved": True}})
            assert robot.get("ERROR")["payload"]["code"] == "not_allowed"
    assert status(house, "no-robots") == "PENDING"


def test_a_member_who_was_not_addressed_cannot_approve_but_the_addressed_one_can(house):
    ask(house, "for-mia", target=house.mia_id)
    assert answer(house, "for-mia", token=house.bob).status_code == 403
    with Socket(house, house.bob) as bob:
        bob.send({"type": "AUTH_RESPONSE", "payload": {"action_id": "for-mia", "approved": True}})
        assert bob.get("ERROR")["payload"]["code"] == "not_allowed"
    assert answer(house, "for-mia", token=house.mia).json()["decision"] == "APPROVED"


def test_racing_answers_give_one_decision(house):
    for round_number in range(5):
        action = f"race-{round_number}"
        ask(house, action)
        codes, barrier = [], threading.Barrier(16)

        def race(approved):
            barrier.wait()
            codes.append((approved, answer(house, action, approved).status_code))

        threads = [threading.Thread(target=race, args=(n % 2 == 0,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winner = status(house, action)
        assert {c for a, c in codes if a == (winner == "APPROVED")} == {200}
        assert {c for a, c in codes if a != (winner == "APPROVED")} == {409}


def test_the_same_answer_again_is_the_same_and_another_one_is_a_conflict(house):
    ask(house, "twice")
    assert answer(house, "twice", False).status_code == 200
    assert answer(house, "twice", False).json() == {"status": "processed", "action_id": "twice", "decision": "REJECTED"}
    with Socket(house, house.admin()) as page:
        conflict = answer(house, "twice", True)
        assert conflict.status_code == 409 and conflict.json()["error"] == "already rejected by admin"
        assert heard_status(page, "twice")["status"] == "REJECTED"
    assert answer(house, "never-asked").status_code == 404
    assert answer(house, "never-asked").json()["error"] == "no such authorization request"
    for wrong in ("yes", 1, None):
        assert answer(house, "twice", wrong).status_code == 400


def test_expiry_is_announced_and_final(house):
    with Socket(house, house.admin()) as page:
        ask(house, "short", expires_in_s=10)
        with Socket(house, house.butler) as butler:
            told = butler.get("AUTH_RESPONSE", seconds=30)
            while told["payload"]["action_id"] != "short":
                told = butler.get("AUTH_RESPONSE", seconds=30)
            assert told["payload"]["approved"] is False and told["payload"]["status"] == "EXPIRED"
            assert "responder_name" not in told["payload"]
            assert told["payload"]["command_sha256"] == hashlib.sha256(b"reboot").hexdigest()
        assert heard_status(page, "short") == {"action_id": "short", "status": "EXPIRED"}
    late = answer(house, "short")
    assert late.status_code == 410 and late.json()["error"] == "authorization request has expired"


def test_a_butler_who_was_away_hears_every_decision_in_order_and_once(house):
    for n in range(5):
        ask(house, f"away-{n}")
    for n in (3, 1, 4, 0, 2):
        assert answer(house, f"away-{n}", n % 2 == 0).status_code == 200
    with Socket(house, house.butler) as butler:
        heard = []
        while len([h for h in heard if h.startswith("away")]) < 5:
            heard.append(butler.get("AUTH_RESPONSE")["payload"]["action_id"])
        assert [h for h in heard if h.startswith("away")] == [f"away-{n}" for n in (3, 1, 4, 0, 2)]
    eventually(lambda: all(a["delivered"] for a in house.get("/api/approvals").json() if a["action_id"].startswith("away")))
    with Socket(house, house.butler) as butler:
        assert [f for f in butler.drain("m") if f["type"] == "AUTH_RESPONSE"] == []


def test_a_butler_with_hello_hears_again_until_it_acks(house):
    ask(house, "ack-me")
    answer(house, "ack-me")
    for _ in range(2):
        with Socket(house, house.butler, query="&hello=1") as butler:
            assert butler.get("AUTH_RESPONSE")["payload"]["action_id"] == "ack-me"
    with Socket(house, house.butler, query="&hello=1") as butler:
        butler.get("AUTH_RESPONSE")
        butler.send({"type": "ACK", "payload": {"action_id": "ack-me"}})
        eventually(lambda: house.get("/api/approvals?limit=1").json()[0]["delivered"])
    with Socket(house, house.butler, query="&hello=1") as butler:
        butler.get("HELLO")
        assert [f for f in butler.drain("m") if f["type"] == "AUTH_RESPONSE"] == []


def test_no_human_may_ask_and_what_was_asked_never_changes(house):
    for token in (house.admin(), house.mia):
        with Socket(house, token) as other:
            other.send({"type": "AUTH_REQUEST", "target_id": 1, "payload": {
                "target_agent_id": house.agent_id, "command": "x", "reason": "y"}})
            assert other.get("ERROR")["payload"]["code"] == "not_allowed"
    first = ask(house, "fixed")
    assert ask(house, "fixed") == first
    with Socket(house, house.butler) as butler:
        butler.send({"type": "AUTH_REQUEST", "payload": {"action_id": "fixed", "target_agent_id": house.agent_id,
                                                         "command": "another", "reason": "y"}})
        assert butler.get("ERROR")["payload"]["code"] == "action_conflict"
    stored = [a for a in house.get("/api/approvals?limit=200").json() if a["action_id"] == "fixed"]
    assert len(stored) == 1 and stored[0]["command"] == "reboot"
