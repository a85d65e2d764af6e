"""ERROR frames: what is wrong with a frame, and that a wrong one costs nothing but itself."""
import json

import pytest
from raw import Raw, frame
from support.steward import Steward

CASES = {
    "not json": ("{", "bad_json"),
    "an array": ("[]", "bad_json"),
    "a number": ("5", "bad_json"),
    "two texts": ('{"type":"CHAT"} {}', "bad_json"),
    "a duplicate member": ('{"type":"CHAT","type":"CHAT","target_id":1,"payload":"x"}', "bad_json"),
    "a duplicate member in a payload": ('{"type":"CHAT","target_id":1,"payload":{"a":[{"b":1,"b":2}]}}', "bad_json"),
    "a duplicate member that nobody reads": ('{"type":"CHAT","target_id":1,"payload":"x","more":{"b":1,"b":2}}', "bad_json"),
    "half a character in a local_id": ('{"type":"CHAT","target_id":1,"payload":"x","local_id":"\\ud83c"}', "invalid_frame"),
    "a payload of many members over 64 KiB": (json.dumps({"type": "CHAT", "target_id": 1, "payload": {f"k{n}": 0 for n in range(9000)}, "local_id": "l"}), "payload_too_large"),
    "too deep": ('{"type":"CHAT","target_id":1,"payload":' + "[" * 100 + "]" * 100 + "}", "bad_json"),
    "no type": ('{"local_id":"l"}', "invalid_frame"),
    "an empty type": ('{"type":"","local_id":"l"}', "invalid_frame"),
    "a type that is no text": ('{"type":7,"local_id":"l"}', "invalid_frame"),
    "an unknown type": ('{"type":"none","local_id":"l"}', "unknown_type"),
    "a server's type": ('{"type":"HELLO","local_id":"l"}', "unknown_type"),
    "a very long type": (json.dumps({"type": "T" * 5000, "local_id": "l"}), "unknown_type"),
    "a target that is no number": ('{"type":"CHAT","target_id":"1","payload":"x","local_id":"l"}', "invalid_frame"),
    "a conversation that is no number": ('{"type":"CHAT","target_id":1,"conversation_id":[],"payload":"x","local_id":"l"}', "invalid_frame"),
    "a local_id that is no text": ('{"type":"CHAT","target_id":1,"payload":"x","local_id":5}', "invalid_frame"),
    "a local_id of 129 bytes": (json.dumps({"type": "CHAT", "target_id": 1, "payload": "x", "local_id": "l" * 129}), "invalid_frame"),
    "an ack that is no boolean": ('{"type":"CHAT","target_id":1,"payload":"x","ack":1,"local_id":"l"}', "invalid_frame"),
    "no payload": ('{"type":"CHAT","target_id":1,"local_id":"l"}', "invalid_frame"),
    "a payload over 64 KiB": (json.dumps({"type": "CHAT", "target_id": 1, "payload": "x" * 65537, "local_id": "l"}), "payload_too_large"),
    "a payload object over 64 KiB": (json.dumps({"type": "CHAT", "target_id": 1, "payload": {"a": "x" * 65536}, "local_id": "l"}), "payload_too_large"),
    "an unknown target": ('{"type":"CHAT","target_id":999999,"payload":"x","local_id":"l"}', "unknown_target"),
    "a role that may not": ('{"type":"AUTH_RESPONSE","target_id":1,"payload":{},"local_id":"l"}', "not_allowed"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_mistake_has_its_code_and_leaves_the_socket_open(server, name):
    text, code = CASES[name]
    with Raw(server, server.agent_token) as agent:
        agent.send(frame(text))
        error = agent.json()
        assert error["type"] == "ERROR" and error["payload"]["code"] == code, error
        assert set(error) <= {"type", "local_id", "payload", "timestamp"} and set(error["payload"]) == {"code", "error"}
        assert error.get("local_id") == ("l" if '"local_id": "l"}' in text or '"local_id":"l"' in text else None)
        agent.send({"type": "CHAT", "target_id": 1, "payload": "fine", "ack": True, "local_id": f"after {name}"})
        assert agent.json()["type"] == "ACK"


def test_a_payload_of_64_kib_passes_however_it_is_escaped(server):
    with Raw(server, server.admin()) as page, Raw(server, server.agent_token) as agent:
        for payload in ['"' + "x" * 65536 + '"', '"' + "\\u0041" * 65536 + '"', '"' + "\\n" * 65536 + '"']:
            agent.send(frame('{"type":"CHAT","target_id":1,"payload":' + payload + "}"))
            got = page.read()[1].decode()
            while '"type":"CHAT"' not in got:
                got = page.read()[1].decode()
            assert payload in got


def test_answers_keep_the_order_of_the_frames(server):
    with Raw(server, server.agent_token) as agent:
        for n in range(10):
            agent.send({"type": "CHAT", "target_id": 1, "payload": str(n), "ack": True, "local_id": f"c{n}"},
                       {"type": "CHAT", "target_id": 999999, "payload": "x", "local_id": f"e{n}"})
        got = [agent.json()["local_id"] for _ in range(20)]
        assert got == [f"{kind}{n}" for n in range(10) for kind in "ce"]


def test_twenty_mistakes_in_a_minute_close_the_socket(server):
    with Raw(server, server.agent_token) as agent:
        agent.send(*[frame("{") for _ in range(19)])
        assert all(agent.json()["payload"]["code"] == "bad_json" for _ in range(19))
        agent.send({"type": "CHAT", "target_id": 1, "payload": "still here", "ack": True})
        assert agent.json()["type"] == "ACK"
        agent.send(frame("{"))
        assert agent.json()["type"] == "ERROR"
        assert agent.wait_close()[0] == 1008
        assert agent.ended(2)


REFUSED = [  # nothing is wrong with these but what they ask for
    {"type": "none"}, {"type": "HELLO"}, {"type": "T" * 100}, {"type": "CHAT", "target_id": 999999, "payload": "x"},
    {"type": "CHAT", "target_id": 1, "payload": "x" * 65537}, {"type": "AUTH_REQUEST", "payload": {}},
    {"type": "CHAT", "target_id": 1, "conversation_id": 999999, "payload": "x"}, {"type": "AUTH_RESPONSE", "payload": {}}]


@pytest.mark.parametrize("role", ["agent", "admin"])
def test_well_formed_frames_that_are_refused_never_close_the_socket(server, role):
    with Raw(server, server.agent_token if role == "agent" else server.admin()) as client:
        wanted = [f for f in REFUSED if f["type"] != ("AUTH_REQUEST" if role == "agent" else "AUTH_RESPONSE")]
        for number in range(8 * len(wanted)):
            client.send({**wanted[number % len(wanted)], "local_id": f"{role}-{number}"})
        codes = []
        while len(codes) < 8 * len(wanted):
            got = client.json()
            assert got["type"] == "ERROR", got
            codes.append(got["payload"]["code"])
        assert "invalid_frame" not in codes and "bad_json" not in codes
        client.send({"type": "CHAT", "target_id": 1, "payload": "still here", "ack": True, "local_id": role})
        assert "ACK" in [client.json()["type"] for _ in range(1 if role == "agent" else 2)]


def test_without_a_target_an_agent_is_told_so_as_often_as_it_tries():
    with Steward(options={"plugin:chat": {"agent_broadcast": "false"}}) as server:
        _, token = server.agent("lost")
        with Raw(server, token) as agent:
            for _ in range(60):
                agent.send({"type": "CHAT", "payload": "x", "target_id": 0})
            assert {agent.json()["payload"]["code"] for _ in range(60)} == {"target_required"}
            agent.send({"type": "CHAT", "payload": "x", "target_id": 1, "ack": True})
            assert agent.json()["type"] == "ACK"


def test_the_number_of_mistakes_is_an_option():
    with Steward(options={"ws": {"errors_per_minute": "3"}}) as server:
        _, token = server.agent("clumsy")
        with Raw(server, token) as agent:
            agent.send(frame("{"), frame("{"), frame("{"))
            assert agent.wait_close()[0] == 1008
