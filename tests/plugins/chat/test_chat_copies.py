"""What one human is asked, every other ADMIN finds in a thread of its own with Butler, live, in lists and later."""
import json
import sqlite3

import pytest
from support.approvals import ask, frame, furnish
from support.sockets import Socket, everything
from support.steward import Steward, eventually


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        furnish(server)
        yield server


def threads(house, token):
    return {t["id"]: t for t in house.get("/api/chat/threads?peer_id=2", token=token).json()}


def requests_in(house, token, thread):
    rows = house.get(f"/api/chat/threads/{thread}/messages?limit=500", token=token).json()
    assert {r["conversation_id"] for r in rows} <= {thread}
    return [json.loads(r["payload"])["action_id"] for r in rows if r["type"] == "AUTH_REQUEST"]


def in_history(house, token, action):
    rows = house.get("/api/chat/history/2?limit=500", token=token).json()
    return [r for r in rows if r["type"] == "AUTH_REQUEST" and json.loads(r["payload"])["action_id"] == action][0]


def say(house, token, **more):
    with Socket(house, token) as page:
        page.send({"type": "CHAT", "target_id": 2, "payload": "hello", **more})
        return page.get("CHAT")["conversation_id"]


def make(house, token):
    body = {"peer_id": 2, "channel_kind": "butler_direct"}
    return house.post("/api/chat/threads", body, token=token).json()["id"]


def test_a_copy_is_in_the_thread_where_the_admin_spoke_last_and_stays_there(house):
    first, second = make(house, house.eve), make(house, house.eve)
    ask(house, "copy-default", house.mia_id)
    default = [t for t in threads(house, house.eve).values() if t["is_default"]][0]
    with Socket(house, house.butler) as butler, Socket(house, house.eve) as eve:
        for thread in (first, second):
            say(house, house.eve, conversation_id=thread)
            before = threads(house, house.eve)[thread]["last_message_at"]
            butler.send(frame(house, f"copy-{thread}", house.mia_id))
            card = eve.get("AUTH_REQUEST")
            assert card["conversation_id"] == thread and card["target_id"] == house.mia_id
            touched = threads(house, house.eve)[thread]["last_message_at"]
            assert touched >= card["timestamp"] >= before
    assert list(threads(house, house.eve))[0] == second, "the newest message comes first"
    assert default["last_message_at"], "the default thread was touched as well"
    for action, thread in (("copy-default", default["id"]), (f"copy-{first}", first), (f"copy-{second}", second)):
        assert in_history(house, house.eve, action)["conversation_id"] == thread
        for other in (default["id"], first, second):
            assert (action in requests_in(house, house.eve, other)) == (thread == other)
    with Socket(house, house.eve, query="&hello=1") as eve:
        greeted = {f["payload"]["action_id"]: f for f in everything(eve) if f["type"] == "AUTH_REQUEST"}
    assert greeted["copy-default"]["conversation_id"] == default["id"]
    assert greeted[f"copy-{first}"]["conversation_id"] == first
    assert in_history(house, house.mia, f"copy-{first}")["conversation_id"] not in (first, second, default["id"])


def test_pages_of_such_a_thread_go_on(house):
    thread = make(house, house.eve)
    say(house, house.eve, conversation_id=thread)
    wanted = [f"page-{n}" for n in range(7)]
    for action in wanted:
        ask(house, action, house.bob_id)
    rows = house.get(f"/api/chat/threads/{thread}/messages", token=house.eve).json()
    ids = [r["id"] for r in rows]
    assert requests_in(house, house.eve, thread) == wanted and ids == sorted(ids)
    path = f"/api/chat/threads/{thread}/messages?limit=3"
    assert [r["id"] for r in house.get(path, token=house.eve).json()] == ids[-3:]
    assert [r["id"] for r in house.get(f"{path}&before_id={ids[5]}", token=house.eve).json()] == ids[2:5]
    assert [r["id"] for r in house.get(f"{path}&after_id={ids[1]}", token=house.eve).json()] == ids[2:5]


@pytest.mark.parametrize("how", ["made", "promoted"])
def test_one_who_became_an_admin_later_has_a_thread_with_what_was_asked_before(house, how):
    ask(house, f"before-{how}", house.mia_id)
    role = {"made": "ADMIN", "promoted": "MEMBER"}[how]
    made = house.post("/api/users", {"username": how, "password": "a long password", "role": role}).json()
    if how == "promoted":
        token = house.login(how, "a long password")
        assert house.get("/api/chat/threads", token=token).json() == []
        assert house.patch(f"/api/users/{made['id']}", {"role": "ADMIN"}).status_code == 200
    token = house.login(how, "a long password")
    (thread,) = threads(house, token).values()
    assert thread["is_default"] and thread["title"] == "Butler"
    assert thread["last_message_at"] == in_history(house, token, f"before-{how}")["timestamp"]
    assert in_history(house, token, f"before-{how}")["conversation_id"] == thread["id"]
    assert requests_in(house, token, thread["id"])[-1] == f"before-{how}"
    with Socket(house, token, query="&hello=1") as page:
        greeted = [f for f in everything(page) if f["type"] == "AUTH_REQUEST"]
    assert greeted and {f["conversation_id"] for f in greeted} == {thread["id"]}
    other = make(house, token)
    say(house, token, conversation_id=other)
    ask(house, f"after-{how}", house.mia_id)
    assert requests_in(house, token, other) == [f"after-{how}"]
    assert requests_in(house, token, thread["id"])[-1] == f"before-{how}"


def test_while_nothing_was_asked_no_thread_is_made():
    with Steward() as house:
        furnish(house)
        assert threads(house, house.eve) == {} == threads(house, "admin")
        assert house.get("/api/chat/threads").json() == []


def test_requests_of_an_older_store_are_in_the_default_thread(house):
    ask(house, "older", house.mia_id)
    late = house.post("/api/users", {"username": "late", "password": "a long password", "role": "ADMIN"}).json()["id"]
    house.stop()
    with sqlite3.connect(house.database()) as db:
        db.execute("DELETE FROM chat_copies")
        db.execute("UPDATE chat_pairs SET copies_after = NULL")
        db.execute("DELETE FROM chat_pairs WHERE owner_id = ?", (late,))
        db.execute("DELETE FROM chat_threads WHERE owner_id = ?", (late,))
    db.close()
    house.tokens.clear()
    house.start()
    house.eve, token = house.login("eve", "eve's password"), house.login("late", "a long password")
    for who in (house.eve, token):
        (default,) = [t["id"] for t in threads(house, who).values() if t["is_default"]]
        assert "older" in requests_in(house, who, default)
        assert in_history(house, who, "older")["conversation_id"] == default
    ask(house, "newer", house.mia_id)
    assert in_history(house, token, "newer")["conversation_id"] == default
    assert requests_in(house, token, default)[-2:] == ["older", "newer"], "once each"


def test_what_retention_removes_is_gone_from_the_copies_too():
    with Steward(options={"plugin:chat": {"retention_days": "7"}}) as house:
        furnish(house)
        for n in range(5):
            ask(house, f"old-{n}", house.mia_id)
        house.stop()
        with sqlite3.connect(house.database()) as db:
            db.execute("UPDATE chat SET at_ms = at_ms - 8 * 86400000")
        db.close()
        house.tokens.clear()
        house.start()

        def left():
            with sqlite3.connect(f"file:{house.database()}?mode=ro", uri=True) as db:
                return [db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("chat", "chat_copies")]
        eventually(lambda: left() == [0, 0], 90)
