"""What the configuration says is checked, and obeyed; and the one that is shipped is current."""
import json
import os
import re
import sqlite3
import subprocess

import pytest
from support.steward import ADMIN_PASSWORD, BINARY, BUILD, ROOT, Steward, outer_environment, run_steward


def test_check_prints_every_error(tmp_path):
    path = tmp_path / "bad.conf"
    path.write_text("[server]\nport = 99999\nprot = 1\n[plugin:auth]\nfailures = many\n[plugin:nobody]\nx = 1\n", encoding="ascii")
    done = run_steward("check", "-c", str(path), cwd=tmp_path)
    assert done.returncode == 1
    for line in ("bad.conf:2:", "bad.conf:3:", "bad.conf:5:", "bad.conf:7:"):
        assert line in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == [path]


def test_what_no_single_type_can_check_is_told_with_its_place_too(tmp_path):
    path = tmp_path / "bad.conf"
    path.write_text("[server]\ntrusted_proxies = x\n[plugins]\nenabled = auth, users, auth\nrequired = chat, users\n",
                    encoding="ascii")
    done = run_steward("check", "-c", str(path), cwd=tmp_path)
    assert done.returncode == 1
    for line in ("bad.conf:2: server.trusted_proxies: x is neither", 'bad.conf:4: plugins.enabled: "auth" stands there twice',
                 'bad.conf:5: plugins.required: "chat" is not enabled'):
        assert line in done.stderr, done.stderr


def test_check_accepts_what_serve_runs_with(server):
    done = run_steward("check", "-c", os.path.join(server.folder, "steward.conf"), cwd=server.folder)
    assert done.returncode == 0, done.stderr


def test_a_required_plugin_that_fails_is_fatal(tmp_path):
    env = {"SERVER_PORT": "0", "STEWARD_PLUGINS_ENABLED": "auth, users, not-there", "BCRYPT_COST": "4"}
    with_it = run_steward("serve", cwd=tmp_path, env={**env, "STEWARD_PLUGINS_REQUIRED": "not-there"})
    assert with_it.returncode == 1 and "not-there is required" in with_it.stderr
    process = subprocess.Popen([BINARY, "serve"], cwd=tmp_path, env=outer_environment(**(env or {})), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("listening on ")
    process.terminate()
    assert "not-there is quarantined" in process.communicate(timeout=30)[1]


@pytest.mark.parametrize("plugins", ["auth, users, messages, chat, dev-mock", "auth, users, messages, chat"])
def test_production_drops_what_dev_mock_kept(plugins):
    with Steward() as server:
        _, token = server.agent("keeper")
        assert server.get("/api/dev/mock/agent-token/keeper").json()["api_token"] == token
        server.stop()
        server.options["server"]["env"] = "production"
        server.options["plugins"]["enabled"] = plugins
        server.tokens.clear()
        server.start()
        assert server.get("/api/health").json()["status"] == "ok"
        if "dev-mock" in plugins:
            mock = [p for p in server.get("/api/plugins").json() if p["name"] == "dev-mock"][0]
            assert mock["state"] == "disabled" and "production" in mock["error"]
            assert server.post("/api/plugins/dev-mock/enable").status_code == 409
            assert "plugin dev-mock does not run: refuses to load" in server.log()
        assert server.get("/api/dev/mock/agent-token/keeper").status_code == 404
        tables = sqlite3.connect(server.database()).execute("SELECT name FROM sqlite_schema WHERE name LIKE 'dev_mock%'")
        assert tables.fetchall() == []
        server.stop()
        with open(server.database(), "rb") as file:
            assert token.encode() not in file.read()
        assert not os.path.exists(server.database() + "-wal") or os.path.getsize(server.database() + "-wal") == 0


def test_the_annotated_configuration_is_current(tmp_path):
    made = run_steward("options", "--template", cwd=tmp_path).stdout
    with open(os.path.join(ROOT, "config/steward.conf"), encoding="utf-8") as file:
        assert file.read() == made, "run: build/dev/bin/steward options --template > config/steward.conf"
    path = tmp_path / "steward.conf"
    path.write_text(made, encoding="utf-8")
    assert run_steward("check", "-c", str(path), cwd=tmp_path).stderr.count("\n") == run_steward("check", cwd=tmp_path).stderr.count("\n")


def test_the_manual_lists_every_option(tmp_path):
    with open(os.path.join(BUILD, "packaging/man/steward.conf.5"), encoding="utf-8") as file:
        page = file.read()
    shown = {}
    for section, items in re.findall(r"^\.SS (\S+)\n(.*?)(?=^\.S[SH] )", page, re.S | re.M):
        shown[section.replace("\\-", "-").strip("[]")] = re.findall(r"^\.TP\n\.B (\S+)\n.+\n\.br\n\(.+\)\n\.br\nDefault: .", items, re.M)
    wanted = {}
    for name in re.findall(r"^(\S+) = ", run_steward("options", cwd=tmp_path).stdout, re.M):
        section, _, key = name.rpartition(".")
        wanted.setdefault(section, []).append(key)
    assert {s: sorted(keys) for s, keys in shown.items()} == {s: sorted(keys) for s, keys in wanted.items()}


def test_the_admin_password_may_come_from_the_config(server):
    assert server.login("admin", ADMIN_PASSWORD)
    assert not os.path.exists(os.path.join(server.data, "initial-admin-password"))
    assert ADMIN_PASSWORD not in json.dumps(server.get("/api/plugins").json())
    assert ADMIN_PASSWORD not in server.log()
