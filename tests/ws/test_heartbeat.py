"""Pings, dead sockets, and the bounds on what a client may send at once."""
import signal
import time

import pytest
from raw import CLOSE, PING, PONG, TEXT, Raw, frame
from support.steward import Steward

OPTIONS = {"ws": {"ping_interval": "1s", "dead_after": "2500ms", "rate_frames": "200", "rate_burst": "1s",
                  "rate_close_after": "3s"}}


@pytest.fixture(scope="module")
def server():
    with Steward(options=OPTIONS) as running:
        running.agent_id, running.agent_token = running.agent("agent")
        yield running


def test_pings_come_at_their_interval(server):
    with Raw(server, server.agent_token) as agent:
        began, seen = time.monotonic(), 0
        while seen < 4:
            op, payload = agent.read()
            assert op == PING
            agent.send(frame(payload, PONG))
            seen += 1
        assert 3.5 < time.monotonic() - began < 7


def test_who_never_answers_is_dead(server):
    with Raw(server, server.agent_token) as agent:
        began = time.monotonic()
        while agent.read() is not None:
            pass
        assert 2.3 < time.monotonic() - began < 6


def test_any_byte_is_a_sign_of_life(server):
    with Raw(server, server.agent_token) as agent:
        text = frame('{"type":"none","local_id":"slow"}')
        for i in range(len(text)):
            agent.send(text[i:i + 1])
            time.sleep(0.12)
        assert agent.json("ERROR")["local_id"] == "slow"


def test_a_flood_is_read_at_the_rate_and_not_dead_by_that(server):
    """500 frames at 200 a second with a burst of 200: at least 1.4 s; nothing is lost."""
    with Raw(server, server.agent_token) as agent:
        began = time.monotonic()
        agent.send(*[frame(str(n), PING) for n in range(500)])
        got = []
        while len(got) < 500:
            op, payload = agent.read()
            if op == PONG:
                got.append(payload.decode())
        assert got == [str(n) for n in range(500)]
        assert 1.2 < time.monotonic() - began < 10


def test_a_flood_without_end_is_closed_with_4029(server):
    with Raw(server, server.agent_token) as agent:
        agent.sock.settimeout(0.2)
        flood, began, closed = b"".join(frame("x", PONG) for _ in range(50)), time.monotonic(), None
        while closed is None and time.monotonic() - began < 20:
            try:
                agent.sock.sendall(flood)
            except (TimeoutError, ConnectionError):
                pass
            agent.sock.setblocking(False)
            try:
                agent.buffer += agent.sock.recv(65536)
            except (BlockingIOError, ConnectionError):
                pass
            agent.sock.settimeout(0.2)
            while len(agent.buffer) >= 2 and len(agent.buffer) >= 2 + agent.buffer[1]:
                op, payload = agent.read()
                if op == CLOSE:
                    closed = agent.code_of(payload)
                    break
        assert closed == 4029
        assert time.monotonic() - began > 2.5


def test_an_ordinary_sender_is_never_closed(server):
    """Under the rate for longer than the closing time."""
    with Raw(server, server.agent_token) as agent:
        for _ in range(20):
            agent.send(*[frame("x", PONG) for _ in range(30)])
            time.sleep(0.25)
        agent.send(frame('{"type":"none","local_id":"alive"}'))
        while True:
            op, payload = agent.read()
            assert op != CLOSE, payload
            if op == TEXT:
                break


PATIENT = {"ws": {"ping_interval": "1s", "dead_after": "8s"}}  # longer than a slow machine takes to say a word


@pytest.fixture(scope="module")
def patient():
    with Steward(options=PATIENT) as running:
        running.agent_id, running.agent_token = running.agent("agent")
        yield running


def pause(server, seconds):
    """The machine stands still for the server alone."""
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    server.process.send_signal(signal.SIGCONT)


def is_alive(agent):
    agent.send(frame('{"type":"none","local_id":"alive"}'))
    while agent.json("ERROR")["local_id"] != "alive":
        pass
    return True


def test_a_pause_of_the_machine_is_not_the_silence_of_its_clients(patient):
    """What some say meanwhile waits in the kernel; others could say nothing, as their machine was paused, too."""
    agents = [Raw(patient, patient.agent_token) for _ in range(10)]
    try:
        for agent in agents:
            assert is_alive(agent)
        patient.process.send_signal(signal.SIGSTOP)
        for agent in agents[5:]:
            agent.send(frame("", PONG), frame('{"type":"none","local_id":"meanwhile"}'))
        time.sleep(9)
        patient.process.send_signal(signal.SIGCONT)
        for agent in agents:
            assert is_alive(agent)
    finally:
        for agent in agents:
            agent.sock.close()


def test_pauses_one_after_the_other_are_not_silence_either(patient):
    with Raw(patient, patient.agent_token) as agent:
        for _ in range(3):
            pause(patient, 3)
        assert is_alive(agent)


def test_who_is_silent_after_a_pause_is_dead_all_the_same(server):
    with Raw(server, server.agent_token) as agent:
        pause(server, 3)
        while agent.read() is not None:
            pass
