"""The n-th allocation fails, n = 1, 2, 3 … until the scenario succeeds: see README.md."""
import collections
import threading

from . import bridge
from .control import ALLOC, FOREVER
from .house import House
from .scenarios import ALL, RIGHT, ERROR, GONE, SHORT, heard
from .wire import Hang

LASTING = 0.5  # seconds that "from then on" lasts at the most: what waits for memory must go on then


class Tally:
    """How many of each outcome, and what was wrong."""

    def __init__(self, say=print, most=40):
        self.outcomes, self.wrong, self.say, self.most = collections.Counter(), [], say, most

    def fault(self, where, what):
        self.wrong.append(f"{where}: {what}")
        self.say(self.wrong[-1])
        assert len(self.wrong) < self.most, "too much is wrong: " + "\n".join(self.wrong)

    def summary(self):
        return ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items()))


def attempt(house, scenario, given):
    try:
        return scenario.act(house, given)
    except Hang:
        return "it hangs"
    except (ConnectionError, ValueError) as failure:
        return GONE if isinstance(failure, ConnectionError) else f"no whole answer: {failure!r}"


def judge(house, scenario, where, outcome, tally):
    """After a try in which something failed, or nothing did."""
    tally.outcomes[outcome if outcome in (RIGHT, ERROR, GONE) else "wrong"] += 1
    if not house.alive():
        code = house.server.process.wait()
        tally.fault(where, f"the server ended with {code}; what failed:\n{house.culprit()}\n{house.server.log()[-5000:]}")
        house.restart()
    elif outcome not in (RIGHT, ERROR, GONE):
        tally.fault(where, f"{outcome}; what failed:\n{house.culprit()}")


def once(house, scenario, tally, n, how):
    """One try and one without a fault behind it. false: nothing failed, so that the scenario has succeeded."""
    where = f"{scenario.name}, allocation {n}{' and all behind it' if how else ''}"
    given = scenario.prepare(house)
    end = threading.Timer(LASTING, house.control.disarm)
    house.control.arm(ALLOC, n, how)
    try:
        if how:
            end.start()
        outcome = attempt(house, scenario, given)
    finally:
        end.cancel()
        house.control.disarm()
    fired = house.control.failed > 0
    judge(house, scenario, where, outcome, tally)
    if isinstance(given, dict) and given.get("listener") and house.alive():
        missed = heard(house, given)
        if missed:
            tally.fault(where, f"{missed}; what failed:\n{house.culprit()}")
    after = attempt(house, scenario, scenario.prepare(house))
    if after != RIGHT:
        tally.fault(where, f"afterwards, without a fault: {after}; what had failed:\n{house.culprit()}")
        if not house.alive():
            house.restart()
    return fired


def torture(house, scenarios, tally, step=1, ways=(0, FOREVER)):
    for at, scenario in enumerate(scenarios):
        before = sum(tally.outcomes.values())
        for how in ways:
            n = 1 + at % step
            while once(house, scenario, tally, n, how):
                n += step
        lost = house.lost()
        if lost:
            tally.fault(scenario.name, f"acknowledged and lost: {lost[:3]}")
        tally.say(f"{scenario.name}: {sum(tally.outcomes.values()) - before} tries")


def run(full=False, only=None, say=print, step=None):
    scenarios = ALL if full else SHORT
    scenarios = [s for s in ALL if only in s.name] if only else scenarios
    tally = Tally(say)
    if scenarios:
        with House() as house:
            torture(house, scenarios, tally, step or (1 if full else 17), (0, FOREVER) if full else (0,))
            house.restart(clean=True)
            lost = house.lost()
            if lost:
                tally.fault("after a restart", f"acknowledged and lost: {lost[:3]}")
    bridged = [s for s in bridge.SCENARIOS if full and (not only or only in s.name)]
    if bridged:
        with bridge.Bridge() as house:
            torture(house, bridged, tally, step or 1)
    say(f"alloc: {tally.summary()}, {len(tally.wrong)} faults")
    return tally
