"""since_id: the same frames as live, in id order, without gap or duplicate; and what retention does to it."""
import json
import sqlite3
import threading

import pytest
import websocket
from support.sockets import Socket, everything
from support.steward import Steward, eventually


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        server.agent_id, server.agent_token = server.agent("scout")
        server.butler = server.butler_token()
        server.mia_id, server.mia = server.member("mia", "mia's password")
        yield server


def raw(house, token, query=""):
    return websocket.create_connection(f"{house.ws_url}?token={token}{query}", timeout=20)


def test_a_recovery_replays_the_very_frames(house):
    live = raw(house, house.mia)
    with Socket(house, house.agent_token) as agent, Socket(house, house.butler) as butler, Socket(house, house.mia) as mia:
        agent.send({"type": "CHAT", "local_id": "l", "target_id": house.mia_id, "payload": "1", "stream_id": "s"})
        frames = [live.recv()]
        mia.send({"type": "CHAT", "target_id": house.agent_id, "payload": {"n": 1.10}})
        frames.append(live.recv())
        butler.send({"type": "CHAT", "payload": "all"})
        frames.append(live.recv())
        butler.send({"type": "AUTH_REQUEST", "target_id": house.mia_id, "payload": {
            "action_id": "r1", "target_agent_id": house.agent_id, "command": "ls", "reason": ""}})
        frames.append(live.recv())
        mia.send({"type": "CHAT", "target_id": 1, "payload": "to admin"})
        frames.append(live.recv())
    live.close()
    again = raw(house, house.mia, "&since_id=0")
    hello = json.loads(again.recv())
    assert hello["payload"]["recovered"] is True and hello["payload"]["last_id"] == json.loads(frames[-1])["id"]
    assert [again.recv() for _ in frames] == frames
    again.close()
    middle = json.loads(frames[2])["id"]
    again = raw(house, house.mia, f"&since_id={middle}")
    again.recv()
    assert [again.recv() for _ in frames[3:]] == frames[3:]
    again.close()
    ids = [json.loads(f)["id"] for f in frames]
    assert [r["id"] for r in house.get("/api/chat/updates", token=house.mia).json()] == ids


def test_a_recovered_request_has_its_current_status(house):
    assert house.post("/api/chat/auth/response", {"action_id": "r1", "approved": True}, token=house.mia).status_code == 200
    with Socket(house, house.mia, query="&since_id=0") as mia:
        frames = everything(mia)
    card = [f for f in frames if f["type"] == "AUTH_REQUEST"][0]
    assert card["payload"]["status"] == "APPROVED"
    own = [f for f in frames if f["type"] == "AUTH_RESPONSE"]
    assert len(own) == 1 and own[0]["sender_id"] == house.mia_id, "a human's own rows"


def test_statuses_decided_during_a_recovery_are_not_missed(house):
    """Pages that connect with since_id while decisions fall end with the truth about each."""
    count = 40
    with Socket(house, house.butler) as butler:
        for n in range(count):
            butler.send({"type": "AUTH_REQUEST", "ack": True, "payload": {
                "action_id": f"during-{n}", "target_agent_id": house.agent_id, "command": "ls", "reason": ""}})
            butler.get("ACK")
    last = house.get("/api/chat/updates?limit=500").json()[-1]["id"]
    stop = threading.Event()

    def decide():
        for n in range(count):
            house.post("/api/chat/auth/response", {"action_id": f"during-{n}", "approved": n % 2 == 0})
        stop.set()

    worker = threading.Thread(target=decide)
    worker.start()
    pages = []
    while not stop.is_set() and len(pages) < 30:
        pages.append(Socket(house, house.admin(), query="&since_id=0"))
    worker.join()
    for page in pages:
        known = {}
        for frame in everything(page):
            if frame["type"] in ("AUTH_REQUEST", "AUTH_STATUS_UPDATE"):
                known[frame["payload"]["action_id"]] = frame["payload"]["status"]
        page.close()
        assert all(known[f"during-{n}"] == ("APPROVED" if n % 2 == 0 else "REJECTED") for n in range(count)), known
    assert last > 0


def test_butler_hears_decisions_once_that_fall_while_it_connects(house):
    count = 40
    with Socket(house, house.butler) as butler:
        for n in range(count):
            butler.send({"type": "AUTH_REQUEST", "ack": True, "payload": {
                "action_id": f"busy-{n}", "target_agent_id": house.agent_id, "command": "ls", "reason": ""}})
            butler.get("ACK")
    stop = threading.Event()

    def decide():
        for n in range(count):
            house.post("/api/chat/auth/response", {"action_id": f"busy-{n}", "approved": True})
        stop.set()

    worker = threading.Thread(target=decide)
    worker.start()
    heard = []
    while not stop.is_set():
        with Socket(house, house.butler, query="") as butler:
            heard += [f["payload"]["action_id"] for f in everything(butler, 0.02) if f["type"] == "AUTH_RESPONSE"]
    worker.join()
    with Socket(house, house.butler) as butler:
        heard += [f["payload"]["action_id"] for f in everything(butler) if f["type"] == "AUTH_RESPONSE"]
    assert [h for h in heard if h.startswith("busy-")] == [f"busy-{n}" for n in range(count)]


def test_retention_prunes_old_rows_and_recovery_says_so():
    with Steward(options={"plugin:chat": {"retention_days": "7"}}) as house:
        agent_id, agent_token = house.agent("scout")
        with Socket(house, agent_token) as agent:
            for n in range(250):
                agent.send({"type": "CHAT", "target_id": 1, "payload": str(n), "ack": True, "local_id": str(n)})
            ids = [agent.get("ACK")["id"] for _ in range(250)]
        house.stop()
        with sqlite3.connect(house.database()) as db:
            db.execute("UPDATE chat SET at_ms = at_ms - 8 * 86400000 WHERE id <= ?", (ids[229],))
        db.close()
        house.tokens.clear()
        house.start()
        eventually(lambda: len(house.get("/api/chat/updates?limit=500").json()) == 20, 90)
        eventually(lambda: "info chat retention removed 230 stored frames, up to id" in house.log(), what="a line of the log that says so")
        with Socket(house, house.admin(), query=f"&since_id={ids[100]}") as admin:
            frames = everything(admin)
            assert frames[0]["payload"]["recovered"] is False and frames[0]["payload"]["last_id"] == ids[249]
            assert len(frames) == 1
        with Socket(house, house.admin(), query=f"&since_id={ids[229]}") as admin:
            frames = everything(admin)
            assert frames[0]["payload"]["recovered"] is True and [f["payload"] for f in frames[1:]] == [
                str(n) for n in range(230, 250)]


def test_retention_by_count_keeps_the_last_day():
    with Steward(options={"plugin:chat": {"retention_count": "10"}}) as house:
        _, agent_token = house.agent("scout")
        with Socket(house, agent_token) as agent:
            for n in range(30):
                agent.send({"type": "CHAT", "target_id": 1, "payload": str(n), "ack": True})
            ids = [agent.get("ACK")["id"] for _ in range(30)]
        house.stop()
        with sqlite3.connect(house.database()) as db:
            db.execute("UPDATE chat SET at_ms = at_ms - 2 * 86400000 WHERE id <= ?", (ids[14],))
        db.close()
        house.tokens.clear()
        house.start()
        eventually(lambda: len(house.get("/api/chat/updates").json()) == 15, 90)
