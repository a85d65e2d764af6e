"""The red button: nothing of a paused agent is approved, by whatever road, until an ADMIN ends it."""
import pytest
from support.approvals import answer, ask, furnish, listed, told
from support.sockets import Socket
from support.steward import Steward, eventually


@pytest.fixture(scope="module")
def house():
    with Steward(options={"plugin:chat": {"asked_per_minute": 500, "pending_max": 200}}) as server:
        furnish(server)
        server.other_id, server.other = server.agent("other")
        yield server


@pytest.fixture(autouse=True)
def nothing_paused(house):
    yield
    for pause in house.get("/api/approvals/pause").json():
        press(house, False, agent_id=pause["agent_id"])
    for rule in house.get("/api/approvals/rules").json():
        house.delete(f"/api/approvals/rules/{rule['id']}")


def press(house, paused=True, token="admin", **more):
    return house.post("/api/approvals/pause", {"paused": paused, **more}, token=token)


def request(house, action, token=None, **more):
    answered = house.post("/api/approvals", {"command": "ls", "tool": "Bash", "action_id": action, **more},
                          token=token or house.agent_token)
    assert answered.status_code == 201, answered.text
    return answered.json()


def test_only_an_admin_presses_the_button(house):
    for token in (house.mia, house.agent_token, house.butler):
        assert press(house, token=token).status_code == 403
    assert press(house, agent_id=4711).json()["error"] == "no such agent: agent_id"
    assert press(house, agent_id=2).status_code == 404
    assert house.post("/api/approvals/pause", {}).json()["error"] == "paused must be a boolean"
    assert house.get("/api/approvals/pause").json() == []


def test_what_is_pending_is_rejected_and_what_comes_is_answered_so_at_once(house):
    request(house, "mine")
    ask(house, "butlers")
    request(house, "others", token=house.other)
    with Socket(house, house.agent_token) as agent, Socket(house, house.admin()) as admin:
        pressed = press(house, agent_id=house.agent_id, reason="too wild").json()
        assert pressed == {**pressed, "agent_id": house.agent_id, "paused": True, "reason": "too wild", "by": "admin"}
        assert told(agent, "mine")["payload"]["comment"] == "paused by admin: too wild"
        for action in ("mine", "butlers"):
            entry = listed(house, action)
            assert entry["status"] == "REJECTED" and entry["channel"] == "pause" and entry["decided_by"] == "admin"
        admin.drain("a")
        now = request(house, "now")
        assert now["status"] == "REJECTED" and now["comment"] == "paused by admin: too wild"
        agent.send({"type": "AUTH_REQUEST", "payload": {"action_id": "now-ws", "command": "ls"}})
        assert told(agent, "now-ws")["payload"]["approved"] is False
        assert admin.drain("b") == [], "no card"
    with Socket(house, house.butler) as butler:
        butler.send({"type": "AUTH_REQUEST", "payload": {"action_id": "butler-now", "command": "ls", "reason": "",
                                                         "target_agent_id": house.agent_id}})
        assert told(butler, "butler-now")["payload"]["comment"] == "paused by admin: too wild"
    assert listed(house, "others")["status"] == "PENDING"
    assert request(house, "others-2", token=house.other)["status"] == "PENDING"
    assert house.get("/api/approvals/pause", token=house.mia).json() == [pressed]


def test_no_rule_and_no_earlier_approval_gets_past_it(house):
    house.post("/api/approvals/rules", {"tool": "*", "pattern": "*", "effect": "allow"})
    house.post("/api/approvals", {"command": "x > y", "action_id": "before"}, token=house.agent_token)
    assert answer(house, "before").status_code == 200
    press(house)
    assert request(house, "ruled")["status"] == "REJECTED"
    claim = house.post("/api/approvals/before/claim", token=house.agent_token)
    assert (claim.status_code, claim.json()["error"]) == (409, "paused by admin")
    press(house, False)
    assert request(house, "ruled-again")["status"] == "APPROVED"
    assert house.post("/api/approvals/before/claim", token=house.agent_token).status_code == 200


def test_a_button_for_all_ends_more_than_one_step_can(house):
    for i in range(150):
        request(house, f"many-{i}")
    press(house, reason="all")
    assert answer(house, "many-149").status_code == 409
    assert listed(house, "many-149")["status"] != "APPROVED"
    eventually(lambda: house.get("/api/approvals?status=pending").json() == [])
    assert {a["comment"] for a in house.get("/api/approvals?limit=100&status=rejected").json()} == {"paused by admin: all"}


def test_a_pause_survives_a_kill(house):
    press(house, agent_id=house.agent_id)
    house.kill()
    house.start()
    assert request(house, "after")["status"] == "REJECTED"
    press(house, False, agent_id=house.agent_id)
    assert request(house, "over")["status"] == "PENDING"
