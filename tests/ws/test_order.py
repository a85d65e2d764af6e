"""Order from one socket to one target, ACKs, and echoes."""
from raw import Raw, frame
from support.steward import Steward


def test_stored_and_unstored_frames_keep_their_order(server):
    with Raw(server, server.admin()) as page, Raw(server, server.agent_token) as agent:
        sent = []
        for n in range(1000):
            kind = "CHAT" if n % 3 == 0 else "CHAT_STREAM" if n % 3 == 1 else "CHAT_STREAM_END"
            sent.append((kind, str(n)))
            agent.send({"type": kind, "target_id": 1, "stream_id": "s", "payload": str(n)})
        got = []
        while len(got) < len(sent):
            one = page.json()
            got.append((one["type"], one["payload"]))
        assert got == sent


def test_every_ack_comes_once_and_in_order(server):
    with Raw(server, server.agent_token) as agent:
        for n in range(500):
            kind = "CHAT" if n % 2 else "CHAT_STREAM"
            agent.send({"type": kind, "target_id": 1, "payload": "x", "local_id": f"a{n}", "ack": True, "stream_id": "s"})
        acks = [agent.json() for _ in range(500)]
        assert [a["local_id"] for a in acks] == [f"a{n}" for n in range(500)]
        assert all(("id" in a) == (n % 2 == 1) for n, a in enumerate(acks))
        assert all(set(a) <= {"type", "local_id", "id", "timestamp"} for a in acks)


def test_the_echo_of_a_human_reaches_all_of_its_sockets_before_the_ack(server):
    with Raw(server, server.admin()) as left, Raw(server, server.admin()) as right:
        left.send({"type": "CHAT", "target_id": server.agent_id, "payload": "hi", "local_id": "e1", "ack": True})
        echo, ack = left.json(), left.json()
        assert echo["type"] == "CHAT" and ack["type"] == "ACK" and echo["id"] == ack["id"]
        assert right.json()["id"] == echo["id"]
        assert "ack" not in echo


def test_payload_bytes_are_relayed_as_they_came(server):
    with Raw(server, server.admin()) as page, Raw(server, server.agent_token) as agent:
        for payload in ['{"n":1.10,"big":123456789012345678901234567890,"e":1e400,"nul":"\\u0000","s":"\\/"}',
                        '[1, 2,   3]', '"\\ud83d\\ude00 \\u00e4"', "-0.0", "true", '{"a":{"b":[]}}']:
            for kind in ("CHAT", "CHAT_STREAM"):
                agent.send(frame('{"type":"%s","target_id":1,"stream_id":"s","payload":%s}' % (kind, payload)))
                text = page.read()[1].decode()
                assert f'"payload":{payload}' in text


def test_what_the_client_says_about_itself_is_ignored(server):
    with Raw(server, server.admin()) as page, Raw(server, server.agent_token) as agent:
        agent.send({"type": "CHAT", "target_id": 1, "payload": "x", "sender_id": 1, "sender_name": "admin", "id": 77777,
                    "sender_role": "ADMIN", "timestamp": "1999", "source": {"a": 1}, "extra": 5, "ack": False})
        got = page.json()
        assert got["sender_id"] == server.agent_id and got["sender_name"] == "agent"
        assert got["sender_role"] == "AGENT" and got["id"] != 77777 and got["timestamp"].startswith("20")
        assert not {"source", "extra", "ack"} & set(got)


def test_two_senders_do_not_wait_for_each_other(server):
    _, other = server.agent("other")
    with Raw(server, server.agent_token) as one, Raw(server, other) as two:
        for n in range(200):
            one.send({"type": "CHAT", "target_id": 1, "payload": "x" * 100})
        two.send({"type": "CHAT", "target_id": 1, "payload": "y", "ack": True})
        assert two.json()["type"] == "ACK"


def test_many_sockets_at_once_are_all_answered(server):
    raws = [Raw(server, server.agent_token) for _ in range(600)]
    for n, raw in enumerate(raws):
        raw.send({"type": "CHAT", "target_id": 1, "payload": "x", "local_id": f"m{n}", "ack": True},
                 {"type": "CHAT", "target_id": 1, "payload": "y", "local_id": f"n{n}", "ack": True})
    for n, raw in enumerate(raws):
        assert [raw.json()["local_id"], raw.json()["local_id"]] == [f"m{n}", f"n{n}"]
        raw.close()


def test_a_small_writer_queue_holds_the_senders_back_without_errors():
    with Steward(options={"storage": {"queue": "16"}, "limits": {"queue": "8"}}) as server:
        _, token = server.agent("agent")
        raws = [Raw(server, token) for _ in range(100)]
        for n, raw in enumerate(raws):
            for i in range(20):
                raw.send({"type": "CHAT", "target_id": 1, "payload": "x", "local_id": f"{n}-{i}", "ack": True})
        for n, raw in enumerate(raws):
            got = [raw.json() for _ in range(20)]
            assert [(g["type"], g["local_id"]) for g in got] == [("ACK", f"{n}-{i}") for i in range(20)]
            raw.close()
