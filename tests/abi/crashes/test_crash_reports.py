"""What a server writes down about a crash: whose it was, where, and what was being done."""
import os
import re
import signal
import subprocess

import pytest
import requests
from support.crashing import MINE, SECRET, WAYS, as_crashed, build_of
from support.sockets import Socket


@pytest.mark.parametrize("how", WAYS)
def test_a_handler_that_crashes_in_whatever_way_is_named(hub, how):
    one = hub().start()
    as_crashed(one.crash("handler", how), WAYS[how])
    (record,) = one.records()
    assert record["plugin"] == MINE
    assert record["version"] == "1.0.0"
    assert record["build"] == build_of(one.built["crashing"])
    assert record["signal"] == str(int(WAYS[how]))
    assert (record["part"], record["kind"], record["name"]) == ("handler", "POST", "/api/crash/:where/:how")
    assert re.fullmatch(r"worker-\d", record["thread"])
    assert "guessed" not in record
    at_home = [record.get(k, "") for k in ("place", "caller") if record.get(k, "").startswith("crashing.so+0x")]
    assert at_home, record  # in the plugin, or where it called from

    one.start()
    assert f"plugin {MINE} 1.0.0 crashed the server at" in one.server.log()
    assert f"{signal.Signals(WAYS[how]).name}" in one.server.log()
    row = one.row()
    assert row["state"] == "enabled"
    assert row["crashes"] == 1
    assert "in the handler of POST /api/crash/:where/:how" in row["last_crash"]
    for text in (open(one.file(), encoding="ascii").read(), one.server.log()):
        assert SECRET not in text


PLACES = {  # what the path says: part, kind, name, thread of the report
    "step": ("step", "POST", "/api/crash/:where/:how", "writer"),
    "commit": ("commit", "POST", "/api/crash/:where/:how", "writer"),
    "after": ("handler", "event", "crashing.after", r"worker-\d"),
    "subscriber": ("subscriber", "event", "crashing.in_tx", "writer"),
    "task": ("handler", "task", None, r"worker-\d"),
    "done": ("done", None, None, "writer"),
    "answer": ("answer", "POST", "/api/crash/:where/:how", "http-out"),
    "timer": ("handler", "timer", "tick", r"worker-\d"),
    "housekeeping": ("step", "housekeeping", "sweep", "writer"),
}


@pytest.mark.parametrize("where", PLACES)
def test_a_crash_is_told_with_what_was_being_done(hub, where):
    one = hub().start()
    as_crashed(one.crash(where), signal.SIGSEGV)
    (record,) = one.records()
    part, kind, name, thread = PLACES[where]
    assert record["plugin"] == MINE
    assert (record["part"], record.get("kind"), record.get("name")) == (part, kind, name)
    assert re.fullmatch(thread, record["thread"])
    assert record["place"].startswith("crashing.so+0x")
    assert int(record["address"], 16) == 16


@pytest.mark.parametrize("where", ["step", "commit", "handler-on-loop"])
def test_every_thread_of_the_server_can_tell_that_its_stack_ran_out(hub, where):
    one = hub().start()
    if where == "handler-on-loop":
        as_crashed(one.crash("handler", "overflow", path="crash-on-loop", token=None), signal.SIGSEGV)
        assert re.fullmatch(r"loop-\d", one.records()[0]["thread"])
    else:
        as_crashed(one.crash(where, "overflow"), signal.SIGSEGV)
    (record,) = one.records()
    assert record["plugin"] == MINE
    assert record["place"].startswith("crashing.so+0x")


def test_a_frame_that_crashes_is_named(hub):
    for kind in ("CRASH", "CRASH_LOOP"):
        one = hub() if kind == "CRASH" else one
        one.start()
        socket = Socket(one.server, one.server.admin())
        socket.send({"type": kind, "payload": {"secret": SECRET}})
        as_crashed(one.ended(), signal.SIGSEGV)
        record = one.records()[-1]
        assert (record["plugin"], record["kind"], record["name"]) == (MINE, "frame", kind)


@pytest.mark.parametrize("how", ["null", "abort", "copy"])
def test_a_thread_of_the_plugins_own_is_known_by_its_code_or_its_stack(hub, how):
    one = hub().start()
    as_crashed(one.crash("thread", how), WAYS[how])
    (record,) = one.records()
    assert record["plugin"] == MINE
    assert record["part"] == "thread"
    assert record.get("guessed", "0") == ("1" if how == "abort" else "0") or how == "copy"


def test_the_place_is_one_that_addr2line_knows(hub):
    one = hub().start()
    one.crash("handler", "null")
    name, offset = one.records()[0]["place"].split("+")
    said = subprocess.run(["addr2line", "-f", "-i", "-e", str(one.plugin_dir / name), offset], capture_output=True,
                          text=True, check=True)
    assert "write_to_null" in said.stdout


def test_exit_from_a_handler_is_a_crash_as_well(hub):
    one = hub().start()
    one.crash("handler", "exit")
    one.start()
    one.crash("thread", "exit")
    first, second = one.records()
    assert (first["plugin"], first["part"], first["name"]) == (MINE, "handler", "/api/crash/:where/:how")
    assert "signal" not in first
    assert first["caller"].startswith("crashing.so+0x")
    assert (second["plugin"], second["part"], second["guessed"]) == (MINE, "thread", "1")
    one.start()
    assert "exit() was called, called from crashing.so+0x" in one.server.log()
    one.server.stop()
    assert len(one.records()) == 2  # the end that was asked for is none


def test_who_makes_another_plugin_crash_is_named_and_the_other_one_keeps_its_name_clean(hub):
    one = hub(plugins="auth, users, crashing, caller").start()
    try:
        one.server.post("/api/call", token=None)
    except requests.RequestException:
        pass
    one.ended()
    (record,) = one.records()
    assert (record["plugin"], record["version"]) == ("caller", "2.0.0")
    assert record["place"].startswith("crashing.so+0x")
    assert record["caller"].startswith("caller.so+0x")


def test_a_signal_from_outside_is_held_against_nobody(hub):
    one = hub(plugin_options={"crash_limit": "1"}).start()
    os.kill(one.server.process.pid, signal.SIGABRT)
    assert one.ended() == -signal.SIGABRT
    (record,) = one.records()
    assert (record["plugin"], record["sender"]) == ("core", str(os.getpid()))
    one.start()
    assert f"the server crashed at" in one.server.log()
    assert f"SIGABRT sent by process {os.getpid()}" in one.server.log()
    assert one.state() == "enabled"


def test_a_crash_is_logged_by_one_start_alone(hub):
    one = hub().start()
    one.crash()
    for _ in range(2):
        one.start()
        one.server.stop()
    assert one.server.log().count("crashed the server at") == 1
