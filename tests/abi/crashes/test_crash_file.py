"""The file of crashes: whatever is in it, it costs no start, and it stays small."""
import os
import re
import signal
import time

from support.crashing import MINE, as_crashed, line, write_crashes


def test_a_crash_file_of_any_content_stops_no_start(hub):
    one = hub()
    os.makedirs(one.server.data, mode=0o700)
    with open(one.file(), "wb") as file:
        file.write(os.urandom(2_000_000) + b"\n" + b"crash " * 1000 + b"\n")
    write_crashes(one, [3, 2, 1])
    with open(one.file(), "a", encoding="ascii") as file:
        file.write(line("crash", int(time.time() * 1000), plugin=MINE)[:50])  # cut off by a kill -9
    one.start()
    assert one.state() == "quarantined"
    assert re.search(r"warn crashes \d+ damaged lines of crash.log are passed over", one.server.log())
    one.server.stop()
    assert os.path.getsize(one.file()) < 10_000  # written anew
    one.start()
    assert one.state() == "quarantined"
    assert one.server.log().count("damaged lines") == 1


def test_the_file_does_not_grow_for_ever(hub):
    one = hub()
    write_crashes(one, range(1_000_000, 997_000, -1))
    one.start()
    assert one.state() == "enabled"
    one.server.stop()
    assert len(one.records()) == 128
    assert os.stat(one.file()).st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_used_costs_the_reports_and_nothing_else(hub):
    one = hub()
    os.makedirs(one.file(), mode=0o700)
    one.start()
    assert "warn crashes crashes cannot be recorded in" in one.server.log()
    assert one.state() == "enabled"
    as_crashed(one.crash(), signal.SIGSEGV)
    one.start()
    assert one.state() == "enabled"


def test_other_commands_leave_the_file_alone(hub):
    one = hub()
    one.crash_often(3)
    before = open(one.file(), encoding="ascii").read()
    code, said = one.steward("check")
    assert code == 0, said
    assert open(one.file(), encoding="ascii").read() == before
