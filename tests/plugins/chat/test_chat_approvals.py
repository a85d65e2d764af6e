"""Approvals: who is asked, who may answer, and one decision whatever is tried."""
import hashlib
import json
import threading
import time

import pytest
from support.approvals import answer, ask, frame, furnish, heard_status, listed, listed_chat, mine, told
from support.sockets import Socket
from support.steward import Steward, eventually

REQUEST = ["type", "id", "sender_id", "sender_name", "sender_role", "target_id", "conversation_id", "payload", "timestamp"]
ASKED = ["action_id", "target_agent_id", "target_agent_name", "command", "reason", "status", "expires_at",
         "command_sha256"]
LISTED = ["id", "action_id", "target_agent_id", "target_agent_name", "command", "command_sha256", "reason", "status",
          "requested_at", "expires_at"]


# Nothing can be seen in them.
BLANKS = [" ", "\n\n\t", "\u3164", "\u2800 \u200b", "\u00a0\u3000", "\U000e0061\U000e0062", "\u202e\n\u2066", "\ufe0f"]


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        furnish(server)
        yield server


def test_a_request_reaches_its_human_and_every_admin_each_in_a_thread_of_its_own(house):
    with Socket(house, house.butler) as butler, Socket(house, house.mia) as mia, Socket(house, house.admin()) as admin, \
            Socket(house, house.eve) as eve, Socket(house, house.bob) as bob:
        butler.send(frame(house, "shape", house.mia_id, command="echo ä\n€", target_agent_name="a lie"))
        cards = [s.get("AUTH_REQUEST") for s in (mia, admin, eve)]
        assert bob.drain("q") == []
        ack = butler.get("ACK")
    for card in cards:
        assert list(card) == REQUEST and list(card["payload"]) == ASKED
        assert card["target_id"] == house.mia_id and card["sender_id"] == 2 and card["sender_role"] == "BUTLER"
        assert card["id"] == ack["id"] and card["timestamp"] == ack["timestamp"] and "local_id" not in card
        assert card["payload"] == {**card["payload"], "action_id": "shape", "target_agent_id": house.agent_id,
                                   "target_agent_name": "worker", "command": "echo ä\n€", "reason": "stuck",
                                   "status": "PENDING"}
    assert len({c["conversation_id"] for c in cards}) == 3
    for card, token in zip(cards, (house.mia, "admin", house.eve)):
        thread = [t for t in house.get("/api/chat/threads?peer_id=2", token=token).json() if t["is_default"]][0]
        assert card["conversation_id"] == thread["id"]
        row = [r for r in house.get("/api/chat/history/2", token=token).json() if r["id"] == card["id"]][0]
        assert row["timestamp"] == card["timestamp"] and row["conversation_id"] == card["conversation_id"]
        assert row["type"] == "AUTH_REQUEST" and row["receiver_id"] == house.mia_id
        assert json.loads(row["payload"]) == card["payload"] and list(json.loads(row["payload"])) == ASKED
    assert house.get("/api/chat/history/2", token=house.bob).json() == []
    row = listed(house, "shape")
    assert list(row) == LISTED + ["delivered", "requester_id", "requester_name", "updated_at"]
    assert row["delivered"] is False and row["requester_id"] == 2 and row["updated_at"] == row["requested_at"]
    assert row["command_sha256"] == hashlib.sha256("echo ä\n€".encode()).hexdigest()


def test_without_a_target_the_first_admin_is_asked_where_it_spoke_last(house):
    thread = house.post("/api/chat/threads", {"peer_id": 2, "channel_kind": "butler_direct"}).json()["id"]
    with Socket(house, house.butler) as butler, Socket(house, house.admin()) as admin:
        admin.send({"type": "CHAT", "target_id": 2, "conversation_id": thread, "payload": "do something"})
        admin.get("CHAT")
        butler.send(frame(house, reason=None, reasoning="because"))
        card = admin.get("AUTH_REQUEST")
        assert card["target_id"] == 1 and card["conversation_id"] == thread and card["payload"]["reason"] == "because"
        assert len(card["payload"]["action_id"]) == 36
        butler.send({**frame(house, payload=None), "conversation_id": 424242})
        assert butler.get("ERROR")["payload"]["code"] == "invalid_conversation"
    assert house.get(f"/api/chat/threads/{thread}/messages").json()[-1]["id"] == card["id"]


@pytest.mark.parametrize("change,code", [
    ({"target_agent_id": None}, "invalid_frame"), ({"target_agent_id": "3"}, "invalid_frame"),
    ({"target_agent_id": 4711}, "unknown_target"), ({"target_agent_id": 1}, "unknown_target"),
    ({"target_agent_id": 2}, "unknown_target"),
    ({"command": None}, "invalid_frame"), ({"command": ""}, "invalid_frame"), *[({"command": blank}, "invalid_frame") for blank in BLANKS],
    ({"command": 7}, "invalid_frame"),
    ({"command": "c" * 16385}, "invalid_frame"), ({"command": "a\0b"}, "invalid_frame"),
    ({"reason": None}, "invalid_frame"), ({"reason": "r" * 8193}, "invalid_frame"), ({"reason": ["x"]}, "invalid_frame"),
    ({"action_id": ""}, "invalid_frame"), ({"action_id": "a" * 65}, "invalid_frame"), ({"action_id": "a b"}, "invalid_frame"),
    ({"action_id": "ä"}, "invalid_frame"), ({"action_id": 7}, "invalid_frame"),
    ({"expires_in_s": 9}, "invalid_frame"), ({"expires_in_s": 604801}, "invalid_frame"),
    ({"expires_in_s": "60"}, "invalid_frame"), ({"expires_in_s": 60.5}, "invalid_frame"),
])
def test_what_is_wrong_with_a_request_is_an_error_and_stores_nothing(house, change, code):
    before = house.get("/api/approvals?limit=1").json()
    with Socket(house, house.butler) as butler:
        made = frame(house)
        made["payload"].update(change)
        made["payload"] = {k: v for k, v in made["payload"].items() if v is not None}
        butler.send(made)
        assert butler.get("ERROR")["payload"]["code"] == code
    assert house.get("/api/approvals?limit=1").json() == before


def test_targets_must_be_humans(house):
    with Socket(house, house.butler) as butler:
        for target, code in ((house.agent_id, "not_allowed"), (2, "not_allowed"), (4711, "unknown_target")):
            butler.send(frame(house, target=target))
            assert butler.get("ERROR")["payload"]["code"] == code
        butler.send({"type": "AUTH_REQUEST", "payload": "not an object"})
        assert butler.get("ERROR")["payload"]["code"] == "invalid_frame"
        butler.send({"type": "AUTH_REQUEST", "ack": True, "payload": json.dumps(frame(house, "as-text")["payload"])})
        assert butler.get("ACK")["id"] == listed_chat(house, "as-text")


def test_limits_are_inclusive(house):
    ask(house, "A" * 64, command="c" * 16384, reason="r" * 8192, expires_in_s=604800)
    ask(house, ".", reason="", expires_in_s=10)
    assert listed(house, "A" * 64)["command"] == "c" * 16384


def test_a_repeated_action_is_one_request(house):
    with Socket(house, house.admin()) as admin, Socket(house, house.butler, query="&hello=1") as butler:
        ids = []
        for local in ("l1", "l2", None):
            butler.send({**frame(house, "same"), **({"local_id": local} if local else {})})
            ids.append(butler.get("ACK")["id"])
        assert len(set(ids)) == 1
        butler.send(frame(house, "same", command="another"))
        assert butler.get("ERROR")["payload"]["code"] == "action_conflict"
        assert len(mine(admin.drain("q"), "same")) == 1
    assert answer(house, "same").status_code == 200
    assert ask(house, "same") == ids[0], "also when it is decided"


def test_an_approval_over_http_is_told_to_everybody(house):
    ask(house, "http", house.mia_id)
    with Socket(house, house.butler) as butler, Socket(house, house.bob) as bob, Socket(house, house.mia) as mia:
        assert answer(house, "http", token=house.mia).json() == {"status": "processed", "action_id": "http",
                                                                "decision": "APPROVED"}
        response = told(butler, "http")
        assert list(response) == ["type", "id", "sender_id", "sender_name", "sender_role", "target_id", "payload", "timestamp"]
        assert response["sender_id"] == house.mia_id and response["sender_role"] == "MEMBER" and response["target_id"] == 2
        assert response["payload"] == {"action_id": "http", "approved": True, "status": "APPROVED", "responder_name": "mia",
                                   "command_sha256": hashlib.sha256(b"reboot").hexdigest()}
        for page in (bob, mia):
            update = page.get("AUTH_STATUS_UPDATE")
            assert list(update) == ["type", "payload", "timestamp"]
            assert update["payload"] == {"action_id": "http", "status": "APPROVED"}
    rows = house.get("/api/chat/history/2", token=house.mia).json()
    row = rows[-1]
    assert row["id"] == response["id"] and row["type"] == "AUTH_RESPONSE" and row["sender_id"] == house.mia_id
    assert row["receiver_id"] == 2 and json.loads(row["payload"]) == {"action_id": "http", "approved": True,
                                                                     "status": "APPROVED"}
    asked = [r for r in rows if r["type"] == "AUTH_REQUEST" and json.loads(r["payload"])["action_id"] == "http"][0]
    assert json.loads(asked["payload"])["status"] == "APPROVED"
    entry = eventually(lambda: (lambda a: a if a["delivered"] else None)(listed(house, "http")))
    assert list(entry) == LISTED + ["decided_at", "decided_by", "channel", "delivered", "requester_id", "requester_name",
                                    "claimed_at", "updated_at"]
    assert entry["claimed_at"] >= entry["decided_at"] and entry["updated_at"] == entry["claimed_at"]
    assert entry["decided_by"] == "mia" and entry["channel"] == "http" and entry["decided_at"] == response["timestamp"]


def test_an_answer_over_the_socket(house):
    ask(house, "ws", house.mia_id)
    with Socket(house, house.mia) as mia, Socket(house, house.butler) as butler, Socket(house, house.bob) as bob:
        def say(socket, action, approved, **more):
            socket.send({"type": "AUTH_RESPONSE", "local_id": "x", "ack": True,
                         "payload": {"action_id": action, "approved": approved}, **more})

        say(bob, "ws", True)
        assert bob.get("ERROR")["payload"] == {"code": "not_allowed", "error": "not allowed to answer this request"}
        say(bob, "never", True)
        assert bob.get("ERROR")["payload"] == {"code": "unknown_action", "error": "no such authorization request"}
        for wrong in ("yes", 1, None):
            say(mia, "ws", wrong)
            assert mia.get("ERROR")["payload"]["code"] == "invalid_frame"
        say(mia, "ws", True, conversation_id=424242)
        assert mia.get("ERROR")["payload"]["code"] == "invalid_conversation"
        assert listed(house, "ws")["status"] == "PENDING"
        thread = [t for t in house.get("/api/chat/threads?peer_id=2", token=house.mia).json() if t["is_default"]][0]["id"]
        say(mia, "ws", False, conversation_id=thread)
        response = told(butler, "ws")
        assert response["conversation_id"] == thread and response["payload"]["status"] == "REJECTED"
        ack = mia.get("ACK")
        assert ack["id"] == response["id"] and ack["timestamp"] == response["timestamp"]
        say(mia, "ws", False)
        assert mia.get("ACK") == ack
        say(mia, "ws", True)
        error = mia.get("ERROR")
        assert error["payload"] == {"code": "already_decided", "error": "already rejected by mia"}
        assert mia.get()["payload"] == {"action_id": "ws", "status": "REJECTED"}, "the true status, after the ERROR"
        assert mine(butler.drain("q"), "ws") == []
    assert listed(house, "ws")["channel"] == "ws"


def test_who_may_answer(house):
    ask(house, "guarded", house.mia_id)
    for token, status in ((house.bob, 403), (house.agent_token, 403), (house.butler, 403)):
        refused = answer(house, "guarded", token=token)
        assert refused.status_code == status and refused.json()["error"] == "not allowed to answer this request"
    assert answer(house, "never", token=house.bob).status_code == 404
    for token in (house.agent_token, house.butler):
        for body in ({"action_id": "never", "approved": True}, {"action_id": "guarded", "approved": "yes"}, {}):
            refused = house.post("/api/chat/auth/response", body, token=token)
            assert refused.status_code == 403 and refused.json()["error"] == "not allowed to answer this request"
    assert answer(house, "guarded", token=house.eve).status_code == 200, "any ADMIN may"
    assert answer(house, "guarded", token=house.mia).status_code == 200, "the same answer, by anyone allowed"
    assert listed(house, "guarded")["decided_by"] == "eve", "the first responder stays"
    other = answer(house, "guarded", False, token=house.mia)
    assert other.status_code == 409 and other.json()["error"] == "already approved by eve"
    assert other.json()["code"] == "conflict" and other.json()["request_id"]
    assert answer(house, "guarded", False, token=house.bob).status_code == 403, "not allowed comes before decided"


@pytest.mark.parametrize("body", [{}, {"approved": True}, {"action_id": "x"}, {"action_id": "x", "approved": "true"},
                                  {"action_id": "x", "approved": None}, {"action_id": "x", "approved": 1},
                                  {"action_id": "", "approved": True}, {"action_id": 5, "approved": True}])
def test_a_malformed_answer_is_400(house, body):
    assert house.post("/api/chat/auth/response", body).status_code == 400


def test_a_stream_id_alone_is_the_action(house):
    ask(house, "by-stream")
    assert house.post("/api/chat/auth/response", {"stream_id": "by-stream", "approved": False}).json()["decision"] == "REJECTED"


def test_racing_answers_of_all_kinds_give_one_decision(house):
    for turn in range(8):
        action = f"race-{turn}"
        with Socket(house, house.butler) as butler, Socket(house, house.admin()) as page, Socket(house, house.eve) as eve:
            butler.send(frame(house, action))
            butler.get("ACK")
            page.get("AUTH_REQUEST")
            results, start = [], threading.Barrier(9)

            def over_http(approved, token):
                start.wait()
                results.append((approved, answer(house, action, approved, token).status_code == 200))

            def over_ws(approved):
                start.wait()
                eve.send({"type": "AUTH_RESPONSE", "ack": True, "payload": {"action_id": action, "approved": approved}})
                while True:
                    got = eve.get()
                    if got["type"] in ("ACK", "ERROR"):
                        results.append((approved, got["type"] == "ACK"))
                        return

            threads = [threading.Thread(target=over_http, args=(n % 2 == 0, (house.admin(), house.eve)[n % 3 == 0]))
                       for n in range(8)] + [threading.Thread(target=over_ws, args=(turn % 2 == 0,))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            status = listed(house, action)["status"]
            assert len(results) == 9
            assert {a for a, won in results if won} == {status == "APPROVED"}
            assert {a for a, won in results if not won} <= {status != "APPROVED"}
            assert len(mine([f for f in butler.drain("end") if f["type"] == "AUTH_RESPONSE"], action)) == 1
            updates = mine([f for f in page.drain("end") if f["type"] == "AUTH_STATUS_UPDATE"], action)
            assert {f["payload"]["status"] for f in updates} == {status}


def test_after_a_refusal_over_http_the_callers_sockets_hear_the_truth_twice_and_not_too_soon(house):
    ask(house, "again", house.mia_id)
    answer(house, "again", False)
    with Socket(house, house.mia) as one, Socket(house, house.mia) as two, Socket(house, house.bob) as bob:
        assert answer(house, "again", True, token=house.mia).status_code == 409
        refused = time.monotonic()
        for wait in (0.4, 1.9):
            for page in (one, two):
                assert heard_status(page, "again") == {"action_id": "again", "status": "REJECTED"}
                assert time.monotonic() - refused >= wait, "a page may put its card back after that"
        assert one.drain("q") == [] and bob.drain("q") == []


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_a_command_that_shows_nothing_is_refused_over_http_as_well(house, blank):
    refused = house.post("/api/approvals", {"command": blank, "reason": "r"}, token=house.agent_token)
    assert refused.status_code == 400 and "blank" in refused.json()["error"]


@pytest.mark.parametrize("by", ["http", "decision", "ws"])
def test_an_answer_that_names_another_command_decides_nothing(house, by):
    action = f"named-{by}"
    ask(house, action)
    right = listed(house, action)["command_sha256"]
    wrong = [hashlib.sha256(b"reboot now").hexdigest(), right.upper(), right[:-1], right + "0", "", 7, [right], False]
    with Socket(house, house.admin()) as page:

        def said(sha):
            payload = {"action_id": action, "approved": True, "command_sha256": sha}
            if by != "ws":
                path = f"/api/approvals/{action}/decision" if by == "decision" else "/api/chat/auth/response"
                refused = house.post(path, payload)
                return refused.status_code, refused.json().get("error")
            page.send({"type": "AUTH_RESPONSE", "ack": True, "payload": payload})
            while (got := page.get())["type"] not in ("ACK", "ERROR"):
                pass
            return (200, None) if got["type"] == "ACK" else (409, got["payload"]["error"])

        for sha in wrong:
            assert said(sha) == (409, "another command under this id"), sha
        assert listed(house, action)["status"] == "PENDING"
        assert said(right)[0] == 200 and said(None)[0] == 200
        assert said(wrong[0])[0] == 409, "also when it is decided"


@pytest.mark.parametrize("members", ['"approved":false,"approved":true', '"approved":true,"\\u0061pproved":true'])
def test_an_answer_that_says_two_things_decides_nothing(house, members):
    action = "two-things-" + str(len(members))
    ask(house, action)
    with Socket(house, house.admin()) as admin:
        payload = f'{{"action_id":"{action}",{members}}}'
        answered = house.request("POST", "/api/chat/auth/response", data=payload.encode())
        assert answered.status_code == 400 and "stands twice" in answered.json()["detail"]
        admin.send(f'{{"type":"AUTH_RESPONSE","payload":{payload}}}')
        assert admin.get("ERROR")["payload"]["code"] == "bad_json"
        admin.send({"type": "AUTH_RESPONSE", "payload": payload})
        assert admin.get("ERROR")["payload"]["code"] == "invalid_frame"
        assert listed(house, action)["status"] == "PENDING"


def test_a_request_with_two_commands_asks_nobody(house):
    with Socket(house, house.butler) as butler, Socket(house, house.admin()) as admin:
        payload = (f'{{"target_agent_id":{house.agent_id},"command":"echo ok","reason":"x","command":"rm -r x"}}')
        butler.send(f'{{"type":"AUTH_REQUEST","payload":{payload}}}')
        assert butler.get("ERROR")["payload"]["code"] == "bad_json"
        butler.send({"type": "AUTH_REQUEST", "payload": payload})
        assert butler.get("ERROR")["payload"]["code"] == "invalid_frame"
        assert admin.drain("q") == []


def test_a_command_with_half_a_character_is_asked_and_hashed_with_u_fffd(house):
    with Socket(house, house.butler) as butler, Socket(house, house.admin()) as admin:
        butler.send(f'{{"type":"AUTH_REQUEST","payload":{{"action_id":"halved","target_agent_id":{house.agent_id},'
                    '"command":"echo \\ud83c","reason":"x"}}')
        assert admin.get("AUTH_REQUEST")["payload"]["command"] == "echo \ufffd"
        assert listed(house, "halved")["command_sha256"] == hashlib.sha256("echo \ufffd".encode()).hexdigest()


def test_butler_has_at_most_so_many_requests_pending():
    with Steward(options={"plugin:chat": {"butler_pending_max": "3"}}) as server:
        furnish(server)
        for n in range(3):
            ask(server, f"open-{n}")
        with Socket(server, server.butler, query="&hello=1") as butler:
            butler.send({**frame(server, "one-more"), "local_id": "l"})
            assert butler.get("ERROR")["payload"]["code"] == "too_many_approvals"
            butler.send(frame(server, "open-1"))
            assert butler.get("ACK")["id"], "a repeat is not one more"
        assert answer(server, "open-0").status_code == 200
        ask(server, "one-more")
