"""steward serve --safe-mode: auth and users alone, whatever is configured and whatever crashed."""
import os

from support.crashing import build_of, write_crashes
from support.steward import BUILD


def test_safe_mode_starts_with_auth_and_users_alone(hub):
    one = hub(safe=True, plugins="auth, users, messages, crashing, gone",
                   plugin_options={"required": "messages, crashing"},
                   env={"CRASH_ON_LOAD": "1", "STEWARD_PLUGIN_CRASHING_WHEN": "start"},
                   **{"plugin:crashing": {"when": "start", "no_such_option": "7"}, "plugin:gone": {"x": "1"},
                      "plugin:not-enabled": {"x": "1"}})
    one.start()
    assert "safe mode" in one.server.log()
    listed = {p["name"]: p for p in one.server.get("/api/plugins").json()}
    assert {name: p["state"] for name, p in listed.items()} == {
        "auth": "enabled", "users": "enabled", "messages": "disabled", "crashing": "disabled", "gone": "disabled"}
    assert "--safe-mode" in listed["crashing"]["error"]
    health = one.server.get("/api/health").json()
    assert health["safe_mode"] is True
    assert one.server.get("/api/messages").status_code == 404
    assert one.server.get("/api/users/agents").status_code == 200
    refused = one.server.post("/api/plugins/messages/enable")
    assert refused.status_code == 409
    assert "--safe-mode" in refused.json()["error"]
    one.server.reload()
    one.server.stop()


def test_safe_mode_brings_back_auth_when_another_plugin_took_its_place(hub):
    one = hub(safe=True, plugins="crashing, messages", build="auth")
    one.start()
    assert {p["name"]: p["state"] for p in one.server.get("/api/plugins").json()} == {
        "auth": "enabled", "users": "enabled", "messages": "disabled", "crashing": "disabled"}
    assert one.server.get("/api/plugins", token="anybody").status_code == 401


def test_safe_mode_takes_the_servers_own_auth_whatever_stands_in_the_configured_folder(hub):
    one = hub(safe=True)
    os.unlink(one.plugin_dir / "auth.so")
    (one.plugin_dir / "auth.so").write_bytes(b"not the server's")
    one.start()
    assert one.row("auth")["state"] == "enabled"


def test_safe_mode_does_not_look_at_earlier_crashes(hub):
    one = hub(safe=True)
    for name in ("auth", "users"):
        write_crashes(one, [3, 2, 1], plugin=name, build=build_of(f"{BUILD}/lib/steward/plugins/{name}.so"))
    one.start()
    assert one.row("auth")["state"] == "enabled"
    assert one.row("users")["state"] == "enabled"


def test_without_safe_mode_health_does_not_mention_it(hub):
    one = hub().start()
    assert "safe_mode" not in one.server.get("/api/health").json()
