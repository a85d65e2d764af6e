"""Approvals: asked once, decided once, told to everybody, whatever happens in between."""
import hashlib
import json
import queue
import threading

import pytest
from support.sockets import Socket
from support.steward import Steward, eventually

REQUEST = ["type", "id", "sender_id", "sender_name", "sender_role", "target_id", "conversation_id", "payload", "timestamp"]
ASKED = ["action_id", "target_agent_id", "target_agent_name", "command", "reason", "status", "expires_at"]
LISTED = ["id", "action_id", "target_agent_id", "target_agent_name", "command", "command_sha256", "reason", "status",
          "requested_at", "expires_at"]


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        furnish(server)
        yield server


def furnish(server):
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


def mine(frames, action):
    return [f for f in frames if f["type"].startswith("AUTH") and f["payload"]["action_id"] == action]


def told(butler, action, seconds=20):
    """The AUTH_RESPONSE for that action; earlier ones that were still due are passed over."""
    while True:
        frame = butler.get("AUTH_RESPONSE", seconds=seconds)
        if frame["payload"]["action_id"] == action:
            return frame


def everything(socket, quiet=0.4):
    """Every frame until none came for a while, and what came while closing."""
    found = []
    while True:
        try:
            found.append(socket.frames.get(timeout=quiet) if quiet else socket.frames.get_nowait())
        except queue.Empty:
            if quiet == 0:
                return found
            socket.close()
            quiet = 0


# ---- asking ----

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
    assert list(row) == LISTED + ["delivered"] and row["delivered"] is False
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
    ({"command": None}, "invalid_frame"), ({"command": ""}, "invalid_frame"), ({"command": 7}, "invalid_frame"),
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


def listed_chat(house, action):
    rows = house.get("/api/chat/history/2?limit=500").json()
    return [r["id"] for r in rows if r["type"] == "AUTH_REQUEST" and json.loads(r["payload"])["action_id"] == action][0]


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


# ---- answering ----

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
    assert list(entry) == LISTED + ["decided_at", "decided_by", "channel", "delivered"]
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


def test_after_a_refusal_over_http_the_callers_sockets_hear_the_truth(house):
    ask(house, "again", house.mia_id)
    answer(house, "again", False)
    with Socket(house, house.mia) as one, Socket(house, house.mia) as two, Socket(house, house.bob) as bob:
        assert answer(house, "again", True, token=house.mia).status_code == 409
        for page in (one, two):
            assert page.get(seconds=5)["payload"] == {"action_id": "again", "status": "REJECTED"}
        assert one.drain("q") == [] and bob.drain("q") == []


# ---- expiry ----

def test_expiry_is_final_announced_and_no_rejection(house):
    ask(house, "late", expires_in_s=10)
    with Socket(house, house.butler) as butler, Socket(house, house.bob) as bob:
        assert told(butler, "late")["payload"] == {"action_id": "late", "approved": False, "status": "EXPIRED",
                                   "command_sha256": hashlib.sha256(b"reboot").hexdigest()}
        update = bob.get("AUTH_STATUS_UPDATE")["payload"]
        while update["action_id"] != "late":
            update = bob.get("AUTH_STATUS_UPDATE")["payload"]
        assert update["status"] == "EXPIRED"
        with Socket(house, house.admin()) as admin:
            for approved in (True, False):
                late = answer(house, "late", approved)
                assert late.status_code == 410 and late.json()["error"] == "authorization request has expired"
                assert late.json()["code"] == "expired"
                assert admin.get("AUTH_STATUS_UPDATE", seconds=5)["payload"]["status"] == "EXPIRED"
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


# ---- delivery ----

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
        for other in (admin, agent):
            other.send({"type": "ACK", "payload": {"action_id": "hello-1"}})
            assert other.get("ERROR")["payload"]["code"] == "not_allowed"


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


# ---- listing ----

def test_the_list_is_filtered_by_role_status_and_page(house):
    everything = house.get("/api/approvals?limit=200").json()
    assert [a["id"] for a in everything] == sorted((a["id"] for a in everything), reverse=True)
    assert house.get("/api/approvals?limit=200", token=house.butler).json() == everything
    assert house.get("/api/approvals", token=house.agent_token).status_code == 403
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
