"""A consumer that does not read: it alone pays for it."""
import time

import pytest
from raw import CLOSE, TEXT, Raw
from support.steward import Steward, eventually


@pytest.fixture(scope="module")
def server():
    with Steward(options={"ws": {"queue": "1M"}}) as running:
        running.agent_id, running.agent_token = running.agent("busy")
        yield running


def metric(server, name):
    lines = server.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"steward_{name} "))


def fill(server, kind="CHAT", count=1500, size=8000):
    """Frames to admin, one after the other, the last one acknowledged."""
    with Raw(server, server.agent_token) as agent:
        for n in range(count):
            agent.send({"type": kind, "target_id": 1, "stream_id": "s", "payload": f"{n} " + "x" * size})
        agent.send({"type": "CHAT", "target_id": 1, "payload": "end", "ack": True})
        agent.json("ACK")


def test_the_stuck_socket_gets_whole_frames_in_order_and_then_4008(server):
    cut = metric(server, "slow_consumers_closed_total")
    with Raw(server, server.admin(), rcvbuf=8192, seconds=30) as stuck:
        fill(server)
        eventually(lambda: metric(server, "slow_consumers_closed_total") > cut, what="the cut")
        numbers, close = [], None
        while (got := stuck.read()) is not None:
            if got[0] == CLOSE:
                close = got[1]
                break
            if got[0] == TEXT:
                numbers.append(int(got[1].split(b'"payload":"')[1].split()[0]))
        assert numbers == list(range(len(numbers))) and len(numbers) < 1500
        assert close is not None and Raw.code_of(close) == 4008 and close[2:] == b"slow consumer"


def test_even_when_it_reads_only_long_after_it_was_cut(server):
    eventually(lambda: metric(server, "sockets") == 0, what="an empty house")
    with Raw(server, server.admin(), rcvbuf=8192, seconds=30) as stuck:
        fill(server)
        eventually(lambda: metric(server, "sockets") == 0, what="the end of the socket")
        assert stuck.wait_close() == (4008, "slow consumer")


def test_nothing_is_lost_for_who_comes_back(server):
    with Raw(server, server.admin(), rcvbuf=8192, seconds=30) as stuck:
        fill(server)
        last = 0
        while (got := stuck.read()) is not None and got[0] == TEXT:
            last = int(got[1].split(b'"id":')[1].split(b",")[0])
    expected = []
    after = last
    while page := server.get(f"/api/chat/updates?after_id={after}&limit=500").json():
        expected += [row["id"] for row in page]
        after = expected[-1]
    assert expected
    with Raw(server, server.admin(), query=f"&since_id={last}") as back:
        assert back.json()["type"] == "HELLO"
        assert [back.json("CHAT")["id"] for _ in expected] == expected


def test_stream_pieces_are_dropped_before_anything_is_closed(server):
    with Raw(server, server.admin(), rcvbuf=8192, seconds=30) as stuck:
        fill(server, "CHAT_STREAM")
        seen, kinds = [], set()
        while True:
            frame = stuck.json()
            kinds.add(frame["type"])
            if frame["type"] == "CHAT":
                break
            seen.append(int(frame["payload"].split()[0]))
        assert frame["payload"] == "end" and "CHAT_STREAM" in kinds
        assert seen == sorted(seen) and len(seen) < 1500


def test_others_do_not_wait_for_it(server):
    stuck = [Raw(server, server.admin(), rcvbuf=4096) for _ in range(20)]
    delays = []
    with Raw(server, server.admin()) as page, Raw(server, server.agent_token) as agent:
        for n in range(400):
            began = time.monotonic()
            agent.send({"type": "CHAT", "target_id": 1, "payload": f"{n} " + "y" * 8000})
            assert page.json("CHAT")["payload"].startswith(f"{n} ")
            delays.append(time.monotonic() - began)
    for raw in stuck:
        raw.close()
    assert sorted(delays)[int(len(delays) * 0.95)] < 1


def test_its_memory_comes_back(server):
    before = server.rss_anon_kib()
    for _ in range(3):
        stuck = [Raw(server, server.admin(), rcvbuf=4096) for _ in range(30)]
        fill(server, count=400)
        for raw in stuck:
            raw.close()
    eventually(lambda: metric(server, "sockets") == 0, what="the end of all sockets")
    # 30 full queues of 1 MiB, three times: not what is kept (under ASan freed memory stays in quarantine).
    eventually(lambda: server.rss_anon_kib() - before < 400 * 1024, what="the memory")
