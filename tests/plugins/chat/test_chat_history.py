"""History, updates and what Butler and the agents said."""
import sqlite3

import pytest
from support.sockets import Socket
from support.steward import Steward

SHAPE = ["id", "local_id", "conversation_id", "sender_id", "sender_name", "sender_role", "receiver_id", "target_id", "type",
         "payload", "timestamp"]


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        server.agent_id, server.agent_token = server.agent("scout")
        server.butler = server.butler_token()
        server.mia_id, server.mia = server.member("mia", "mia's password")
        with Socket(server, server.admin()) as admin, Socket(server, server.agent_token) as agent:
            for n in range(60):
                admin.send({"type": "CHAT", "target_id": server.agent_id, "payload": f"q{n}", "local_id": f"h{n}"})
                agent.send({"type": "CHAT", "target_id": 1, "payload": f"a{n}"})
            for _ in range(120):
                admin.get("CHAT")
        yield server


def test_the_latest_hundred_come_oldest_first(house):
    rows = house.get(f"/api/chat/history/{house.agent_id}").json()
    ids = [r["id"] for r in rows]
    assert len(rows) == 100 and ids == sorted(ids) and rows[-1]["payload"] in ("q59", "a59")
    assert all(list(r) == SHAPE for r in rows)
    assert all(r["receiver_id"] == r["target_id"] for r in rows)
    assert {r["local_id"] for r in rows if r["sender_id"] == house.agent_id} == {""}
    assert house.get("/api/chat/history/1", token=house.agent_token).json() == rows
    assert len(house.get(f"/api/chat/history/{house.agent_id}?limit=500").json()) == 120
    assert [r["id"] for r in house.get(f"/api/chat/history/{house.agent_id}?limit=5").json()] == ids[-5:]
    assert [r["id"] for r in house.get(f"/api/chat/history/{house.agent_id}?limit=5&before_id={ids[50]}").json()] == ids[45:50]
    assert [r["id"] for r in house.get(f"/api/chat/history/{house.agent_id}?limit=5&after_id={ids[50]}").json()] == ids[51:56]


def test_nobody_reads_other_peoples_history(house):
    assert house.get(f"/api/chat/history/{house.agent_id}", token=house.mia).json() == []
    assert house.get("/api/chat/history/4711").json() == []
    for wrong in ("0", "-1", "abc", "1e3", "99999999999999999999"):
        answer = house.get(f"/api/chat/history/{wrong}")
        assert answer.status_code == 400 and answer.json()["error"] == "invalid peer_id"
    assert house.get("/api/chat/history/1", token=None).status_code == 401


def test_what_others_were_asked_is_in_an_admins_default_thread_with_butler(fresh):
    agent_id, _ = fresh.agent("scout")
    mia_id, mia = fresh.member("mia")
    asked = {"action_id": "others", "target_agent_id": agent_id, "command": "ls", "reason": "why"}
    with Socket(fresh, fresh.butler_token()) as butler, Socket(fresh, fresh.admin()) as admin, Socket(fresh, mia) as mine:
        admin.send({"type": "CHAT", "target_id": 2, "payload": "first", "ack": True})
        admin.get("ACK")
        butler.send({"type": "AUTH_REQUEST", "target_id": mia_id, "payload": asked})
        seen, to_mia = admin.get("AUTH_REQUEST"), mine.get("AUTH_REQUEST")
    thread = f"/api/chat/threads/{seen['conversation_id']}/messages"
    rows = fresh.get(thread).json()
    assert rows == fresh.get("/api/chat/history/2").json()
    assert [(r["id"], r["conversation_id"]) for r in rows] == [(rows[0]["id"], seen["conversation_id"]),
                                                              (seen["id"], seen["conversation_id"])]
    assert [r["id"] for r in fresh.get(thread + "?limit=1").json()] == [seen["id"]]
    assert [r["id"] for r in fresh.get(f"{thread}?after_id={rows[0]['id']}").json()] == [seen["id"]]
    assert [r["id"] for r in fresh.get(f"{thread}?before_id={seen['id']}").json()] == [rows[0]["id"]]
    other = fresh.post("/api/chat/threads", {"peer_id": 2, "channel_kind": "butler_direct"}).json()["id"]
    assert fresh.get(f"/api/chat/threads/{other}/messages").json() == []
    of_mia = fresh.get(f"/api/chat/threads/{to_mia['conversation_id']}/messages", token=mia).json()
    assert [r["id"] for r in of_mia] == [seen["id"]]


def test_butler_agent_is_for_humans_and_shows_no_humans_chat(house):
    with Socket(house, house.butler) as butler, Socket(house, house.agent_token) as agent:
        butler.send({"type": "CHAT", "target_id": house.agent_id, "payload": "work"})
        agent.get("CHAT")
        butler.send({"type": "CHAT", "target_id": 1, "payload": "private", "ack": True})
        butler.get("ACK")
    rows = house.get(f"/api/chat/butler-agent/{house.agent_id}", token=house.mia).json()
    assert [r["payload"] for r in rows] == ["work"]
    assert house.get("/api/chat/butler-agent/1", token=house.mia).json() == []
    assert house.get("/api/chat/butler-agent/4711").json() == []
    assert house.get("/api/chat/butler-agent/x").json()["error"] == "invalid agent_id"
    for token in (house.agent_token, house.butler):
        assert house.get(f"/api/chat/butler-agent/{house.agent_id}", token=token).status_code == 403


def test_updates_are_what_is_stored_for_the_caller(house):
    rows, after = [], 0
    while True:
        page = house.get(f"/api/chat/updates?after_id={after}&limit=50").json()
        if not page:
            break
        assert len(page) <= 50
        rows += page
        after = page[-1]["id"]
    ids = [r["id"] for r in rows]
    assert ids == sorted(set(ids)) and len(ids) == 121
    own = house.get("/api/chat/updates?limit=500", token=house.agent_token).json()
    assert {r["sender_id"] for r in own} == {1, 2}, "an agent has no rows of its own"
    assert len(house.get("/api/chat/updates").json()) == 100
    for wrong in ("after_id=-1", "limit=0", "after_id=x"):
        assert house.get(f"/api/chat/updates?{wrong}").status_code == 400


def test_a_page_ends_at_four_mebibytes_and_says_so(house):
    text = "y" * 60000
    with Socket(house, house.mia) as mia:
        for n in range(90):
            mia.send({"type": "CHAT", "target_id": house.agent_id, "payload": f"{n} {text}"})
        for _ in range(90):
            mia.get("CHAT")
    answer = house.get(f"/api/chat/history/{house.agent_id}?limit=500", token=house.mia)
    rows = answer.json()
    assert answer.headers["X-Truncated"] == "true" and 4 << 20 <= len(answer.content) < 5 << 20
    assert rows[-1]["payload"].startswith("89 "), "the latest stay"
    older = house.get(f"/api/chat/history/{house.agent_id}?limit=500&before_id={rows[0]['id']}", token=house.mia)
    assert "X-Truncated" not in older.headers and len(older.json()) + len(rows) == 90
    forward = house.get("/api/chat/updates?limit=500", token=house.mia)
    assert forward.headers["X-Truncated"] == "true" and forward.json()[0]["payload"].startswith("0 ")


def test_names_stay_as_they_were(house):
    rows = house.get(f"/api/chat/history/{house.agent_id}", token=house.mia).json()
    assert rows[-1]["sender_name"] == "mia" and rows[-1]["sender_role"] == "MEMBER"
    with sqlite3.connect(f"file:{house.database()}?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM chat WHERE sender_name = 'mia'").fetchone()[0] == 90
    db.close()
