"""Who decides: the human who was asked or ADMINs alone, one of them or two."""
import sqlite3
import threading

import pytest
from support.approvals import answer, ask, frame, furnish, listed, mine, told
from support.sockets import Socket, everything
from support.steward import Steward, eventually


@pytest.fixture(scope="module")
def house():
    with Steward(options={"plugin:chat": {"four_eyes": "true"}}) as server:
        furnish(server)
        yield server


def say(socket, action, approved=True):
    socket.send({"type": "AUTH_RESPONSE", "ack": True, "payload": {"action_id": action, "approved": approved}})


def statuses(frames, action):
    return [f["payload"] for f in mine(frames, action) if f["type"] == "AUTH_STATUS_UPDATE"]


def test_by_default_the_member_who_was_asked_decides_and_with_admins_only_they_do():
    with Steward() as house:
        furnish(house)
        ask(house, "alone", house.mia_id)
        assert answer(house, "alone", token=house.mia).json()["decision"] == "APPROVED"
        assert "four_eyes" not in listed(house, "alone")
        for n in range(3):
            ask(house, f"for-admins-{n}", house.mia_id)
        house.options["plugin:chat"] = {"approvers": "admins"}
        house.reload()
        for approved in (True, False):
            refused = answer(house, "for-admins-0", approved, token=house.mia)
            assert refused.status_code == 403 and refused.json()["error"] == "not allowed to answer this request"
        with Socket(house, house.mia) as mia, Socket(house, house.butler) as butler:
            say(mia, "for-admins-0")
            assert mia.get("ERROR")["payload"]["code"] == "not_allowed"
            butler.send(frame(house, "shown", house.mia_id))
            assert mia.get("AUTH_REQUEST")["target_id"] == house.mia_id, "she is told all the same"
        assert answer(house, "for-admins-0", token=house.eve).status_code == 200
        assert listed(house, "for-admins-0")["decided_by"] == "eve"
        assert answer(house, "alone", token=house.mia).status_code == 403, "also of what she decided before"
        house.options["plugin:chat"] = {"approvers": "Addressed"}
        house.reload()
        assert answer(house, "for-admins-1", token=house.mia).status_code == 200


def test_the_first_approval_is_noted_and_told_and_the_second_humans_completes_it(house):
    ask(house, "two", house.mia_id)
    with Socket(house, house.butler) as butler, Socket(house, house.bob) as bob, Socket(house, house.mia) as mia:
        noted = answer(house, "two", token=house.mia)
        assert noted.status_code == 200
        assert noted.json() == {"status": "processed", "action_id": "two", "decision": "PENDING", "approved_by": "mia"}
        pending = {"action_id": "two", "status": "PENDING", "approved_by": "mia"}
        assert bob.get("AUTH_STATUS_UPDATE")["payload"] == pending
        for _ in range(2):
            assert mia.get("AUTH_STATUS_UPDATE")["payload"] == pending, "at once, and after her page has its answer"
        entry = listed(house, "two")
        assert entry["status"] == "PENDING" and entry["four_eyes"] is True and entry["approved_by"] == "mia"
        assert entry["approved_channel"] == "http" and entry["approved_at"] and "decided_by" not in entry
        again = answer(house, "two", token=house.mia)
        assert again.status_code == 200 and again.json() == noted.json(), "her own second does not count"
        with Socket(house, house.mia) as tab:
            say(tab, "two")
            assert "id" not in tab.get("ACK")
        assert mine(butler.drain("q"), "two") == [] and mine(bob.drain("q"), "two") == []
        with Socket(house, house.eve, query="&hello=1") as eve:
            card = mine(everything(eve), "two")[0]["payload"]
            assert card["status"] == "PENDING" and card["four_eyes"] is True and card["approved_by"] == "mia"
        assert answer(house, "two", token=house.eve).json() == {"status": "processed", "action_id": "two",
                                                               "decision": "APPROVED"}
        response = told(butler, "two")
        assert response["sender_id"] == house.eve_id
        assert response["payload"]["approved"] is True and response["payload"]["approved_by"] == "mia"
        assert response["payload"]["responder_name"] == "eve"
        assert bob.get("AUTH_STATUS_UPDATE")["payload"] == {**pending, "status": "APPROVED"}
    entry = listed(house, "two")
    assert entry["decided_by"] == "eve" and entry["approved_by"] == "mia"
    for token in (house.mia, house.eve, "admin"):
        assert answer(house, "two", token=token).json()["decision"] == "APPROVED"
        assert answer(house, "two", False, token=token).status_code == 409


@pytest.mark.parametrize("who", ["eve", "admin", "mia"])
@pytest.mark.parametrize("after", [False, True])
def test_one_rejection_ends_it(house, who, after):
    action = f"no-{who}-{after}"
    ask(house, action, house.mia_id)
    if after:
        assert answer(house, action, token=house.eve).json()["decision"] == "PENDING"
    with Socket(house, house.butler) as butler:
        token = {"eve": house.eve, "admin": "admin", "mia": house.mia}[who]
        assert answer(house, action, False, token=token).json()["decision"] == "REJECTED"
        payload = told(butler, action)["payload"]
        assert payload["approved"] is False and payload["responder_name"] == who and "approved_by" not in payload
    assert answer(house, action, token="admin").status_code == 409


def test_over_the_socket_it_is_the_same(house):
    ask(house, "two-ws")
    with Socket(house, house.admin()) as admin, Socket(house, house.eve) as eve, Socket(house, house.butler) as butler:
        say(admin, "two-ws")
        assert "id" not in admin.get("ACK")
        say(eve, "two-ws")
        ack = eve.get("ACK")
        assert ack["id"] == told(butler, "two-ws")["id"]
        say(admin, "two-ws")
        assert admin.get("ACK")["id"] == ack["id"]


def test_who_may_not_answer_is_none_of_the_two(house):
    ask(house, "guarded")
    for token in (house.mia, house.bob, house.agent_token, house.butler):
        assert answer(house, "guarded", token=token).status_code == 403
    assert "approved_by" not in listed(house, "guarded")
    answer(house, "guarded", token=house.eve)
    for token in (house.mia, house.bob, house.agent_token, house.butler):
        assert answer(house, "guarded", token=token).status_code == 403
    assert listed(house, "guarded")["status"] == "PENDING"


def test_racing_approvals_of_one_human_never_complete_it_and_of_two_do_once(house):
    for turn in range(6):
        action = f"race-{turn}"
        ask(house, action)
        with Socket(house, house.butler) as butler:
            tokens = [house.eve] * 8 if turn % 2 else [house.eve, house.admin()] * 4
            start = threading.Barrier(len(tokens))

            def approve(token, action=action, start=start):
                start.wait()
                answer(house, action, token=token)

            threads = [threading.Thread(target=approve, args=(token,)) for token in tokens]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert listed(house, action)["status"] == ("PENDING" if turn % 2 else "APPROVED")
            heard = [f for f in mine(butler.drain("q"), action) if f["type"] == "AUTH_RESPONSE"]
            assert len(heard) == (0 if turn % 2 else 1)


def test_the_first_of_two_must_still_be_allowed_when_the_second_approves(house):
    made = house.post("/api/users", {"username": "fay", "password": "a long password", "role": "ADMIN"}).json()["id"]
    for how in ("demoted", "removed"):
        ask(house, f"gone-{how}")
        assert answer(house, f"gone-{how}", token=house.login("fay", "a long password")).json()["approved_by"] == "fay"
        if how == "demoted":
            assert house.patch(f"/api/users/{made}", {"role": "MEMBER"}).status_code == 200
        else:
            assert house.delete(f"/api/users/{made}").status_code == 204
        second = answer(house, f"gone-{how}", token=house.eve).json()
        assert second["decision"] == "PENDING" and second["approved_by"] == "eve", "now the first"
        assert answer(house, f"gone-{how}").json()["decision"] == "APPROVED"
        if how == "demoted":
            assert house.patch(f"/api/users/{made}", {"role": "ADMIN"}).status_code == 200


def test_how_many_must_approve_is_settled_when_it_is_asked():
    with Steward() as house:
        furnish(house)
        ask(house, "one")
        house.options["plugin:chat"] = {"four_eyes": "true"}
        house.reload()
        ask(house, "both")
        answer(house, "both")
        house.options["plugin:chat"] = {}
        house.kill()
        house.tokens.clear()
        house.start()
        house.eve = house.login("eve", "eve's password")
        assert listed(house, "both")["approved_by"] == "admin", "the first approval survives a kill -9"
        assert answer(house, "both").json()["decision"] == "PENDING"
        assert answer(house, "both", token=house.eve).json()["decision"] == "APPROVED"
        assert answer(house, "one").json()["decision"] == "APPROVED"


def test_half_approved_it_expires_like_any_other(house):
    ask(house, "late", expires_in_s=10)
    answer(house, "late")
    with Socket(house, house.butler) as butler, Socket(house, house.bob) as bob:
        payload = told(butler, "late")["payload"]
        assert payload["approved"] is False and payload["status"] == "EXPIRED" and "approved_by" not in payload
        eventually(lambda: {"action_id": "late", "status": "EXPIRED"} in statuses(bob.drain("q"), "late"))
    assert answer(house, "late", token=house.eve).status_code == 410


def test_requests_of_an_older_store_need_one(house):
    ask(house, "older")
    house.stop()
    with sqlite3.connect(house.database()) as db:
        db.execute("UPDATE chat_approvals SET needs = 1 WHERE action_id = 'older'")
    db.close()
    house.tokens.clear()
    house.start()
    assert answer(house, "older").json()["decision"] == "APPROVED"
