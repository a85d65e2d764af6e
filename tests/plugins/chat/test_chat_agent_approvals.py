"""Agents ask for themselves, by frame and over HTTP: who sees it, who decides, who waits, and that it is used once."""
import hashlib
import json
import threading

import pytest
import requests
from support.approvals import answer, ask, furnish, listed, mine, told
from support.sockets import Socket
from support.steward import Steward, eventually

OPTIONS = {"plugin:chat": {"asked_per_minute": 500}}


@pytest.fixture(scope="module")
def house():
    with Steward(options=OPTIONS) as server:
        furnish(server)
        server.other_id, server.other = server.agent("other")
        yield server


@pytest.fixture(autouse=True)
def no_rules(house):
    for rule in house.get("/api/approvals/rules").json():
        house.delete(f"/api/approvals/rules/{rule['id']}")


def request(house, token=None, expect=201, **body):
    answered = house.post("/api/approvals", {"command": "rm -rf build", **body}, token=token or house.agent_token)
    assert answered.status_code == expect, answered.text
    return answered.json()


def decide(house, action, approved=True, token="admin", **more):
    return house.post(f"/api/approvals/{action}/decision", {"approved": approved, **more}, token=token)


def shown(house, action, token=None, **more):
    return house.get(f"/api/approvals/{action}", token=token or house.agent_token, **more)


def act(house, action, how, token=None):
    return house.post(f"/api/approvals/{action}/{how}", token=token or house.agent_token)


def make_rule(house, pattern, effect="allow", **more):
    made = house.post("/api/approvals/rules", {"tool": "Bash", "pattern": pattern, "effect": effect, **more})
    assert made.status_code == 201
    return made.json()["id"]


# ---- asking ----

def test_an_agent_asks_over_http_and_humans_see_the_card_of_ever(house):
    body = '{"command":"rm -rf build","reason":"clean","action_id":"http-1","tool":"Bash","cwd":"/srv",' \
           '"session_id":"s1","input":{"command" : "rm -rf build", "n":[1,{"x":"}\\""}]},"expires_in_s":600}'
    with Socket(house, house.admin()) as admin, Socket(house, house.eve) as eve, Socket(house, house.bob) as bob:
        answered = house.request("POST", "/api/approvals", token=house.agent_token, data=body,
                                 headers={"Content-Type": "application/json"})
        assert answered.status_code == 201
        cards = [s.get("AUTH_REQUEST") for s in (admin, eve)]
        assert bob.drain("b") == []
    asked = answered.json()
    raw = '{"command" : "rm -rf build", "n":[1,{"x":"}\\""}]}'
    assert raw in answered.text, "the input is shown as it was sent"
    assert asked["input_sha256"] == hashlib.sha256(raw.encode()).hexdigest()
    assert asked == {**asked, "action_id": "http-1", "target_agent_id": house.agent_id, "target_agent_name": "worker",
                     "requester_id": house.agent_id, "requester_name": "worker", "tool": "Bash", "cwd": "/srv",
                     "session_id": "s1", "status": "PENDING", "reason": "clean", "delivered": False}
    for card in cards:
        assert card["sender_id"] == house.agent_id and card["sender_role"] == "AGENT" and card["target_id"] == 1
        assert card["payload"] == {**card["payload"], "action_id": "http-1", "command": "rm -rf build", "status": "PENDING",
                                   "target_agent_name": "worker", "tool": "Bash", "cwd": "/srv", "session_id": "s1"}
        assert "input" not in card["payload"]
    for token, card in (("admin", cards[0]), (house.eve, cards[1])):
        row = [r for r in house.get(f"/api/chat/history/{house.agent_id}", token=token).json() if r["id"] == card["id"]][0]
        assert row["type"] == "AUTH_REQUEST" and row["conversation_id"] == card["conversation_id"]
        page = house.get(f"/api/chat/threads/{card['conversation_id']}/messages", token=token).json()
        assert [r["id"] for r in page if r["type"] == "AUTH_REQUEST"][-1] == card["id"]
    butlers = house.get("/api/chat/history/2?limit=500", token=house.eve).json()
    assert card["id"] not in [r["id"] for r in butlers], "what agents ask is no part of the talk with Butler"


def test_an_agent_asks_over_its_socket_and_hears_the_decision_alone(house):
    frame = {"type": "AUTH_REQUEST", "ack": True, "payload": {"action_id": "ws-1", "command": "reboot", "tool": "Bash"}}
    with Socket(house, house.agent_token, query="&hello=1") as agent, Socket(house, house.other) as other, \
            Socket(house, house.butler) as butler, Socket(house, house.bob) as bob:
        agent.send(frame)
        agent.get("ACK")
        assert decide(house, "ws-1", False, comment="ask mia").json() == {
            "status": "processed", "action_id": "ws-1", "decision": "REJECTED"}
        response = told(agent, "ws-1")
        assert bob.get("AUTH_STATUS_UPDATE")["payload"] == {"action_id": "ws-1", "status": "REJECTED"}
        assert mine(other.drain("o"), "ws-1") == [] and mine(butler.drain("b"), "ws-1") == []
    assert response["payload"] == {"action_id": "ws-1", "approved": False, "status": "REJECTED",
                                   "command_sha256": hashlib.sha256(b"reboot").hexdigest(), "responder_name": "admin",
                                   "comment": "ask mia"}
    with Socket(house, house.agent_token, query="&hello=1") as agent:
        assert told(agent, "ws-1")["payload"]["comment"] == "ask mia", "until it is acknowledged"
        agent.send({"type": "ACK", "payload": {"action_id": "ws-1"}})
        eventually(lambda: shown(house, "ws-1").json()["delivered"])
    with Socket(house, house.agent_token, query="&hello=1") as agent:
        assert mine(agent.drain("m"), "ws-1") == []


def test_a_decision_is_kept_for_an_agent_that_is_away_and_over_a_kill(house):
    request(house, action_id="away")
    house.kill()
    house.start()
    assert decide(house, "away").status_code == 200
    house.kill()
    house.start()
    with Socket(house, house.agent_token) as agent:
        assert told(agent, "away")["payload"]["approved"] is True
    assert act(house, "away", "claim").status_code == 200
    house.kill()
    house.start()
    assert act(house, "away", "claim").json()["error"] == "already claimed"


@pytest.mark.parametrize("change,status,error", [
    ({"command": ""}, 400, "command is required, a text of at most 16 KiB"),
    ({"command": "c" * 16385}, 400, "command is required, a text of at most 16 KiB"),
    ({"reason": 7}, 400, "reason must be a text of at most 8 KiB"),
    ({"tool": "t" * 129}, 400, "tool must be a text of at most 128 bytes"),
    ({"cwd": "c" * 4097}, 400, "cwd must be a text of at most 4096 bytes"),
    ({"session_id": "a\0b"}, 400, "session_id must be a text of at most 128 bytes"),
    ({"input": "x" * 524287}, 400, "input is longer than input_max allows"),
    ({"action_id": "a b"}, 400, "action_id must have 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', '-'"),
    ({"expires_in_s": 9}, 400, "expires_in_s must be a number from 10 to 604800"),
    ({"wait_s": -1}, 400, "invalid wait_s"), ({"target_id": 4711}, 404, "no such user: target_id"),
    ({"target_id": 2}, 403, "only a human may be asked: target_id"),
    ({"target_agent_id": 2}, 403, "an agent may ask only for itself"),
])
def test_what_is_wrong_with_a_body_is_named_and_stores_nothing(house, change, status, error):
    before = house.get("/api/approvals?limit=1").json()
    answered = house.post("/api/approvals", {"command": "ls", **change}, token=house.agent_token)
    assert (answered.status_code, answered.json()["error"]) == (status, error)
    assert house.get("/api/approvals?limit=1").json() == before


def test_humans_do_not_ask_and_an_agent_asks_for_no_other(house):
    for token in ("admin", house.mia):
        assert house.post("/api/approvals", {"command": "ls"}, token=token).status_code == 403
    with Socket(house, house.agent_token) as agent:
        agent.send({"type": "AUTH_REQUEST", "payload": {"command": "ls", "target_agent_id": house.other_id}})
        assert agent.get("ERROR")["payload"]["code"] == "not_allowed"
    asked = request(house, token=house.butler, target_agent_id=house.other_id, action_id="butlers-body")
    assert asked["requester_id"] == 2 and asked["target_agent_name"] == "other"


def test_the_same_action_is_the_same_request(house):
    first = request(house, action_id="twice", input={"a": 1}, tool="Bash")
    assert request(house, action_id="twice", input={"a": 1}, tool="Bash", expect=200) == first
    for change in ({"command": "other"}, {"input": {"a": 2}}, {"input": None}, {"tool": "Write"}):
        body = {"action_id": "twice", "input": {"a": 1}, "tool": "Bash", **change}
        assert request(house, expect=409, **body)["error"] == "action_id reused with another command"
    assert request(house, token=house.other, action_id="twice", input={"a": 1}, tool="Bash", expect=409)
    assert len([a for a in house.get("/api/approvals?limit=200").json() if a["action_id"] == "twice"]) == 1


# ---- who sees and who decides ----

def test_who_may_see_a_request_sees_it_and_for_others_there_is_none(house):
    request(house, action_id="mias", target_id=house.mia_id)
    for token in (house.agent_token, "admin", house.mia, house.butler):
        assert shown(house, "mias", token=token).json()["action_id"] == "mias"
    for token in (house.bob, house.other):
        assert shown(house, "mias", token=token).status_code == 404
    assert shown(house, "nothing").json()["error"] == "no such authorization request"
    own = house.get("/api/approvals?limit=200", token=house.agent_token).json()
    assert own and {a["requester_id"] for a in own} == {house.agent_id}
    assert {a["requester_id"] for a in house.get("/api/approvals?limit=200", token=house.other).json()} <= {house.other_id}


def test_the_list_is_filtered_by_agent_and_text(house):
    request(house, token=house.other, action_id="needle-1", command="Deploy the NEEDLE")
    assert [a["action_id"] for a in house.get("/api/approvals?q=needle").json()] == ["needle-1"]
    assert house.get("/api/approvals?q=needle", token=house.agent_token).json() == []
    assert {a["target_agent_id"] for a in house.get(f"/api/approvals?agent_id={house.other_id}").json()} == {house.other_id}


def test_no_agent_and_no_butler_ever_decides(house):
    request(house, action_id="never")
    for token in (house.agent_token, house.other, house.butler):
        assert decide(house, "never", token=token).status_code == 403
        assert answer(house, "never", token=token).status_code == 403
        with Socket(house, token) as socket:
            socket.send({"type": "AUTH_RESPONSE", "payload": {"action_id": "never", "approved": True}})
            assert socket.get("ERROR")["payload"]["code"] == "not_allowed"
    assert decide(house, "never", token=house.mia).status_code == 403, "nor a MEMBER that was not asked"
    other = decide(house, "never", command_sha256="0" * 64)
    assert (other.status_code, other.json()["error"]) == (409, "another command under this id")
    assert shown(house, "never").json()["status"] == "PENDING"


def test_dashboards_of_before_decide_an_agents_request(house):
    request(house, action_id="old", target_id=house.mia_id)
    assert answer(house, "old", token=house.mia).json() == {"status": "processed", "action_id": "old",
                                                            "decision": "APPROVED"}
    entry = shown(house, "old").json()
    assert entry["decided_by"] == "mia" and "claimed_at" not in entry, "an agent claims by itself"


def test_a_comment_comes_by_frame_too_and_has_its_limit(house):
    request(house, action_id="words")
    with Socket(house, house.admin()) as admin:
        admin.send({"type": "AUTH_RESPONSE", "payload": {"action_id": "words", "approved": False, "comment": "c" * 4097}})
        assert admin.get("ERROR")["payload"]["code"] == "invalid_frame"
        admin.send({"type": "AUTH_RESPONSE", "ack": True,
                    "payload": {"action_id": "words", "approved": False, "comment": "c" * 4096}})
        admin.get("ACK")
    assert shown(house, "words").json()["comment"] == "c" * 4096
    assert decide(house, "words", comment="c" * 4097).status_code == 400


# ---- waiting ----

def test_who_waits_is_answered_by_the_decision(house):
    answers = []
    crowd = [threading.Thread(target=lambda: answers.append(request(house, action_id="wait", wait_s=60, expect=200)))
             for _ in range(2)]
    crowd += [threading.Thread(target=lambda: answers.append(shown(house, "wait?wait_s=60").json())) for _ in range(2)]
    crowd[0].start()
    eventually(lambda: shown(house, "wait").status_code == 200)
    for one in crowd[1:]:
        one.start()
    assert decide(house, "wait").status_code == 200
    for one in crowd:
        one.join()
    assert [a["status"] for a in answers] == ["APPROVED"] * 4
    assert request(house, action_id="wait", wait_s=60, expect=200)["status"] == "APPROVED", "at once"


def test_a_wait_that_is_over_shows_the_pending_request(house):
    asked = request(house, action_id="over", wait_s=1, expect=200)
    assert asked["status"] == "PENDING"
    assert shown(house, "over?wait_s=1").json() == asked
    assert act(house, "over", "withdraw").status_code == 200


def test_many_wait_at_once_and_hold_up_nobody(house):
    request(house, action_id="crowd")
    answers = []

    def wait():
        with requests.Session() as session:
            headers = {"Authorization": f"Bearer {house.agent_token}"}
            answers.append(session.get(f"{house.url}/api/approvals/crowd?wait_s=120", headers=headers, timeout=180).json())

    crowd = [threading.Thread(target=wait) for _ in range(100)]
    for one in crowd:
        one.start()
    assert house.get("/api/ping").status_code == 200
    assert shown(house, "crowd").json()["status"] == "PENDING"
    assert decide(house, "crowd", False).status_code == 200
    for one in crowd:
        one.join()
    assert [a["status"] for a in answers] == ["REJECTED"] * 100


# ---- used once, and taken back ----

def test_an_approval_is_claimed_once(house):
    request(house, action_id="once")
    assert act(house, "once", "claim").json()["error"] == "not approved"
    decide(house, "once")
    answers = []
    crowd = [threading.Thread(target=lambda: answers.append(act(house, "once", "claim"))) for _ in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert sorted(a.status_code for a in answers) == [200] + [409] * 7
    claimed = [a for a in answers if a.status_code == 200][0].json()
    assert claimed["claimed_at"] == claimed["updated_at"] >= claimed["decided_at"]
    assert {a.json()["error"] for a in answers if a.status_code == 409} == {"already claimed"}
    for token in ("admin", house.other, house.butler, house.mia):
        assert act(house, "once", "claim", token).status_code == 404
    request(house, action_id="no")
    decide(house, "no", False)
    assert (act(house, "no", "claim").status_code, act(house, "no", "claim").json()["error"]) == (409, "not approved")


def test_what_is_withdrawn_is_over_for_everybody(house):
    request(house, action_id="back")
    with Socket(house, house.bob) as bob, Socket(house, house.agent_token) as agent:
        assert act(house, "back", "withdraw", house.other).status_code == 404
        taken = act(house, "back", "withdraw")
        assert taken.status_code == 200 and taken.json()["status"] == "WITHDRAWN"
        assert bob.get("AUTH_STATUS_UPDATE")["payload"] == {"action_id": "back", "status": "WITHDRAWN"}
        response = told(agent, "back")
        assert response["payload"]["status"] == "WITHDRAWN" and response["payload"]["approved"] is False
    assert act(house, "back", "withdraw").status_code == 200, "again"
    late = decide(house, "back")
    assert (late.status_code, late.json()["error"]) == (410, "authorization request was withdrawn")
    assert act(house, "back", "claim").status_code == 410
    assert [a["action_id"] for a in house.get("/api/approvals?status=withdrawn").json()][0] == "back"
    assert "back" not in [a["action_id"] for a in house.get("/api/approvals?status=expired").json()]
    request(house, action_id="late")
    decide(house, "late")
    assert act(house, "late", "withdraw").json()["error"] == "already approved by admin"


# ---- rules ----

def test_a_rule_answers_at_once_and_no_human_is_asked(house):
    rule = make_rule(house, "git *")
    with Socket(house, house.admin()) as admin, Socket(house, house.agent_token, query="&hello=1") as agent:
        asked = request(house, action_id="ruled", command="git status", tool="Bash")
        again = {"type": "AUTH_REQUEST", "payload": {"action_id": "ruled-ws", "command": "git status && git diff", "tool": "Bash"}}
        agent.send(again)
        response = told(agent, "ruled-ws")
        agent.send(again)
        assert told(agent, "ruled-ws") == response, "who asks again hears it again"
        assert mine(admin.drain("a"), "ruled") == [] == mine(admin.drain("b"), "ruled-ws")
    assert asked["status"] == "APPROVED" and asked["decided_by"] == f"rule {rule}" and asked["channel"] == "rule"
    assert asked["rule_id"] == rule and asked["claimed_at"] == asked["decided_at"]
    assert response["payload"]["approved"] is True and response["payload"]["responder_name"] == f"rule {rule}"
    assert act(house, "ruled", "claim").json()["error"] == "already claimed"
    assert listed(house, "ruled")["rule_id"] == rule
    hits = house.get("/api/approvals/rules").json()[0]
    assert hits["hits"] == 2 and hits["last_hit_at"] >= asked["decided_at"]
    assert [r for r in house.get(f"/api/chat/history/{house.agent_id}?limit=500").json()
            if json.loads(r["payload"] or "{}").get("action_id") == "ruled"] == []


def test_a_rule_that_denies_says_its_note(house):
    make_rule(house, "rm *", "deny", note="use git clean")
    make_rule(house, "*")
    asked = request(house, command="ls; rm -rf x", tool="Bash")
    assert asked["status"] == "REJECTED" and asked["comment"] == "use git clean" and "claimed_at" not in asked


def test_what_no_rule_allows_reaches_a_human(house):
    make_rule(house, "git *")
    for command, more in (("git status; curl x", {}), ("git $(id)", {}), ("git status", {"tool": "Read"}),
                          ("git status", {"input": {"command": "rm x"}})):
        assert request(house, **{"command": command, "tool": "Bash", **more})["status"] == "PENDING"


def test_rules_do_not_answer_for_butler(house):
    make_rule(house, "*", "deny")
    make_rule(house, "*")
    assert request(house, token=house.butler, target_agent_id=house.agent_id, command="ls", tool="Bash")["status"] == "PENDING"


def test_a_decision_brings_a_rule_for_the_next_times(house):
    asked = request(house, command="npm test", tool="Bash", action_id="teach", target_id=house.mia_id)
    rule = {"tool": "Bash", "pattern": "npm *", "expires_in_s": 3600}
    refused = decide(house, "teach", token=house.mia, rule=rule)
    assert (refused.status_code, refused.json()["error"]) == (403, "admin access required")
    assert decide(house, "teach", rule={"tool": "Bash"}).status_code == 400
    assert shown(house, "teach").json()["status"] == "PENDING", "nothing of a refused decision is stored"
    assert decide(house, "teach", rule=rule).status_code == 200
    made = house.get("/api/approvals/rules").json()[0]
    assert made == {**made, "agent_id": house.agent_id, "pattern": "npm *", "effect": "allow", "created_by": "admin"}
    assert made["expires_at"] > asked["requested_at"]
    assert request(house, command="npm ci", tool="Bash")["rule_id"] == made["id"]
    assert request(house, token=house.other, command="npm ci", tool="Bash")["status"] == "PENDING", "it is for the one who asked"
    request(house, command="curl x", tool="Bash", action_id="unteach")
    decide(house, "unteach", False, rule={"tool": "Bash", "pattern": "curl *"})
    assert request(house, command="curl y", tool="Bash")["status"] == "REJECTED"
    ask(house, "butlers")
    assert decide(house, "butlers", rule=rule).json()["error"] == "rules do not answer for Butler's requests"


# ---- limits ----

def test_a_flood_by_one_agent_is_refused_and_hides_no_others():
    with Steward(options={"plugin:chat": {"pending_max": 5, "asked_per_minute": 8, "ruled_per_minute": 3}}) as house:
        furnish(house)
        _, other = house.agent("other")
        for i in range(5):
            request(house, action_id=f"f{i}")
        more = house.post("/api/approvals", {"command": "ls"}, token=house.agent_token)
        assert more.status_code == 429 and more.json()["error"] == "too many requests for approval are pending"
        assert int(more.headers["Retry-After"]) > 0
        with Socket(house, house.agent_token) as agent:
            agent.send({"type": "AUTH_REQUEST", "payload": {"command": "ls"}})
            assert agent.get("ERROR")["payload"]["code"] == "too_many_approvals"
        assert request(house, token=other, action_id="others")["status"] == "PENDING"
        assert request(house, token=house.butler, target_agent_id=house.agent_id)["status"] == "PENDING"
        for i in range(5):
            decide(house, f"f{i}")
        for i in range(3):
            request(house)
        last = house.post("/api/approvals", {"command": "ls"}, token=house.agent_token)
        assert last.status_code == 429 and last.json()["error"] == "too many requests for approval in a minute"
        make_rule(house, "ls")
        for i in range(3):
            assert request(house, command="ls", tool="Bash")["status"] == "APPROVED", "what rules decide counts apart"
        assert house.post("/api/approvals", {"command": "ls", "tool": "Bash"}, token=house.agent_token).status_code == 429
        assert house.get("/api/health").json()["checks"]["chat"]["approvals_refused"] >= 3
