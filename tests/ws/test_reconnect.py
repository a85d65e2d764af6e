"""Coming back: what was noted is not told again, and no backlog cuts a reader, however it is made up."""
import json
import os
import random
import struct
import threading
import time

import pytest
from raw import CLOSE, TEXT, Raw, frame
from support.steward import Steward


def request(action, agent, **more):
    payload = {"action_id": action, "target_agent_id": agent, "command": "c", "reason": "r", **more}
    return {"type": "AUTH_REQUEST", "payload": payload, "ack": True}


def ask(server, actions, **more):
    with Raw(server, server.butler, "&hello=1") as butler:
        for action in actions:
            butler.send(request(action, server.agent_id, **more))
            butler.json("ACK")


@pytest.fixture
def house(request):
    with Steward(options={"ws": getattr(request, "param", {})}) as running:
        running.agent_id, running.agent_token = running.agent("agent")
        running.butler = running.butler_token()
        yield running


def visit(server, query, seconds):
    """Decisions that Butler hears in one visit, closed by the book; with hello it acknowledges those it can."""
    heard, unanswered = [], set()
    with Raw(server, server.butler, query, seconds=0.02) as butler:
        end = time.monotonic() + seconds
        closing = False
        while True:
            try:
                got = butler.read()
            except TimeoutError:
                got = (None, b"")
            if got is None or got[0] == CLOSE:
                return heard, unanswered
            if got[0] == TEXT:
                value = json.loads(got[1])
                if value["type"] == "AUTH_RESPONSE":
                    action = value["payload"]["action_id"]
                    heard.append(action)
                    if query and not closing:
                        butler.send({"type": "ACK", "payload": {"action_id": action}})
                    elif query:
                        unanswered.add(action)
            if not closing and time.monotonic() > end:
                closing = True
                butler.sock.settimeout(20)
                butler.sock.sendall(frame(struct.pack("!H", 1000), CLOSE))


@pytest.mark.parametrize("query", ["", "&hello=1"])
def test_a_butler_that_comes_and_goes_hears_each_decision_once_and_in_order(house, query):
    actions = [f"a{n}" for n in range(200)]
    ask(house, actions)

    def decide():
        with Raw(house, house.admin()) as admin:
            for action in actions:
                admin.send({"type": "AUTH_RESPONSE", "payload": {"action_id": action, "approved": True}, "ack": True})
                admin.json("ACK")
                time.sleep(random.random() * 0.01)

    decider = threading.Thread(target=decide)
    decider.start()
    heard, unanswered = [], set()
    while decider.is_alive() or len(set(heard)) < len(actions):
        more, late = visit(house, query, random.random() * 0.05)
        heard += more
        unanswered |= late
    decider.join()
    assert list(dict.fromkeys(heard)) == actions
    assert {a for a in actions if heard.count(a) > 1} <= unanswered


def live(server, stop, size, pause):
    with Raw(server, server.agent_token) as agent:
        while not stop.is_set():
            agent.send({"type": "CHAT", "target_id": 1, "payload": "y" * size})
            time.sleep(pause)


def read_slowly(reader, until, pause, seconds=60):
    """Stored ids until until() is true of a frame."""
    ids, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        value = reader.json()
        if "id" in value:
            ids.append(value["id"])
        if until(value, ids):
            return ids
        if len(ids) % 10 == 0:
            time.sleep(pause)
    raise AssertionError("too late")


def test_a_long_greeting_under_load_cuts_nobody(house):
    ask(house, [f"b{n}" for n in range(300)], command="c" * 16384, reason="r" * 8000)
    stop = threading.Event()
    sender = threading.Thread(target=live, args=(house, stop, 30000, 0.005))
    sender.start()
    try:
        with Raw(house, house.admin(), "&since_id=300", rcvbuf=65536) as admin:
            asked = set()

            def all_asked(value, ids):
                if value["type"] == "AUTH_REQUEST":
                    asked.add(value["id"])
                    if len(asked) == 300:
                        stop.set()
                return len(asked) == 300

            ids = read_slowly(admin, all_asked, 0.03)
            sender.join()
            house.get("/api/ping")
            last = house.get("/api/chat/updates?after_id=300&limit=500").json()
            while last and not {row["id"] for row in last} <= set(ids):
                value = admin.json()
                if "id" in value:
                    ids.append(value["id"])
    finally:
        stop.set()
        sender.join()
    chats = [i for i in ids if i > 300]
    assert len(ids) == len(set(ids))
    assert chats == sorted(chats)


@pytest.mark.parametrize("house", [{"queue": "64K"}], indirect=True)
def test_rows_as_long_as_the_queue_come_through(house):
    with Raw(house, house.agent_token) as agent:
        for n in range(200):
            agent.send({"type": "CHAT", "target_id": 1, "payload": f"{n} " + os.urandom(29000).hex(), "ack": True})
            agent.json("ACK")
    with Raw(house, house.admin(), "&since_id=0", rcvbuf=16384) as admin:
        assert read_slowly(admin, lambda _, ids: len(ids) == 200, 0.02) == list(range(1, 201))
