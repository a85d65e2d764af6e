"""Tokens of agents: tried, rotated, void at once."""
import concurrent.futures
import re
import threading

from support.steward import eventually, fails

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def create(server, body, **more):
    return server.post("/api/users/agents", body, **more)


def test_a_connection_is_tested_with_200_always(server):
    agent_id, token = server.agent("tested")
    assert server.post("/api/users/agents/test-connection", {"api_token": token}).json() == {
        "ok": True, "message": "token accepted by backend", "agent_id": agent_id, "agent_name": "tested"}
    for other in ("nonsense", "x", "x" * 100000, token + "x", token[:-1], server.admin(), "ünï"):
        answer = server.post("/api/users/agents/test-connection", {"api_token": other})
        assert answer.status_code == 200
        assert answer.json() == {"ok": False, "message": "token is not registered to any agent"}
    for body in ({}, {"api_token": ""}, {"api_token": None}, {"api_token": " "}, {"api_token": "\t\n  "}, None):
        fails(server.post("/api/users/agents/test-connection", body), 400, "api_token is required", "missing_field")


def rotate(server, agent_id, body=None):
    return server.patch(f"/api/users/agents/{agent_id}/token", body)


def test_a_rotation_voids_the_old_token_at_once(server):
    agent_id, old = server.agent("rotated")
    assert server.get("/api/users/butler", token=old).status_code == 200
    answer = rotate(server, agent_id, {"api_token": "a-new-token-of-its-own-with-some-length"})
    assert answer.status_code == 200
    body = answer.json()
    assert TIME.match(body.pop("token_updated_at"))
    assert body == {"ok": True, "message": "agent token updated", "agent_id": agent_id, "token_hint": "a-ne...ngth"}
    assert server.get("/api/users/butler", token=old).status_code == 401
    assert server.get("/api/users/butler", token="a-new-token-of-its-own-with-some-length").status_code == 200


def test_a_rotation_without_a_token_makes_one(server):
    agent_id, old = server.agent("made")
    for body in (None, {}, {"api_token": None}):
        answer = rotate(server, agent_id, body).json()
        assert re.fullmatch(r"ec_[A-Za-z0-9_-]{43}", answer["api_token"])
        assert server.get("/api/users/butler", token=old).status_code == 401
        old = answer["api_token"]
        assert server.get("/api/users/butler", token=old).status_code == 200
    assert rotate(server, 2).status_code == 200, "butler too"


def test_the_rules_of_rotation(server):
    agent_id, own = server.agent("rules")
    _, other = server.agent("rules-other")
    member_id, _ = server.member("rules-member")
    before = next(u for u in server.get("/api/users/agents").json() if u["id"] == agent_id)
    same = rotate(server, agent_id, {"api_token": own})
    assert same.status_code == 200 and same.json()["token_updated_at"] == before["token_updated_at"]
    assert "api_token" not in same.json()
    assert server.get("/api/users/butler", token=own).status_code == 200
    fails(rotate(server, agent_id, {"api_token": other}), 409, "api_token already in use")
    fails(rotate(server, 999999, {}), 404, "agent not found", "not_found")
    fails(rotate(server, 2**62, {}), 404, "agent not found")
    fails(rotate(server, 1, {}), 400, "target user is not an agent")
    fails(rotate(server, member_id, {"api_token": "some-token-or-other"}), 400, "target user is not an agent")
    fails(rotate(server, agent_id, {"api_token": ""}), 400, "api_token is required")
    for bad in ("0", "-1", "x", "1.0", "99999999999999999999", "%00", "2%20"):
        answer = server.patch(f"/api/users/agents/{bad}/token", {})
        assert answer.status_code in (400, 404), (bad, answer.text)
    for token in ("short", "has space in it", "t" * 257, 12345678):
        assert rotate(server, agent_id, {"api_token": token}).status_code == 400
    assert server.get("/api/users/butler", token=own).status_code == 200


def test_no_request_with_the_old_token_passes_once_the_rotation_has_answered(server):
    agent_id, old = server.agent("raced")
    answered, stop, late = threading.Event(), threading.Event(), []
    early, counts = [0] * 16, [0] * 16

    def hammer(i):
        while not stop.is_set():
            sent_after = answered.is_set()
            code = server.get("/api/users/butler", token=old).status_code
            if not sent_after:
                early[i] += 1
            else:
                counts[i] += 1
                if code != 401:
                    late.append(code)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        workers = [pool.submit(hammer, i) for i in range(16)]
        eventually(lambda: all(early), what="requests before the rotation")
        assert rotate(server, agent_id, {"api_token": "the-token-after-the-race"}).status_code == 200
        answered.set()
        try:
            eventually(lambda: sum(counts) >= 400, 60, "requests after the rotation")
        finally:
            stop.set()
        for w in workers:
            w.result()
    counted = sum(counts)
    assert counted >= 200 and not late, (counted, late[:5])
    late = [server.get("/api/users/butler", token=old).status_code for _ in range(1000 - min(counted, 1000))]
    assert set(late) <= {401}


def test_of_many_that_rotate_at_once_one_token_is_left(server):
    agent_id, _ = server.agent("contended")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        tokens = [a.json()["api_token"] for a in pool.map(lambda _: rotate(server, agent_id, {}), range(32))]
    alive = [t for t in tokens if server.get("/api/users/butler", token=t).status_code == 200]
    assert len(alive) == 1


def test_of_many_that_want_a_name_or_a_token_one_gets_it(server):
    def same_name(i):
        return create(server, {"username": "Wanted" if i % 2 else "wanTED"}).status_code

    def same_token(i):
        return create(server, {"username": f"wants {i}", "api_token": "one-token-for-all"}).status_code

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(same_name, range(32))) == [201] + [409] * 31
        assert sorted(pool.map(same_token, range(32))) == [201] + [409] * 31


def test_answers_that_hold_a_token_are_not_kept_by_anybody(server):
    made = server.post("/api/users/agents", {"username": "unkept"})
    renewed = server.patch(f"/api/users/agents/{made.json()['id']}/token", {})
    assert made.json()["api_token"] and renewed.json()["api_token"]
    for answer in (made, renewed):
        assert answer.headers["Cache-Control"] == "no-store"
