"""A plugin that crashes too often is put aside, whenever it does so, and comes back."""
import re
import shutil
import signal

import pytest
import requests
from support.crashing import MINE, as_crashed, write_crashes
from support.steward import ROOT, eventually


def test_a_plugin_that_crashes_too_often_is_put_aside_and_the_hub_runs(hub):
    one = hub(plugins="auth, users, messages, crashing, caller")
    one.crash_often(2)
    one.start()
    assert one.state() == "enabled"  # two are not three
    one.crash()
    one.start()
    row = one.row()
    assert row["state"] == "quarantined"
    assert row["crashes"] == 3
    assert row["error"].startswith("it crashed the server 3 times within 10m; \"steward plugin release crashing\" lets it")
    assert one.server.log().count("plugin crashing is quarantined: it crashed the server 3 times") == 1
    assert "needs crash/1" in one.row("caller")["error"]

    health = one.server.get("/api/health").json()
    assert health["status"] == "degraded"
    assert health["checks"]["plugins"][MINE] == "quarantined"
    assert one.server.get("/api/crash").status_code == 404
    assert one.server.post("/api/crash/handler/null").status_code == 404
    posted = one.server.post("/api/messages", {"agent_id": "x", "level": "info", "content": "the others serve"})
    assert posted.status_code == 201
    assert 'steward_plugin_crashes{plugin="crashing"} 3\n' in one.server.get("/metrics").text
    refused = one.server.post("/api/plugins/crashing/enable")
    assert refused.status_code == 409
    assert "steward plugin release crashing" in refused.json()["error"]


def test_it_stays_aside_over_restarts_within_the_window(hub):
    one = hub()
    one.crash_often(3)
    for _ in range(2):
        one.start()
        assert one.state() == "quarantined"
        one.server.stop()


def test_another_build_gets_its_chance(hub):
    one = hub()
    one.crash_often(3)
    one.start()
    assert one.state() == "quarantined"
    one.server.stop()
    one.install("newer")
    one.start()
    assert one.state() == "enabled"
    assert one.server.get("/api/crash").json() == {"version": "1.0.1"}
    one.server.stop()
    one.install("crashing")
    one.start()
    assert one.state() == "quarantined"


def test_crashes_count_for_as_long_as_the_window(hub):
    one = hub()
    write_crashes(one, [601, 602, 603, 604])
    one.start()
    assert one.state() == "enabled"
    one.server.stop()
    write_crashes(one, [300, 200, 100])
    one.start()
    assert one.state() == "quarantined"


def test_it_is_tried_again_once_the_window_has_passed(hub):
    one = hub(plugin_options={"crash_window": "1s", "crash_limit": "1"})
    one.start()
    one.crash()

    def runs():
        one.start()
        state = one.state()
        one.server.stop()
        return state == "enabled"
    eventually(runs, what="the window to pass")


@pytest.mark.parametrize("limit, state", [("0", "enabled"), ("1", "quarantined")])
def test_the_limit_is_an_option(hub, limit, state):
    one = hub(plugin_options={"crash_limit": limit})
    one.crash_often(1 if limit == "1" else 4)
    one.start()
    assert one.state() == state


@pytest.mark.parametrize("when", ["start", "prepare"])
def test_a_plugin_that_crashes_while_it_starts_cannot_keep_the_hub_down(hub, when):
    one = hub(**{"plugin:crashing": {"when": when}})
    for _ in range(3):
        one.fails_to_start()
    one.start()
    assert one.state() == "quarantined"
    assert {record["part"] for record in one.records()} == {when}
    assert f"in {when}()" in one.row()["last_crash"]


def test_a_plugin_that_crashes_while_it_is_loaded_cannot_keep_the_hub_down(hub):
    one = hub(env={"CRASH_ON_LOAD": "1"})
    for _ in range(3):
        one.fails_to_start()
    one.start()
    assert one.state() == "quarantined"
    assert [record["part"] for record in one.records()] == ["load"] * 3
    assert "while it was loaded" in one.row()["last_crash"]


def test_a_crash_in_stop_reconfigure_switched_or_health_counts(hub):
    one = hub()
    for number, when in enumerate(("stop", "reconfigure", "switch", "health")):
        one.server.options["plugin:crashing"] = {"when": ""}
        one.start()
        one.server.options["plugin:crashing"] = {"when": when}
        one.server.admin()
        if when == "reconfigure":
            one.server.write_config()
            one.server.process.send_signal(signal.SIGHUP)
        else:
            one.server.reload()
        if when == "stop":
            one.server.process.terminate()
        elif when in ("switch", "health"):
            try:
                one.server.post("/api/plugins/crashing/disable") if when == "switch" else one.server.get("/api/health")
            except requests.RequestException:
                pass
        as_crashed(one.ended(), signal.SIGSEGV)
        record = one.records()[number]
        assert (record["plugin"], record["part"]) == (MINE, when)
        if number == 2:
            assert one.steward("plugin", "release", MINE)[0] == 0


def test_a_required_plugin_is_started_whatever_it_did(hub):
    """The operator has said: not without it. So the server comes back with it as often as the service manager likes."""
    one = hub(**{"plugin:crashing": {"required": "true"}})
    one.crash_often(4)
    one.start()
    assert one.state() == "enabled"
    assert "plugin crashing is started all the same, since it is required" in one.server.log()


def test_who_signs_people_in_is_put_aside_for_crashes_of_its_start_alone(hub):
    """Without it nobody gets in: to put it aside would take down what that is to save."""
    one = hub(plugins="crashing, users", build="auth")
    for _ in range(4):
        one.start()
        try:
            one.server.get("/api/users/agents", token="crash")
        except requests.RequestException:
            pass
        one.ended()
    assert [(r["part"], r["kind"], r["vital"]) for r in one.records()] == [("service", "authenticate", "1")] * 4
    one.start()
    assert one.server.get("/api/plugins", token="anybody").status_code == 200
    one.server.stop()

    one.server.options["plugin:crashing"] = {"when": "start"}
    for _ in range(3):
        one.fails_to_start()
    one.start()
    assert "plugin crashing is quarantined" in one.server.log()
    assert one.server.get("/api/ping", token=None).status_code == 200
    assert one.server.get("/api/plugins", token="anybody").status_code == 503


def test_whom_the_one_who_signs_people_in_needs_is_not_put_aside_either(hub):
    one = hub(plugins="crashing, caller")
    shutil.copy(one.built["caller-auth"], one.plugin_dir / "caller.so")
    one.crash_often(3)
    assert [(r["plugin"], r.get("vital")) for r in one.records()] == [(MINE, "1")] * 3
    one.start()
    assert {p["name"]: p["state"] for p in one.server.get("/api/plugins", token="anybody").json()} == {
        MINE: "enabled", "caller": "enabled"}


def test_the_counter_is_faster_than_the_service_manager_gives_up():
    with open(f"{ROOT}/packaging/systemd/steward.service", encoding="utf-8") as file:
        unit = dict(re.findall(r"^(\w+)=(.*)$", file.read(), re.M))
    assert unit["Restart"] == "on-failure"
    limit, plugins_at_once = 3, 3  # plugins.crash_limit; so many plugins that crash one after the other
    assert int(unit["StartLimitBurst"]) >= limit * plugins_at_once + 1
    assert float(unit["RestartSec"].removesuffix("s")) * limit < 600  # plugins.crash_window
