"""The n-th read, write, sync or truncation of the data folder fails, n = 1, 2, 3 … until the scenario succeeds; once, or
from then on until the disk is well again: see README.md."""
import errno
import time

from .alloc import Tally, attempt, judge
from .control import FOREVER, READ, SYNC, TORN, TRUNCATE, WRITE
from .house import House
from .scenarios import FRAMES, READS, RIGHT, WRITES, heard

FAULTS = [("read", READ, 0, errno.EIO), ("write", WRITE, 0, errno.EIO), ("write, torn", WRITE, TORN, errno.ENOSPC),
          ("sync", SYNC, 0, errno.EIO), ("truncation", TRUNCATE, 0, errno.EIO),
          ("any call", READ | WRITE | SYNC | TRUNCATE, 0, errno.EIO)]
SHORT_NAMES = {"GET /api/messages", "POST /api/messages", "POST /api/messages of an array", "POST /api/chat/auth/response",
               "CHAT from an agent to a human"}
OPTIONS = {"storage": {"cache": "2M", "wal_limit": "1M"}}  # so that the file is read and checkpoints come
RECOVERY = 60  # seconds until the server says that it is well, once the disk is


def well(house, healthy=False):
    """Waits until writes are taken and, if so asked, health says ok: it tells of a failure for ten seconds. A text when
    that does not come."""
    deadline = time.monotonic() + RECOVERY
    while True:
        status, _ = house.call("POST", "/api/messages", {"agent_id": "x", "level": "INFO", "content": "well?"})
        health, text = house.call("GET", "/api/health")
        if status == 201 and (not healthy or (health == 200 and b'"status":"ok"' in text)):
            return None
        if not house.alive() or time.monotonic() > deadline:
            return f"a write is {status}, health is {health} {text[:600]!r}"
        time.sleep(0.05)


def says_so(house):
    """While writes and syncs fail: a write is refused with 503, and health is not ok. A text when it is not so."""
    status, text = house.call("POST", "/api/messages", {"agent_id": "x", "level": "INFO", "content": "refused"})
    if status == 201:
        return None  # what failed was not needed for it
    if status != 503:
        return f"a write is {status} {text[:200]!r}"
    health, text = house.call("GET", "/api/health")
    return None if b'"status":"ok"' not in text else f"health says {health} {text[:600]!r}"


def once(house, scenario, fault, n, tally, lasting):
    name, kinds, how, error = fault
    where = f"{scenario.name}, {name} {n}{' and all behind it' if lasting else ''}"
    given = scenario.prepare(house)
    house.control.arm(kinds, n, how | lasting, error)
    try:
        outcome = attempt(house, scenario, given)
        fired = house.control.failed > 0
        if lasting and fired and kinds & (WRITE | SYNC) and house.alive():
            silent = says_so(house)
            if silent:
                tally.fault(where, f"while the disk fails: {silent}")
    finally:
        house.control.disarm()
    judge(house, scenario, where, outcome, tally)
    ill = well(house) if fired and house.alive() else None
    if ill:
        tally.fault(where, f"after the disk was well: {ill}\n{house.culprit()}")
        house.restart()
    if isinstance(given, dict) and given.get("listener") and house.alive():
        missed = heard(house, given)
        if missed:
            tally.fault(where, missed)
    if fired:
        after = attempt(house, scenario, scenario.prepare(house))
        if after != RIGHT:
            tally.fault(where, f"afterwards, without a fault: {after}\n{house.culprit()}")
    return fired


def torture(house, scenarios, faults, tally, step=1, most=10000):
    for scenario in scenarios:
        before = sum(tally.outcomes.values())
        for fault in faults:
            for lasting in (0, FOREVER):
                n = 1
                while n <= most and once(house, scenario, fault, n, tally, lasting):
                    n += step
        ill = well(house, healthy=most > 3 or scenario is scenarios[-1])
        if ill:
            tally.fault(scenario.name, f"long after the disk was well: {ill}")
        house.restart()
        lost = house.lost()
        if lost:
            tally.fault(scenario.name, f"acknowledged and lost: {lost[:3]}")
        tally.say(f"{scenario.name}: {sum(tally.outcomes.values()) - before} tries")


def run(full=False, only=None, say=print, step=None):
    scenarios = [s for s in READS + WRITES + FRAMES if "plugin" not in s.name and "preflight" not in s.name]
    if only:
        scenarios = [s for s in scenarios if only in s.name]
    elif not full:
        scenarios = [s for s in scenarios if s.name in SHORT_NAMES]
    tally = Tally(say)
    with House(options=OPTIONS) as house:
        torture(house, scenarios, FAULTS if full else FAULTS[:4], tally, step or 1, most=10000 if full else 3)
        house.restart(clean=True)
        lost = house.lost()
        if lost:
            tally.fault("after a restart", f"acknowledged and lost: {lost[:3]}")
    say(f"disk: {tally.summary()}, {len(house.acked['messages'])} messages and {len(house.acked['chat'])} chat rows "
        f"acknowledged, {house.restarts} restarts, {len(tally.wrong)} faults")
    return tally
