"""Threads: made, listed, changed, read, each by its owner alone."""
import pytest
from support.sockets import Socket
from support.steward import Steward


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        server.agent_id, server.agent_token = server.agent("scout")
        server.other_id, _ = server.agent("other")
        server.mia_id, server.mia = server.member("mia", "mia's password")
        yield server


def make(house, token="admin", **body):
    return house.post("/api/chat/threads", {"peer_id": house.agent_id, "channel_kind": "agent_direct", **body}, token=token)


def test_a_thread_is_made_with_what_was_given(house):
    made = make(house, title="  Plans \n")
    assert made.status_code == 201
    thread = made.json()
    assert list(thread) == ["id", "owner_user_id", "peer_user_id", "channel_kind", "title", "is_pinned", "is_default",
                            "created_at", "updated_at"]
    assert thread["title"] == "Plans" and thread["owner_user_id"] == 1 and thread["peer_user_id"] == house.agent_id
    assert thread["is_pinned"] is False and thread["is_default"] is False
    assert make(house).json()["title"] == make(house, title="  ").json()["title"] == "New conversation"
    assert make(house, title="t" * 200).status_code == 201
    butler = make(house, peer_id=2, channel_kind="butler_direct")
    assert butler.status_code == 201 and butler.json()["channel_kind"] == "butler_direct"


@pytest.mark.parametrize("body,text", [
    ({}, "peer_id and channel_kind are required"),
    ({"peer_id": 3}, "peer_id and channel_kind are required"),
    ({"channel_kind": "agent_direct"}, "peer_id and channel_kind are required"),
    ({"peer_id": 0, "channel_kind": "agent_direct"}, "peer_id and channel_kind are required"),
    ({"peer_id": 3, "channel_kind": "butler_direct"}, None),
    ({"peer_id": 2, "channel_kind": "agent_direct"}, None),
    ({"peer_id": 1, "channel_kind": "agent_direct"}, None),
    ({"peer_id": 3, "channel_kind": "nonsense"}, None),
    ({"peer_id": "3", "channel_kind": "agent_direct"}, None),
    ({"peer_id": 3, "channel_kind": "agent_direct", "title": "t" * 201}, None),
    ({"peer_id": 3, "channel_kind": "agent_direct", "title": 7}, None),
])
def test_what_is_wrong_with_a_new_thread_is_said(house, body, text):
    answer = house.post("/api/chat/threads", body)
    assert answer.status_code == 400 and (text is None or answer.json()["error"] == text)


def test_unknown_peers_and_agents_as_owners_are_refused(house):
    assert make(house, peer_id=4711).status_code == 404
    assert make(house, token=house.agent_token).status_code == 403
    assert house.get("/api/chat/threads", token=house.agent_token).json() == []


def test_threads_belong_to_their_owner(house):
    thread = make(house).json()["id"]
    for path, call in ((f"/api/chat/threads/{thread}", house.patch), (f"/api/chat/threads/{thread}/messages", house.get)):
        for token in (house.mia, house.agent_token):
            answer = call(path, token=token)
            assert answer.status_code == 404 and answer.json()["error"] == "conversation thread not found"
    assert house.patch("/api/chat/threads/4711", {}).status_code == 404
    for wrong in ("0", "-1", "x", "1.5"):
        assert house.patch(f"/api/chat/threads/{wrong}", {}).json()["error"] == "invalid thread_id"
        assert house.get(f"/api/chat/threads/{wrong}/messages").status_code == 400


def test_a_patch_changes_what_it_names(house):
    thread = make(house, title="before").json()
    path = f"/api/chat/threads/{thread['id']}"
    changed = house.patch(path, {"title": " after ", "summary": "what it is about", "is_pinned": True, "else": 1}).json()
    assert changed["title"] == "after" and changed["summary"] == "what it is about" and changed["is_pinned"] is True
    assert changed["created_at"] == thread["created_at"] and changed["updated_at"] >= thread["updated_at"]
    archived = house.patch(path, {"is_archived": True}).json()
    assert archived["archived_at"] and archived["title"] == "after"
    assert house.patch(path, {"is_archived": True}).json()["archived_at"] == archived["archived_at"]
    back = house.patch(path, {"is_archived": False, "summary": "", "is_pinned": False}).json()
    assert "archived_at" not in back and "summary" not in back and back["is_pinned"] is False
    assert house.patch(path).status_code == 200
    for wrong in ({"title": "  "}, {"title": "t" * 201}, {"summary": "s" * 4097}, {"is_pinned": "yes"}, {"is_archived": 1},
                  {"title": 5}):
        assert house.patch(path, wrong).status_code == 400, wrong
    assert house.patch(path, {"summary": "s" * 4096}).status_code == 200


def test_the_list_is_pinned_first_then_newest_message_then_id(house):
    ids = [make(house, token=house.mia, title=str(n)).json()["id"] for n in range(5)]
    other = make(house, token=house.mia, peer_id=house.other_id).json()["id"]
    with Socket(house, house.mia) as mia:
        for thread in (ids[1], ids[3]):
            mia.send({"type": "CHAT", "target_id": house.agent_id, "conversation_id": thread, "payload": "x"})
            mia.get("CHAT")
    house.patch(f"/api/chat/threads/{ids[4]}", {"is_pinned": True}, token=house.mia)
    listed = house.get("/api/chat/threads", token=house.mia).json()
    assert [t["id"] for t in listed] == [ids[4], ids[3], ids[1], ids[0], ids[2], other]
    only = house.get(f"/api/chat/threads?peer_id={house.agent_id}&channel_kind=agent_direct", token=house.mia).json()
    assert [t["id"] for t in only] == [ids[4], ids[3], ids[1], ids[0], ids[2]]
    assert house.get("/api/chat/threads?channel_kind=butler_direct&peer_id=", token=house.mia).json() == []
    for wrong in ("peer_id=x", "peer_id=0", "channel_kind=x"):
        assert house.get(f"/api/chat/threads?{wrong}", token=house.mia).status_code == 400


def test_messages_of_a_thread_come_in_pages(house):
    thread = make(house).json()["id"]
    with Socket(house, house.admin()) as admin:
        for n in range(7):
            admin.send({"type": "CHAT", "target_id": house.agent_id, "conversation_id": thread, "payload": str(n)})
        ids = [admin.get("CHAT")["id"] for _ in range(7)]
    path = f"/api/chat/threads/{thread}/messages"

    def page(query=""):
        return [int(r["payload"]) for r in house.get(path + query).json()]

    assert page() == list(range(7)) and page("?limit=3") == [4, 5, 6]
    assert page(f"?limit=3&before_id={ids[4]}") == [1, 2, 3]
    assert page(f"?limit=3&after_id={ids[1]}") == [2, 3, 4] and page(f"?after_id={ids[6]}") == []
    assert page(f"?after_id={ids[1]}&before_id={ids[3]}") == [2]
    for wrong in ("limit=0", "limit=x", "before_id=0", "after_id=-1"):
        assert house.get(f"{path}?{wrong}").status_code == 400
    assert len(page("?limit=100000")) == 7


def test_nobody_makes_threads_without_end():
    with Steward(options={"plugin:chat": {"threads_max": "2"}}) as house:
        house.agent_id, _ = house.agent("scout")
        assert [make(house).status_code for _ in range(3)] == [201, 201, 409]
