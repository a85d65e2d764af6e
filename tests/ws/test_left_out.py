"""Log lines for a human who reads slowly are left out before its socket is cut, and a frame says how many."""
import json

import pytest
from raw import CLOSE, TEXT, Raw
from support.steward import Steward, eventually

LINES, SIZE = 3000, 2000


@pytest.fixture(scope="module")
def house():
    with Steward(options={"ws": {"queue": "256K"}, "quota": {"roles": ""}}) as server:
        server.agent_id, server.agent_token = server.agent("busy")
        yield server


def metric(server, name):
    lines = server.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"steward_{name} "))


def flood(house, chats=0):
    """Three thousand log lines, and some chats among them; all are stored when it returns."""
    with Raw(house, house.agent_token, seconds=120) as agent:
        for n in range(LINES):
            agent.send({"type": "SYSTEM_LOG", "payload": {"level": "INFO", "content": f"{n} " + "x" * SIZE}})
            if chats and n % (LINES // chats) == 0:
                agent.send({"type": "CHAT", "target_id": 1, "payload": f"chat {n}"})
        agent.send({"type": "SYSTEM_LOG", "payload": {"level": "INFO", "content": "end"}, "ack": True})
        agent.json("ACK")


def read_all(human, until):
    """Frames in order, until one whose text satisfies `until`."""
    frames = []
    while (got := human.read()) is not None:
        assert got[0] != CLOSE, got
        if got[0] == TEXT:
            frames.append(json.loads(got[1]))
            if until(frames[-1], frames):
                return frames
    raise AssertionError(f"the end of the connection after {len(frames)} frames")


def logs(frames):
    return [f["payload"] for f in frames if f["type"] == "SYSTEM_LOG"]


def left_out(line):
    return int(line["content"].split()[0]) if line["id"] == 0 else 0


def test_a_slow_human_keeps_its_socket_and_learns_how_many_lines_it_missed(house):
    cut = metric(house, "slow_consumers_closed_total")
    with Raw(house, house.admin(), rcvbuf=8192, seconds=60) as slow:
        flood(house)
        frames = read_all(slow, lambda _, all_: sum(left_out(p) + (p["id"] > 0) for p in logs(all_)) == LINES + 1)
    lines = logs(frames)
    notices = [p for p in lines if p["id"] == 0]
    assert notices and sum(map(left_out, notices)) > 0
    assert len(notices) < 60, "in pieces, not one by one"
    assert [p["id"] for p in lines if p["id"] > 0] == sorted(p["id"] for p in lines if p["id"] > 0)
    assert metric(house, "slow_consumers_closed_total") == cut
    for p in notices:  # a dashboard renders them unchecked
        assert list(p) == ["id", "agent_id", "level", "content", "timestamp"]
        assert p["level"] == "WARNING" and "left out" in p["content"]


def test_the_count_stands_where_the_gap_is(house):
    with Raw(house, house.admin(), rcvbuf=8192, seconds=60) as slow:
        first = house.post("/api/messages", {"agent_id": "a", "level": "INFO", "content": "first"}).json()["id"]
        flood(house)
        frames = read_all(slow, lambda _, all_: sum(left_out(p) + (p["id"] > 0) for p in logs(all_)) == LINES + 2)
    expected = first
    for p in logs(frames):
        expected += left_out(p)
        if p["id"] > 0:
            assert p["id"] == expected
            expected += 1


def test_chats_are_never_left_out_for_log_lines(house):
    with Raw(house, house.admin(), rcvbuf=8192, seconds=60) as slow:
        flood(house, chats=30)
        frames = read_all(slow, lambda _, all_: sum(f["type"] == "CHAT" for f in all_) == 30)
    assert [f["payload"] for f in frames if f["type"] == "CHAT"] == [f"chat {n}" for n in range(0, LINES, LINES // 30)]


def test_who_reads_in_time_misses_nothing(house):
    with Raw(house, house.admin(), seconds=60) as quick:
        house.post("/api/messages", [{"agent_id": "a", "level": "INFO", "content": f"{n}"} for n in range(500)])
        frames = read_all(quick, lambda _, all_: len(logs(all_)) == 500)
    assert [p["content"] for p in logs(frames)] == [str(n) for n in range(500)]
    eventually(lambda: metric(house, "sockets") == 0, what="an empty house")
