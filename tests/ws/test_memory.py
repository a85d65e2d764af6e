"""What hostile clients can make the server keep is bounded."""
import time

from raw import Raw, frame
from support.steward import Steward


def test_incomplete_messages_have_a_common_bound():
    """300 sockets with 400,000 bytes each of a message that never ends; others are served."""
    with Steward(options={"limits": {"memory": "64M"}, "quota": {"roles": ""}}) as server:
        _, token = server.agent("hoarder")
        raws = [Raw(server, token) for _ in range(300)]
        part = frame("x" * 500000)[:400000]
        for raw in raws:
            try:
                raw.sock.sendall(part)
            except OSError:
                pass
        time.sleep(0.5)
        left = 0
        for raw in raws:
            raw.sock.settimeout(0.2)
            try:
                assert raw.wait_close(answer=False) in (None, (1013, "try again later"))
            except TimeoutError:
                left += 1
        assert 1 <= left <= 64
        with Raw(server, token) as agent:
            agent.send({"type": "CHAT", "target_id": 1, "payload": "x", "ack": True})
            assert agent.json()["type"] == "ACK"
        for raw in raws:
            raw.close()


def test_a_flood_of_small_frames_waits_in_the_clients_kernel():
    """Frames in work are bounded: a sender that never reads its answers is read no faster than it is served."""
    with Steward(options={"ws": {"in_flight_frames": "32", "rate_frames": "1000000"}}) as server:
        _, token = server.agent("eager")
        with Raw(server, token) as agent:
            for n in range(3000):
                agent.send({"type": "CHAT", "target_id": 1, "payload": "x", "local_id": f"{n}", "ack": True})
            assert [agent.json("ACK")["local_id"] for _ in range(3000)] == [f"{n}" for n in range(3000)]
