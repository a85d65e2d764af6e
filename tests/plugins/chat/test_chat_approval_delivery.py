"""Approvals: when they expire, how decisions reach the Butler and admins, and the list of them."""
import hashlib
import json

import pytest
from support.approvals import answer, ask, frame, furnish, heard_status, listed, listed_chat, mine, told
from support.sockets import Socket, everything
from support.steward import Steward, eventually


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        furnish(server)
        yield server


def test_expiry_is_final_announced_and_no_rejection(house):
    ask(house, "late", expires_in_s=10)
    with Socket(house, house.butler) as butler, Socket(house, house.bob) as bob:
        assert told(butler, "late")["payload"] == {"action_id": "late", "approved": False, "status": "EXPIRED",
                                   "command_sha256": hashlib.sha256(b"reboot").hexdigest()}
        assert heard_status(bob, "late")["status"] == "EXPIRED"
        with Socket(house, house.admin()) as admin:
            for approved in (True, False):
                late = answer(house, "late", approved)
                assert late.status_code == 410 and late.json()["error"] == "authorization request has expired"
                assert late.json()["code"] == "expired"
                assert heard_status(admin, "late")["status"] == "EXPIRED"
            admin.send({"type": "AUTH_RESPONSE", "payload": {"action_id": "late", "approved": True}})
            assert admin.get("ERROR")["payload"]["code"] == "action_expired"
    entry = eventually(lambda: (lambda a: a if a["delivered"] else None)(listed(house, "late")))
    assert entry["status"] == "EXPIRED" and "decided_by" not in entry and "channel" not in entry
    rows = house.get("/api/chat/history/2?limit=500").json()
    assert [json.loads(r["payload"])["status"] for r in rows if r["id"] == listed_chat(house, "late")] == ["EXPIRED"]


def test_a_removed_human_or_agent_takes_its_requests_along():
    with Steward() as house:
        furnish(house)
        ask(house, "to-mia", house.mia_id)
        ask(house, "for-agent")
        ask(house, "stays", house.bob_id)
        second, _ = house.agent("second")
        with Socket(house, house.butler, query="&hello=1") as butler:
            made = frame(house, "stays")
            made["payload"].update(action_id="second", target_agent_id=second)
            butler.send(made)
            butler.get("ACK")
        with Socket(house, house.butler) as butler, Socket(house, house.admin()) as admin:
            assert house.delete(f"/api/users/{house.mia_id}").status_code == 204
            assert butler.get("AUTH_RESPONSE")["payload"]["action_id"] == "to-mia"
            assert admin.get("AUTH_STATUS_UPDATE")["payload"] == {"action_id": "to-mia", "status": "EXPIRED"}
            assert house.delete(f"/api/users/agents/{second}").status_code == 204
            response = told(butler, "second")["payload"]
            assert response["status"] == "EXPIRED" and response["approved"] is False
        statuses = {a["action_id"]: a["status"] for a in house.get("/api/approvals").json()}
        assert statuses == {"to-mia": "EXPIRED", "for-agent": "PENDING", "stays": "PENDING", "second": "EXPIRED"}
        assert answer(house, "to-mia").status_code == 410


def test_a_butler_without_hello_hears_each_decision_exactly_once(house):
    for n in range(6):
        ask(house, f"once-{n}")
    for n in (4, 0, 2):
        answer(house, f"once-{n}", n != 2)
    heard = []
    for round_number in range(6):
        with Socket(house, house.butler) as butler:
            if round_number == 2:
                for n in (5, 1, 3):
                    answer(house, f"once-{n}")
            heard += [f["payload"]["action_id"] for f in everything(butler) if f["type"] == "AUTH_RESPONSE"]
    assert [h for h in heard if h.startswith("once-")] == [f"once-{n}" for n in (4, 0, 2, 5, 1, 3)]


def test_a_butler_with_hello_hears_again_until_it_has_acknowledged(house):
    ask(house, "hello-1")
    answer(house, "hello-1")
    for _ in range(2):
        with Socket(house, house.butler, query="&hello=1") as butler:
            assert butler.get()["type"] == "HELLO"
            told(butler, "hello-1")
    assert listed(house, "hello-1")["delivered"] is False
    with Socket(house, house.butler, query="&hello=1") as butler:
        told(butler, "hello-1")
        butler.send({"type": "ACK", "payload": {"action_id": "nonsense"}})
        assert butler.get("ERROR")["payload"]["code"] == "unknown_action"
        butler.send({"type": "ACK", "payload": {}})
        assert butler.get("ERROR")["payload"]["code"] == "invalid_frame"
        butler.send({"type": "ACK", "payload": {"action_id": "hello-1"}})
        butler.drain("m")
    with Socket(house, house.butler, query="&hello=1&since_id=0") as butler:
        assert [f for f in mine(everything(butler), "hello-1") if f["type"] == "AUTH_RESPONSE"] == []
    eventually(lambda: listed(house, "hello-1")["delivered"])
    with Socket(house, house.admin()) as admin, Socket(house, house.agent_token) as agent:
        for other, code in ((admin, "not_allowed"), (agent, "unknown_action")):
            other.send({"type": "ACK", "payload": {"action_id": "hello-1"}})
            assert other.get("ERROR")["payload"]["code"] == code


def test_decisions_are_no_part_of_butlers_recovery(house):
    ask(house, "not-recovered")
    with Socket(house, house.butler) as butler:
        answer(house, "not-recovered")
        told(butler, "not-recovered")
    eventually(lambda: listed(house, "not-recovered")["delivered"])
    with Socket(house, house.butler, query="&since_id=0") as butler:
        frames = everything(butler)
    assert mine([f for f in frames if f["type"] == "AUTH_RESPONSE"], "not-recovered") == []
    updates = house.get("/api/chat/updates?limit=500", token=house.butler).json()
    assert [f["id"] for f in frames if "id" in f and f["type"] != "AUTH_RESPONSE"] == [r["id"] for r in updates]


def test_an_admin_who_asks_for_hello_gets_what_is_pending(house):
    ask(house, "open-mine", 1)
    ask(house, "open-mias", house.mia_id)
    threads = [t for t in house.get("/api/chat/threads?peer_id=2", token=house.eve).json() if t["is_default"]]
    with Socket(house, house.eve, query="&hello=1") as eve:
        frames = everything(eve)
    assert frames[0]["type"] == "HELLO" and {f["type"] for f in frames[1:]} == {"AUTH_REQUEST"}
    pending = [a["action_id"] for a in house.get("/api/approvals?status=pending&limit=200").json()]
    assert [f["payload"]["action_id"] for f in frames[1:]] == pending[::-1]
    assert {f["conversation_id"] for f in frames[1:] if f["target_id"] != house.eve_id} == {threads[0]["id"]}
    with Socket(house, house.admin(), query="&since_id=0") as admin:
        frames = everything(admin)
    for action in ("open-mine", "open-mias"):
        assert len(mine([f for f in frames if f["type"] == "AUTH_REQUEST"], action)) == 1
    with Socket(house, house.admin()) as admin, Socket(house, house.mia, query="&hello=1") as mia:
        assert everything(admin) == [] and [f["type"] for f in everything(mia)] == ["HELLO"]


def test_requests_and_decisions_survive_a_restart(house):
    ask(house, "through-restart")
    ask(house, "decided-before")
    answer(house, "decided-before", False)
    house.stop()
    house.tokens.clear()
    house.start()
    assert listed(house, "through-restart")["status"] == "PENDING"
    assert answer(house, "decided-before", True).status_code == 409
    assert answer(house, "through-restart").json()["decision"] == "APPROVED"
    with Socket(house, house.butler) as butler:
        heard = [f["payload"]["action_id"] for f in everything(butler) if f["type"] == "AUTH_RESPONSE"]
    assert heard[-2:] == ["decided-before", "through-restart"]


def test_a_kill_between_deciding_and_connecting_loses_nothing(house):
    ask(house, "killed")
    assert answer(house, "killed").status_code == 200
    house.kill()
    house.tokens.clear()
    house.start()
    with Socket(house, house.butler) as butler:
        assert "killed" in [f["payload"]["action_id"] for f in everything(butler) if f["type"] == "AUTH_RESPONSE"]


def test_the_list_is_filtered_by_role_status_and_page(house):
    everything = house.get("/api/approvals?limit=200").json()
    assert [a["id"] for a in everything] == sorted((a["id"] for a in everything), reverse=True)
    assert house.get("/api/approvals?limit=200", token=house.butler).json() == everything
    assert house.get("/api/approvals", token=house.agent_token).json() == [], "an agent sees its own"
    ask(house, "mias-own", house.mia_id)
    mias = house.get("/api/approvals?limit=200", token=house.mia).json()
    assert mias[0]["action_id"] == "mias-own" and 0 < len(mias) < len(everything)
    assert house.get("/api/approvals?status=pending", token=house.mia).json()[0]["action_id"] == "mias-own"
    assert house.get("/api/approvals", token=house.bob).json() == []
    for status in ("Approved", "REJECTED", "expired", "PENDING"):
        rows = house.get(f"/api/approvals?status={status}").json()
        assert rows and {a["status"] for a in rows} == {status.upper()}
    page = house.get(f"/api/approvals?limit=2&before_id={everything[1]['id']}&status=").json()
    assert page == everything[2:4]
    for wrong in ("status=maybe", "limit=0", "limit=x", "before_id=0"):
        assert house.get(f"/api/approvals?{wrong}").status_code == 400


def test_a_confirmation_that_was_acked_survives_a_kill():
    with Steward() as house:
        furnish(house)
        for n in range(10):
            ask(house, f"kill-{n}")
            answer(house, f"kill-{n}")
        for n in range(10):
            with Socket(house, house.butler, query="&hello=1") as butler:
                told(butler, f"kill-{n}")
                butler.send({"type": "ACK", "ack": True, "local_id": f"a-{n}", "payload": {"action_id": f"kill-{n}"}})
                assert butler.get("ACK")["local_id"] == f"a-{n}"
                house.kill()
            house.tokens.clear()
            house.start()
            with Socket(house, house.butler, query="&hello=1") as butler:
                heard = [f["payload"]["action_id"] for f in everything(butler) if f["type"] == "AUTH_RESPONSE"]
            assert heard == [f"kill-{m}" for m in range(n + 1, 10)]


def test_a_confirmation_again_or_of_what_is_undecided_is_acked_and_changes_nothing(house):
    ask(house, "confirm-open")
    ask(house, "confirm-twice")
    answer(house, "confirm-twice")
    with Socket(house, house.butler, query="&hello=1") as butler:
        told(butler, "confirm-twice")
        for action in ("confirm-open", "confirm-twice", "confirm-twice"):
            butler.send({"type": "ACK", "ack": True, "payload": {"action_id": action}})
            butler.get("ACK")
        assert listed(house, "confirm-twice")["delivered"] is True, "at the ACK, not some time after it"
        assert listed(house, "confirm-open")["delivered"] is False
    answer(house, "confirm-open")
    with Socket(house, house.butler, query="&hello=1") as butler:
        told(butler, "confirm-open")


def test_what_is_asked_again_after_its_decision_was_noted_is_answered_again_to_that_socket(house):
    for how in ("action", "local"):
        made = frame(house, "again-action" if how == "action" else None, command=f"again by {how}")
        made["local_id"] = f"again-{how}"
        with Socket(house, house.butler, query="&hello=1") as butler, Socket(house, house.butler) as other, \
                Socket(house, house.admin()) as admin:
            butler.send(made)
            first = butler.get("ACK")
            action = admin.get("AUTH_REQUEST")["payload"]["action_id"]
            butler.send(made)
            assert butler.get("ACK") == first
            answer(house, action, how == "action")
            response = told(butler, action)
            told(other, action)
            eventually(lambda action=action: listed(house, action)["delivered"])
            admin.drain("quiet")
            for again in range(2):
                butler.send({**made, "local_id": f"again-{how}-{again}"} if how == "action" else made)
                assert told(butler, action) == response, "the very frame"
                ack = butler.get("ACK")
                assert ack["id"] == first["id"] and ack["timestamp"] == first["timestamp"]
            assert mine(other.drain("q"), action) == [] and admin.drain("q") == [] and butler.drain("q") == []
    with Socket(house, house.butler) as butler:
        assert [f for f in everything(butler) if f["type"] == "AUTH_RESPONSE"] == []


def test_what_is_asked_again_before_its_decision_was_noted_is_answered_once(house):
    ask(house, "still-due")
    with Socket(house, house.butler, query="&hello=1") as butler:
        answer(house, "still-due")
        told(butler, "still-due")
        butler.send(frame(house, "still-due"))
        assert mine(butler.drain("q"), "still-due") == [], "it is due until the ACK, and comes with the next connection"
    with Socket(house, house.butler, query="&hello=1") as butler:
        told(butler, "still-due")
        butler.send({"type": "ACK", "ack": True, "payload": {"action_id": "still-due"}})
        butler.get("ACK")
        butler.send(frame(house, "still-due"))
        told(butler, "still-due")
        butler.send(frame(house, "still-due", command="another"))
        assert butler.get("ERROR")["payload"]["code"] == "action_conflict"
