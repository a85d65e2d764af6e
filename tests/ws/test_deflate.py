"""permessage-deflate, where the configuration offers it."""
import json
import zlib

import pytest
from raw import Raw, frame
from support.sockets import Socket
from support.steward import Steward

OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}


@pytest.fixture(scope="module")
def server():
    with Steward(options={"ws": {"compression": "true"}}) as running:
        running.agent_id, running.agent_token = running.agent("agent")
        yield running


def pack(text):
    z = zlib.compressobj(wbits=-15)
    return (z.compress(text.encode()) + z.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_websockets_talks_compressed(server):
    with Socket(server, server.agent_token, compression="deflate") as agent, \
            Socket(server, server.admin(), compression="deflate") as page:
        for size in (10, 1000, 60000):
            agent.send({"type": "CHAT", "target_id": 1, "payload": "z" * size})
            assert page.get("CHAT")["payload"] == "z" * size


def test_it_is_agreed_on_and_used(server):
    with Raw(server, server.agent_token, headers=OFFER) as agent, Raw(server, server.admin(), headers=OFFER) as page, \
            Raw(server, server.admin()) as plain:
        assert b"server_no_context_takeover" in agent.head and b"client_no_context_takeover" in agent.head
        agent.send(frame(pack(json.dumps({"type": "CHAT", "target_id": 1, "payload": "q" * 5000})), rsv=4))
        op, payload = page.read()
        assert page.rsv == 4 and len(payload) < 1000
        text = zlib.decompressobj(-15).decompress(payload + b"\x00\x00\xff\xff")
        assert json.loads(text)["payload"] == "q" * 5000
        assert plain.json()["payload"] == "q" * 5000
        assert plain.rsv == 0


def test_compressed_fragments(server):
    with Raw(server, server.agent_token, headers=OFFER) as agent:
        data = pack('{"type":"none","local_id":"f"}')
        agent.send(frame(data[:7], fin=False, rsv=4), frame(data[7:12], 0, fin=False), frame(data[12:], 0))
        assert agent.json()["local_id"] == "f"


def test_a_bomb_is_closed_with_1009(server):
    with Raw(server, server.agent_token, headers=OFFER) as agent:
        agent.send(frame(pack('{"type":"' + "x" * (64 << 20) + '"}'), rsv=4))
        assert agent.wait_close(answer=False)[0] == 1009


def test_broken_data_is_1002(server):
    with Raw(server, server.agent_token, headers=OFFER) as agent:
        agent.send(frame(b"\xff\xff\xff", rsv=4))
        assert agent.wait_close(answer=False)[0] == 1002


def test_invalid_utf8_inside_is_1007(server):
    z = zlib.compressobj(wbits=-15)
    data = (z.compress(b"\xff\xfe") + z.flush(zlib.Z_SYNC_FLUSH))[:-4]
    with Raw(server, server.agent_token, headers=OFFER) as agent:
        agent.send(frame(data, rsv=4))
        assert agent.wait_close(answer=False)[0] == 1007


def test_an_offer_that_does_not_fit_is_declined(server):
    with Raw(server, server.agent_token, headers={"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=10"}) as agent:
        assert b"permessage-deflate" not in agent.head
        agent.send(frame("x", rsv=4))
        assert agent.wait_close(answer=False)[0] == 1002
