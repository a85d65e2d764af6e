"""RFC 6455 against the real server: one raw frame or a few, and the close code that must follow."""
import json

import pytest
from raw import BINARY, CLOSE, PING, PONG, TEXT, Raw, frame
from support.steward import eventually

ECHO = '{"type":"none","local_id":"echo"}'   # an unknown type: its ERROR shows that the message was understood


@pytest.fixture
def agent(server):
    with Raw(server, server.agent_token) as raw:
        yield raw


def understood(raw):
    return raw.json()["local_id"] == "echo"


BROKEN = {
    "unmasked": (frame(ECHO, mask=False), 1002),
    "binary": (frame(b"x", BINARY), 1003),
    "binary fragment": (frame(b"x", BINARY, fin=False), 1003),
    "rsv1": (frame(ECHO, rsv=4), 1002),
    "rsv2": (frame(ECHO, rsv=2), 1002),
    "rsv3": (frame(ECHO, rsv=1), 1002),
    "opcode 3": (frame("x", 3), 1002),
    "opcode 7": (frame("x", 7), 1002),
    "opcode 11": (frame("x", 11), 1002),
    "opcode 15": (frame("x", 15), 1002),
    "continuation of nothing": (frame("x", 0), 1002),
    "text within a message": (frame("x", fin=False) + frame("y"), 1002),
    "ping in fragments": (frame("x", PING, fin=False), 1002),
    "long ping": (frame("x" * 126, PING), 1002),
    "long close": (frame(b"\x03\xe8" + b"x" * 124, CLOSE), 1002),
    "length not minimal, 16 bits": (frame(ECHO, form=2), 1002),
    "length not minimal, 64 bits": (frame("x" * 200, form=8), 1002),
    "length over 63 bits": (b"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x01abcd", 1002),
    "invalid utf-8": (frame(b"\xff\xfe"), 1007),
    "overlong utf-8": (frame(b"\xc0\xaf"), 1007),
    "surrogate": (frame(b"\xed\xa0\x80"), 1007),
    "utf-8 cut at the end": (frame(b"abc\xe4\xb8"), 1007),
    "utf-8 broken over fragments": (frame(b"\xe4", fin=False) + frame(b"x", 0), 1007),
    "513 KiB announced": (b"\x81\xff" + (513 * 1024).to_bytes(8, "big") + b"abcd", 1009),
    "4 GiB announced": (b"\x81\xff" + (1 << 32).to_bytes(8, "big") + b"abcd", 1009),
    "fragments of 300 KiB": (frame("x" * 307200, fin=False) + frame("x" * 307200, 0), 1009),
    "close with one byte": (frame(b"\x03", CLOSE), 1002),
    "close 1005": (frame(b"\x03\xed", CLOSE), 1002),
    "close 999": (frame(b"\x03\xe7", CLOSE), 1002),
    "close 5000": (frame(b"\x13\x88", CLOSE), 1002),
    "close 65535": (frame(b"\xff\xff", CLOSE), 1002),
    "close with a broken reason": (frame(b"\x03\xe8\xff", CLOSE), 1007),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_closes_with_its_code_and_the_connection_ends(agent, name):
    data, code = BROKEN[name]
    agent.send(data)
    assert agent.wait_close(answer=False)[0] == code
    assert agent.ended(2)


@pytest.mark.parametrize("name", ["unmasked", "invalid utf-8", "opcode 3", "long ping"])
def test_the_same_byte_by_byte(agent, name):
    data, code = BROKEN[name]
    for i in range(len(data)):
        try:
            agent.send(data[i:i + 1])
        except ConnectionError:
            break
    assert agent.wait_close(answer=False)[0] == code


def test_pings_are_answered_in_order_with_their_payload(agent):
    agent.send(*[frame(str(i), PING) for i in range(20)], frame("x" * 125, PING), frame("", PING))
    assert [agent.read() for _ in range(22)] == [(PONG, str(i).encode()) for i in range(20)] + [(PONG, b"x" * 125), (PONG, b"")]


def test_a_pong_nobody_asked_for_is_ignored(agent):
    agent.send(frame("x", PONG), frame(ECHO))
    assert understood(agent)


def test_fragments_with_pings_between(agent):
    agent.send(frame(ECHO[:5], fin=False), frame("p", PING), frame(ECHO[5:9], 0, fin=False), frame("", 0, fin=False),
               frame(ECHO[9:], 0))
    assert agent.read() == (PONG, b"p")
    assert understood(agent)


def test_a_letter_cut_by_fragments(agent):
    text = json.dumps({"type": "none", "local_id": "\u4e2d\U0001f600"}, ensure_ascii=False).encode()
    agent.send(*[frame(text[i:i + 1], TEXT if i == 0 else 0, fin=i == len(text) - 1) for i in range(len(text))])
    assert agent.json()["local_id"] == "\u4e2d\U0001f600"


def test_every_byte_in_its_own_packet(agent):
    for byte in frame(ECHO):
        agent.send(bytes([byte]))
    assert understood(agent)


def test_many_frames_in_one_packet(agent):
    agent.send(*[frame("", PING) for _ in range(500)])
    assert all(agent.read() == (PONG, b"") for _ in range(500))


def test_a_message_of_exactly_512_kib_is_taken(agent):
    text = json.dumps({"type": "none", "local_id": "echo", "pad": ""})
    agent.send(frame(text[:-2] + "x" * (512 * 1024 - len(text)) + text[-2:]))
    assert understood(agent)


@pytest.mark.parametrize("payload, code", [(b"", 1005), (b"\x03\xe8", 1000), (b"\x03\xe9bye", 1001), (b"\x0f\xa0", 4000),
                                           (b"\x13\x87", 4999)])
def test_a_close_is_answered_with_its_code(agent, payload, code):
    agent.send(frame(payload, CLOSE))
    op, answer = agent.read()
    assert op == CLOSE and agent.code_of(answer) == code
    assert agent.ended(2)


def test_frames_before_a_close_are_worked_off(server):
    """Stored although the client left at once."""
    with Raw(server, server.agent_token) as leaving:
        for n in range(50):
            leaving.send({"type": "CHAT", "target_id": 1, "payload": f"leaving {n}"})
        leaving.send(frame(b"\x03\xe8", CLOSE))
        while leaving.read() is not None:
            pass
    def stored():
        rows = server.get(f"/api/chat/history/{server.agent_id}?limit=500").json()
        return [r["payload"] for r in rows if r["payload"].startswith("leaving")] == [f"leaving {n}" for n in range(50)]
    eventually(stored, 10, "all fifty rows")


def test_nothing_is_read_after_a_close(agent):
    agent.send(frame(b"\x03\xe8", CLOSE), frame(ECHO))
    assert agent.read()[0] == CLOSE
    assert agent.read() is None
