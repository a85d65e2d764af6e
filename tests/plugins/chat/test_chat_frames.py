"""CHAT frames: who may write to whom, what is relayed, in which thread, who else hears it."""
import json
import sqlite3

import pytest
import websocket
from support.sockets import Socket
from support.steward import Steward, eventually

ENVELOPE = ["type", "id", "local_id", "sender_id", "sender_name", "sender_role", "target_id", "conversation_id", "payload",
            "timestamp", "stream_id"]


@pytest.fixture(scope="module")
def house():
    with Steward() as server:
        server.agent_id, server.agent_token = server.agent("scout")
        server.other_id, server.other_token = server.agent("other")
        server.butler = server.butler_token()
        server.mia_id, server.mia = server.member("mia", "mia's password")
        server.bob_id, server.bob = server.member("bob", "bob's password")
        yield server


def code(socket, frame):
    socket.send(frame)
    return socket.get("ERROR")["payload"]["code"]


def default_thread(house, peer, token="admin"):
    return [t for t in house.get(f"/api/chat/threads?peer_id={peer}", token=token).json() if t["is_default"]][0]["id"]


def test_a_chat_is_relayed_with_what_the_server_knows_and_echoed_to_a_human(house):
    with Socket(house, house.admin()) as one, Socket(house, house.admin()) as two, \
            Socket(house, house.agent_token) as agent:
        one.send({"type": "CHAT", "local_id": "f-1", "target_id": house.agent_id, "payload": "hello", "stream_id": "s9",
                  "id": 999, "sender_id": 77, "sender_name": "root", "sender_role": "BUTLER", "timestamp": "2001",
                  "source": {"kind": "lie"}, "unknown": 1, "ack": True})
        frames = [s.get("CHAT") for s in (one, two, agent)]
        assert frames[0] == frames[1] == frames[2]
        assert list(frames[0]) == ENVELOPE
        assert frames[0]["sender_id"] == 1 and frames[0]["sender_name"] == "admin" and frames[0]["sender_role"] == "ADMIN"
        assert frames[0]["id"] != 999 and frames[0]["stream_id"] == "s9" and frames[0]["timestamp"].startswith("20")
        assert one.get("ACK") == {"type": "ACK", "local_id": "f-1", "id": frames[0]["id"],
                                  "timestamp": frames[0]["timestamp"]}
        agent.send({"type": "CHAT", "target_id": 1, "payload": "hi", "sender_id": 1, "sender_role": "ADMIN"})
        heard = one.get("CHAT")
        assert heard["sender_id"] == house.agent_id and heard["sender_role"] == "AGENT" and "local_id" not in heard
        assert [f for f in agent.drain("quiet") if f["type"] == "CHAT"] == []


@pytest.mark.parametrize("payload", ['{"n":1.10,"big":123456789012345678901234567890,"e":1e400,"z":"\\u0000"}', "null",
                                     "12345678901234567890", '[1, 2 ,3]', '"\\u00e9\\ud83d\\ude00 \\/"', '""', "false"])
def test_a_payload_is_relayed_stored_and_recovered_byte_for_byte(house, payload):
    before = house.get("/api/chat/updates?limit=500").json()
    since = before[-1]["id"] if before else 0
    page = websocket.create_connection(f"{house.ws_url}?token={house.mia}", timeout=20)
    with Socket(house, house.agent_token) as agent:
        agent.send(f'{{"type":"CHAT","target_id":{house.mia_id},"payload":{payload}}}')
        live = page.recv()
    assert f'"payload":{payload},"timestamp"' in live
    page.close()
    page = websocket.create_connection(f"{house.ws_url}?token={house.mia}&since_id={since}", timeout=20)
    assert '"HELLO"' in page.recv()
    frames = [page.recv()]
    while json.loads(frames[-1])["id"] != json.loads(live)["id"]:
        frames.append(page.recv())
    page.close()
    assert frames[-1] == live
    row = house.get(f"/api/chat/history/{house.agent_id}", token=house.mia)
    shown = row.json()[-1]["payload"]
    assert shown == (json.loads(payload) if payload[0] == '"' else payload)
    if payload[0] == '"':
        assert f'"payload":{payload},' in row.text


@pytest.mark.parametrize("sent,kept", [
    ('"build ok \\ud83c"', '"build ok \\ufffd"'), ('"\\uDF00\\uD83C\\uDF00"', '"\\ufffd\\uD83C\\uDF00"'),
    ('{"k\\ud83c":[1.10,"\\udbff\\u0041"],"\\\\ud83c":1e400}', '{"k\\ufffd":[1.10,"\\ufffd\\u0041"],"\\\\ud83c":1e400}')])
def test_half_a_character_is_relayed_stored_and_recovered_as_u_fffd(house, sent, kept):
    page = websocket.create_connection(f"{house.ws_url}?token={house.mia}", timeout=20)
    with Socket(house, house.agent_token) as agent:
        for kind in ("CHAT_STREAM", "CHAT"):
            agent.send(f'{{"type":"{kind}","target_id":{house.mia_id},"stream_id":"s\\ud800","payload":{sent}}}')
            live = page.recv()
            assert f'"payload":{kept},"timestamp"' in live and '"stream_id":"s\\ufffd"' in live
    page.close()
    row = house.get(f"/api/chat/history/{house.agent_id}", token=house.mia)
    assert row.json()[-1]["payload"] == (json.loads(kept) if kept[0] == '"' else kept)
    row.text.encode().decode("utf-8", "strict")
    json.dumps(row.json(), ensure_ascii=False).encode()  # no half of a character is left
    with sqlite3.connect(f"file:{house.database()}?mode=ro", uri=True) as db:
        stored = db.execute(f"SELECT payload, stream_id FROM chat WHERE id = {row.json()[-1]['id']}").fetchall()
    assert stored == [(kept, '"s\\ufffd"')]


def test_half_a_character_that_an_older_version_stored_leaves_as_u_fffd(house):
    with Socket(house, house.agent_token) as agent, Socket(house, house.mia) as page:
        agent.send({"type": "CHAT", "target_id": house.mia_id, "payload": "build ok XXXX"})
        row = page.get("CHAT")
    with sqlite3.connect(house.database()) as db:
        db.execute(f"""UPDATE chat SET payload = '"build ok \\ud83c"' WHERE id = {row["id"]}""")
    assert house.get(f"/api/chat/history/{house.agent_id}", token=house.mia).json()[-1]["payload"] == "build ok \ufffd"
    with Socket(house, house.mia, f"&since_id={row['id'] - 1}") as page:
        assert page.get("CHAT")["payload"] == "build ok \ufffd"


@pytest.mark.parametrize("payload", ['{"a":1,"a":2}', '[{"x":{"a":1,"b":2,"\\u0061":3}}]', '{"\\ud800":1,"\\ufffd":2}'])
def test_a_payload_in_which_a_member_stands_twice_is_refused(house, payload):
    with Socket(house, house.agent_token) as agent, Socket(house, house.mia) as page:
        for kind in ("CHAT", "CHAT_STREAM"):
            agent.send(f'{{"type":"{kind}","target_id":{house.mia_id},"payload":{payload}}}')
            error = agent.get("ERROR")["payload"]
            assert error["code"] == "bad_json" and "stands twice" in error["error"]
        assert page.drain("q") == []


def test_who_may_write_to_whom(house):
    with Socket(house, house.agent_token) as agent, Socket(house, house.butler) as butler, \
            Socket(house, house.admin()) as admin:
        assert code(agent, {"type": "CHAT", "target_id": house.other_id, "payload": "x"}) == "not_allowed"
        assert code(agent, {"type": "CHAT", "target_id": house.agent_id, "payload": "x"}) == "not_allowed"
        assert code(agent, {"type": "CHAT", "target_id": 4711, "payload": "x"}) == "unknown_target"
        assert code(agent, {"type": "CHAT_STREAM", "target_id": 4711, "payload": "x"}) == "unknown_target"
        assert code(agent, {"type": "CHAT_STREAM", "target_id": house.other_id, "payload": "x"}) == "not_allowed"
        assert code(admin, {"type": "CHAT", "target_id": -3, "payload": "x"}) == "unknown_target"
        assert code(butler, {"type": "CHAT", "target_id": 2, "payload": "x"}) == "not_allowed"
        assert code(admin, {"type": "CHAT", "target_id": house.agent_id}) == "invalid_frame"
        assert code(admin, {"type": "CHAT_STREAM", "target_id": house.agent_id}) == "invalid_frame"
        for wrong in ("", "x" * 129):
            assert code(admin, {"type": "CHAT", "target_id": 1, "payload": "x", "local_id": wrong}) == "invalid_frame"


def test_agents_may_write_to_one_another_when_the_config_says_so():
    with Steward(options={"plugin:chat": {"allow_agent_to_agent": "true"}}) as server:
        a_id, a_token = server.agent("a")
        b_id, b_token = server.agent("b")
        with Socket(server, a_token) as a, Socket(server, b_token) as b, Socket(server, server.admin()) as admin:
            a.send({"type": "CHAT", "target_id": b_id, "payload": "psst"})
            heard = b.get("CHAT")
            assert heard["payload"] == "psst" and "conversation_id" not in heard
            assert code(a, {"type": "CHAT", "target_id": a_id, "payload": "x"}) == "not_allowed"
            assert [f for f in admin.drain("q") if f["type"] != "ERROR"] == []


def test_humans_talk_without_threads(house):
    with Socket(house, house.mia) as mia, Socket(house, house.bob) as bob, Socket(house, house.admin()) as admin:
        mia.send({"type": "CHAT", "target_id": house.bob_id, "payload": "lunch?"})
        heard = bob.get("CHAT")
        assert heard == mia.get("CHAT") and "conversation_id" not in heard
        assert admin.drain("q") == []
        thread = default_thread_of_mia(house)
        assert code(mia, {"type": "CHAT", "target_id": house.bob_id, "payload": "x",
                          "conversation_id": thread}) == "invalid_conversation"
        mia.send({"type": "CHAT", "target_id": house.mia_id, "payload": "note to self"})
        assert mia.get("CHAT")["payload"] == "note to self" and mia.drain("once") == []
    assert house.get("/api/chat/threads", token=house.bob).json() == []


def default_thread_of_mia(house):
    with Socket(house, house.mia) as mia:
        mia.send({"type": "CHAT", "target_id": house.agent_id, "payload": "first"})
        return mia.get("CHAT")["conversation_id"]


def test_default_threads_are_made_on_first_use(house):
    with Socket(house, house.bob) as bob:
        bob.send({"type": "CHAT", "target_id": 2, "payload": "hello Butler"})
        bob.send({"type": "CHAT", "target_id": house.agent_id, "payload": "hello agent"})
        butler_thread, agent_thread = bob.get("CHAT")["conversation_id"], bob.get("CHAT")["conversation_id"]
    threads = {t["id"]: t for t in house.get("/api/chat/threads", token=house.bob).json()}
    assert set(threads) == {butler_thread, agent_thread}
    assert threads[butler_thread]["title"] == "Butler" and threads[butler_thread]["channel_kind"] == "butler_direct"
    assert threads[agent_thread]["title"] == "scout chat" and threads[agent_thread]["channel_kind"] == "agent_direct"
    assert all(t["is_default"] and t["last_message_at"] for t in threads.values())


def test_an_answer_goes_where_the_human_spoke_last(house):
    made = house.post("/api/chat/threads", {"peer_id": house.agent_id, "channel_kind": "agent_direct"}, token=house.mia)
    thread = made.json()["id"]
    first = default_thread_of_mia(house)
    with Socket(house, house.mia) as mia, Socket(house, house.agent_token) as agent:
        def say(**more):
            mia.send({"type": "CHAT", "target_id": house.agent_id, "payload": "q", **more})
            mia.get("CHAT")

        def hear(kind="CHAT", **more):
            agent.send({"type": kind, "target_id": house.mia_id, "payload": "a", **more})
            return mia.get(kind)["conversation_id"]

        say(conversation_id=thread)
        assert hear() == thread and hear("CHAT_STREAM") == thread and hear("CHAT_STREAM_END") == thread
        assert hear(conversation_id=first) == first and hear() == thread
        say()
        assert hear() == first and hear("CHAT_STREAM") == first
        say(conversation_id=thread)
        assert hear("CHAT_STREAM") == thread and hear("CHAT_STREAM", conversation_id=first) == first


def test_a_wrong_conversation_is_refused(house):
    admins = default_thread_for_admin(house)
    with Socket(house, house.mia) as mia, Socket(house, house.agent_token) as agent, Socket(house, house.butler) as butler:
        for kind in ("CHAT", "CHAT_STREAM"):
            assert code(mia, {"type": kind, "target_id": house.agent_id, "payload": "x",
                              "conversation_id": admins}) == "invalid_conversation"
            assert code(mia, {"type": kind, "payload": "x", "conversation_id": admins}) == "invalid_conversation"
            assert code(agent, {"type": kind, "target_id": house.mia_id, "payload": "x",
                                "conversation_id": admins}) == "invalid_conversation"
            assert code(agent, {"type": kind, "target_id": 1, "payload": "x",
                                "conversation_id": 424242}) == "invalid_conversation"
            assert code(butler, {"type": kind, "target_id": house.agent_id, "payload": "x",
                                 "conversation_id": 424242}) == "invalid_conversation"


def default_thread_for_admin(house):
    with Socket(house, house.admin()) as admin:
        admin.send({"type": "CHAT", "target_id": house.agent_id, "payload": "first"})
        return admin.get("CHAT")["conversation_id"]


def test_a_broadcast_reaches_every_human_and_nobodys_pair_history(house):
    with Socket(house, house.admin()) as admin, Socket(house, house.mia) as mia, Socket(house, house.butler) as butler, \
            Socket(house, house.agent_token) as agent:
        butler.send({"type": "CHAT", "payload": "to all"})
        heard = admin.get("CHAT")
        assert heard == mia.get("CHAT") and "target_id" not in heard and "conversation_id" not in heard
        mia.send({"type": "CHAT", "payload": "me too", "target_id": 0})
        assert admin.get("CHAT")["payload"] == mia.get("CHAT")["payload"] == "me too"
        assert butler.drain("q") == [] and agent.drain("q") == []
    for peer in (2, house.mia_id, 1):
        assert heard["id"] not in [r["id"] for r in house.get(f"/api/chat/history/{peer}?limit=500").json()]
    row = [r for r in house.get("/api/chat/updates?limit=500", token=house.bob).json() if r["id"] == heard["id"]][0]
    assert row["receiver_id"] == row["target_id"] == 0


def test_the_monitor_tells_each_admin_what_butler_and_an_agent_say(house):
    with Socket(house, house.admin()) as admin, Socket(house, house.mia) as mia, Socket(house, house.butler) as butler, \
            Socket(house, house.agent_token) as agent:
        butler.send({"type": "CHAT", "target_id": house.agent_id, "payload": {"do": 1.10}})
        heard = agent.get("CHAT")
        assert "conversation_id" not in heard
        seen = admin.get("BUTLER_AGENT_MESSAGE")
        assert list(seen) == ["type", "sender_id", "sender_name", "sender_role", "target_id", "payload", "timestamp"]
        assert seen["target_id"] == 1 and seen["sender_id"] == 2
        assert seen["payload"] == {"agent_id": house.agent_id, "type": "CHAT", "id": heard["id"], "sender_id": 2,
                                   "sender_role": "BUTLER", "sender_name": "Butler", "payload": {"do": 1.10},
                                   "timestamp": heard["timestamp"]}
        agent.send({"type": "CHAT", "target_id": 2, "payload": "done"})
        seen = admin.get("BUTLER_AGENT_MESSAGE")["payload"]
        assert seen["agent_id"] == house.agent_id and seen["sender_role"] == "AGENT" and seen["payload"] == "done"
        assert mia.drain("q") == []
    rows = house.get(f"/api/chat/butler-agent/{house.agent_id}", token=house.mia).json()
    assert rows[-1]["payload"] == "done" and rows[-2]["payload"] == '{"do": 1.1}'


def test_an_internal_question_is_relayed_and_nothing_else(house):
    history = house.get(f"/api/chat/butler-agent/{house.agent_id}").json()
    with Socket(house, house.admin()) as admin, Socket(house, house.butler) as butler, \
            Socket(house, house.agent_token) as agent:
        butler.send({"type": "CHAT", "target_id": house.agent_id, "payload": "before"})
        butler.send({"type": "CHAT", "local_id": "q", "ack": True, "target_id": house.agent_id,
                     "payload": "[RUNTIME-QUESTION] how are you?"})
        assert agent.get()["payload"] == "before"
        asked = agent.get()
        assert asked["payload"].startswith("[RUNTIME-QUESTION]") and "id" not in asked and asked["sender_id"] == 2
        ack = butler.get("ACK")
        assert "id" not in ack and ack["local_id"] == "q"
        agent.send({"type": "CHAT", "target_id": 2, "payload": "[RUNTIME-QUESTION] from an agent it means nothing"})
        monitored = [admin.get("BUTLER_AGENT_MESSAGE")["payload"]["payload"] for _ in range(2)]
        assert monitored[-1].startswith("[RUNTIME-QUESTION] from an agent")
    rows = house.get(f"/api/chat/butler-agent/{house.agent_id}").json()[len(history):]
    assert [r["payload"] for r in rows] == ["before", "[RUNTIME-QUESTION] from an agent it means nothing"]
    eventually(lambda: f"internal question to agent {house.agent_id}: 31 bytes" in house.log())


def test_stored_and_streamed_frames_of_one_socket_keep_their_order(house):
    with Socket(house, house.admin()) as admin, Socket(house, house.other_token) as agent:
        kinds = ["CHAT" if n % 5 == 2 else "CHAT_STREAM_END" if n % 5 == 4 else "CHAT_STREAM" for n in range(500)]
        for n, kind in enumerate(kinds):
            agent.send({"type": kind, "target_id": 1, "stream_id": "s", "payload": n})
        got = [admin.get() for _ in kinds]
        assert [(f["type"], f["payload"]) for f in got] == [(k, n) for n, k in enumerate(kinds)]
        assert len({f["conversation_id"] for f in got}) == 1


def test_a_stream_of_a_human_is_echoed_and_has_no_id(house):
    with Socket(house, house.mia) as mia, Socket(house, house.agent_token) as agent:
        mia.send({"type": "CHAT_STREAM", "local_id": "p", "ack": True, "target_id": house.agent_id, "stream_id": "s",
                  "payload": {"a": [1, 2]}})
        echo = mia.get("CHAT_STREAM")
        assert echo == agent.get("CHAT_STREAM") and "id" not in echo
        assert echo["conversation_id"] == default_thread(house, house.agent_id, house.mia)
        ack = mia.get("ACK")
        assert ack["local_id"] == "p" and "id" not in ack
        mia.send({"type": "CHAT_STREAM_END", "target_id": house.agent_id, "stream_id": "s"})
        end = agent.get("CHAT_STREAM_END")
        assert "payload" not in end and end["stream_id"] == "s"


def test_a_removed_user_is_no_target_any_more_but_its_words_stay(house):
    gone_id, token = house.agent("gone")
    with Socket(house, house.admin()) as admin, Socket(house, token) as gone:
        gone.send({"type": "CHAT_STREAM", "target_id": 1, "payload": "warm"})
        gone.send({"type": "CHAT", "target_id": 1, "payload": "farewell"})
        admin.get("CHAT")
        admin.send({"type": "CHAT_STREAM", "target_id": gone_id, "payload": "warm"})
        admin.get("CHAT_STREAM")
        assert house.delete(f"/api/users/agents/{gone_id}").status_code == 204
        for kind in ("CHAT_STREAM", "CHAT"):
            assert code(admin, {"type": kind, "target_id": gone_id, "payload": "x"}) == "unknown_target"
    row = house.get(f"/api/chat/history/{gone_id}").json()[-1]
    assert row["payload"] == "farewell" and row["sender_name"] == "gone" and row["sender_role"] == "AGENT"
