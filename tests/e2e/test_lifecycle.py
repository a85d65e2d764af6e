"""The life of a server as an operator sees it: keys, lock, ports, signals, reload, the first password."""
import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import threading
import time

import pytest
import requests
from support.sockets import Socket
from support.steward import ADMIN_PASSWORD, BINARY, ROOT, Steward, eventually, free_port, outer_environment


def steward(*arguments, cwd, env=None):
    return subprocess.run([BINARY, *arguments], cwd=cwd, env=outer_environment(**(env or {})), capture_output=True, text=True,
                          timeout=60, check=False)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_first_start_makes_private_files(server):
    assert mode(server.data) == 0o700
    for name in ("master.key", "jwt.secret", "steward.db"):
        assert mode(os.path.join(server.data, name)) == 0o600, name
    assert os.path.getsize(os.path.join(server.data, "master.key")) == 32


def test_a_second_server_says_who_holds_the_folder(server):
    done = steward("serve", "-c", os.path.join(server.folder, "steward.conf"), cwd=server.folder)
    assert done.returncode == 1
    assert f"pid {server.process.pid}" in done.stderr
    assert done.stdout == ""


def test_a_busy_port_is_one_clear_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = steward("serve", cwd=tmp_path, env={"SERVER_PORT": str(taken.getsockname()[1]), "BCRYPT_COST": "4"})
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "in use" in line]
    assert len(lines) == 1, done.stderr
    assert done.stdout == ""


def test_it_starts_with_nothing_but_its_name(tmp_path):
    process = subprocess.Popen([BINARY, "serve"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=outer_environment(SERVER_PORT="0", STEWARD_PLUGINS_ENABLED="auth, users"))
    try:
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:")
        assert requests.get(line.split()[-1] + "/api/ping", timeout=5).text == '{"message":"pong"}'
        path = tmp_path / "data" / "initial-admin-password"
        assert mode(path) == 0o600
        password = path.read_text(encoding="ascii").strip()
        assert len(password) >= 20
        url = line.split()[-1] + "/api/auth/login"
        assert requests.post(url, json={"username": "admin", "password": password}, timeout=5).status_code == 200
        eventually(lambda: not path.exists(), what="the file to go at the first login")
    finally:
        process.terminate()
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out == "" and password not in err


def test_the_first_password_is_shown_when_asked_for(tmp_path):
    process = subprocess.Popen([BINARY, "serve", "--print-initial-password"], cwd=tmp_path, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True,
                               env=outer_environment(SERVER_PORT="0", STEWARD_PLUGINS_ENABLED="auth, users"))
    try:
        password = process.stdout.readline().split()[-1]
        url = process.stdout.readline().split()[-1]
        answer = requests.post(url + "/api/auth/login", json={"username": "admin", "password": password}, timeout=5)
        assert answer.status_code == 200
        assert not (tmp_path / "data" / "initial-admin-password").exists()
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_an_ipv6_address_stands_in_brackets():
    with Steward(options={"server": {"host": "::1"}}, plugins="auth, users") as server:
        assert server.url.startswith("http://[::1]:")
        assert server.get("/api/ping", token=None).status_code == 200


def test_a_lost_master_key_is_named_and_not_replaced():
    with Steward() as server:
        server.stop()
        key = os.path.join(server.data, "master.key")
        with open(key, "rb") as file:
            kept = file.read()
        os.unlink(key)
        done = steward("serve", "-c", server.write_config(), cwd=server.folder)
        assert done.returncode == 1 and "master.key is missing" in done.stderr
        assert not os.path.exists(key)
        with open(key, "wb") as file:
            file.write(bytes(32))
        os.chmod(key, 0o600)
        done = steward("serve", "-c", server.write_config(), cwd=server.folder)
        assert done.returncode == 1 and "master.key" in done.stderr
        with open(key, "wb") as file:
            file.write(kept)
        server.start()
        assert server.get("/api/users/butler").status_code == 200


def test_a_key_that_others_may_read_is_refused():
    with Steward() as server:
        server.stop()
        os.chmod(os.path.join(server.data, "master.key"), 0o644)
        done = steward("serve", "-c", server.write_config(), cwd=server.folder)
        assert done.returncode == 1 and "can be read by others" in done.stderr
        os.chmod(os.path.join(server.data, "master.key"), 0o600)
        server.start()


def test_a_short_jwt_secret_refuses_to_start(tmp_path):
    done = steward("serve", cwd=tmp_path, env={"JWT_SECRET": "short", "SERVER_PORT": "0"})
    assert done.returncode == 1 and "32 bytes" in done.stderr and "openssl rand" in done.stderr


def test_stopping_tells_sockets_and_answers_what_runs():
    with Steward() as server:
        _, token = server.agent()
        ws = Socket(server, token)
        results = []

        def post(number):
            try:
                answer = server.post("/api/messages", {"agent_id": "x", "level": "info", "content": f"{number}"})
                results.append((number, answer.status_code))
            except requests.RequestException:
                results.append((number, 0))

        server.admin()
        threads = [threading.Thread(target=post, args=(n,)) for n in range(40)]
        for thread in threads:
            thread.start()
        process = server.process
        process.send_signal(signal.SIGTERM)
        assert ws.get("SHUTDOWN")["payload"]["restart_expected_ms"] > 0
        assert ws.closed.wait(20) and ws.close_code == 1001
        assert process.wait(timeout=30) == 0
        for thread in threads:
            thread.join()
        server.process = None
        server.check_reports()
        stored = sqlite3.connect(server.database()).execute("SELECT content FROM messages").fetchall()
        stored = {row[0] for row in stored}
        for number, status in results:
            if status == 201:
                assert str(number) in stored
        assert not os.path.exists(server.database() + "-wal") or os.path.getsize(server.database() + "-wal") == 0


def test_an_unfinished_request_does_not_keep_it_from_stopping():
    with Steward(options={"server": {"shutdown_timeout": "20s"}}) as server:
        token = server.admin()
        with socket.create_connection((server.host, server.port)) as slow:
            # A request whose body is still to come keeps the server from ending.
            slow.sendall((f"POST /api/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                          "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{").encode())
            assert server.get("/api/health", token=None).json()["status"] == "ok"
            slow.settimeout(0.2)
            with pytest.raises(TimeoutError):
                slow.recv(1)
            server.stop()


def test_one_request_to_stop_that_arrives_twice_is_still_graceful():
    """As timeout(1) does: to the process, then to its group."""
    server = Steward()
    done = subprocess.run(["timeout", "2", BINARY, "serve", "-c", server.write_config()], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    server.close()
    assert done.returncode == 124 and b"stopped at once" not in done.stderr, done.stderr[-2000:]
    assert b"stopped" in done.stderr


def test_a_second_sigterm_ends_at_once():
    with Steward(options={"server": {"shutdown_timeout": "60s"}}) as server:
        agent, token = server.agent()
        del agent
        with socket.create_connection((server.host, server.port)) as raw:
            raw.sendall(f"GET /api/ws?token={token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
            assert b"101" in raw.recv(4096)
            process = server.process
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                began = time.monotonic()
                assert process.wait(timeout=10) != 0
                assert time.monotonic() - began < 5
        server.process = None


def allowed_origin(server, origin):
    answer = requests.get(server.url + "/api/ping", headers={"Origin": origin}, timeout=5)
    return answer.headers.get("Access-Control-Allow-Origin") == origin


def test_a_reload_changes_what_is_live_and_only_as_a_whole():
    with Steward(options={"cors": {"allowed_origins": "https://one.example"}}) as server:
        assert allowed_origin(server, "https://one.example")
        server.options["cors"]["allowed_origins"] = "https://two.example"
        server.options["log"]["level"] = "nonsense"
        server.write_config()
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: "nothing was changed" in server.log(), what="the refused reload")
        assert allowed_origin(server, "https://one.example") and not allowed_origin(server, "https://two.example")

        server.options["log"]["level"] = "debug"
        server.options["server"]["loops"] = "1"
        server.reload()
        assert "server.loops has changed: it counts from the next start on" in server.log()
        assert allowed_origin(server, "https://two.example") and not allowed_origin(server, "https://one.example")


def test_check_prints_every_error(tmp_path):
    path = tmp_path / "bad.conf"
    path.write_text("[server]\nport = 99999\nprot = 1\n[plugin:auth]\nfailures = many\n[plugin:nobody]\nx = 1\n", encoding="ascii")
    done = steward("check", "-c", str(path), cwd=tmp_path)
    assert done.returncode == 1
    for line in ("bad.conf:2:", "bad.conf:3:", "bad.conf:5:", "bad.conf:7:"):
        assert line in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == [path]


def test_what_no_single_type_can_check_is_told_with_its_place_too(tmp_path):
    path = tmp_path / "bad.conf"
    path.write_text("[server]\ntrusted_proxies = x\n[plugins]\nenabled = auth, users, auth\nrequired = chat, users\n",
                    encoding="ascii")
    done = steward("check", "-c", str(path), cwd=tmp_path)
    assert done.returncode == 1
    for line in ("bad.conf:2: server.trusted_proxies: x is neither", 'bad.conf:4: plugins.enabled: "auth" stands there twice',
                 'bad.conf:5: plugins.required: "chat" is not enabled'):
        assert line in done.stderr, done.stderr


def test_check_accepts_what_serve_runs_with(server):
    done = steward("check", "-c", os.path.join(server.folder, "steward.conf"), cwd=server.folder)
    assert done.returncode == 0, done.stderr


def test_a_required_plugin_that_fails_is_fatal(tmp_path):
    env = {"SERVER_PORT": "0", "STEWARD_PLUGINS_ENABLED": "auth, users, not-there", "BCRYPT_COST": "4"}
    with_it = steward("serve", cwd=tmp_path, env={**env, "STEWARD_PLUGINS_REQUIRED": "not-there"})
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


def test_plugins_can_be_switched_off_and_on(server):
    states = {p["name"]: p["state"] for p in server.get("/api/plugins").json()}
    assert states["messages"] == "enabled"
    refused = server.post("/api/plugins/users/disable")
    assert refused.status_code == 409 and "needed by" in refused.json()["error"]
    assert server.post("/api/plugins/messages/disable").status_code in (200, 409)
    assert server.post("/api/plugins/nobody/disable").status_code == 404
    assert server.post("/api/plugins/dev-mock/disable").json() == {"name": "dev-mock", "state": "disabled"}
    assert server.get("/api/dev/mock/agent-token/x").status_code == 404
    assert server.get("/api/health").json()["checks"]["plugins"]["dev-mock"] == "disabled"
    assert server.post("/api/plugins/dev-mock/enable").json() == {"name": "dev-mock", "state": "enabled"}
    assert server.post("/api/plugins/messages/enable").status_code == 200
    assert server.get("/api/plugins", token=None).status_code == 401


def test_the_api_describes_itself(server):
    document = server.get("/api/openapi.json", token=None).json()
    assert document["openapi"] == "3.1.0"
    get = document["paths"]["/api/users/agents/{id}/token"]["patch"]
    assert get["parameters"] == [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}]
    assert "/api/ping" in document["paths"] and "/metrics" in document["paths"]


def test_metrics_are_prometheus_text_for_admins(server):
    assert server.get("/metrics", token=None).status_code == 401
    server.post("/api/auth/login", {"username": "admin", "password": "wrong password"}, token=None)
    answer = server.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in answer.text.splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2
    assert 'steward_http_requests_total{route="/api/auth/login",method="POST",status="401"} ' in answer.text
    assert "steward_login_failures_total 1" in answer.text


def test_a_collector_on_this_machine_needs_no_token():
    port = free_port()
    with Steward(options={"server": {"metrics_port": str(port)}}, plugins="auth, users") as server:
        answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5)
        assert answer.status_code == 200 and "steward_sockets_by_role" in answer.text
        assert requests.get(f"http://127.0.0.1:{port}/api/users", timeout=5).status_code == 404
        assert server.get("/metrics", token=None).status_code == 401
        assert server.get("/metrics").status_code == 200


def test_tools_say_what_a_plugin_is(server):
    folder = os.path.join(os.path.dirname(os.path.dirname(BINARY)), "lib/steward/plugins")
    done = steward("plugin", "inspect", os.path.join(folder, "auth.so"), cwd=server.folder)
    assert done.returncode == 0 and "provides    auth/1" in done.stdout and "POST /api/auth/login" in done.stdout
    assert steward("plugin", "inspect", "/nowhere/x.so", cwd=server.folder).returncode == 1
    assert "/api/auth/login" in steward("routes", cwd=server.folder).stdout
    assert "limits.body" in steward("options", "limits", cwd=server.folder).stdout
    wrong = steward("srve", cwd=server.folder)
    assert wrong.returncode == 2 and "try: steward help" in wrong.stderr
    for command in ("serve", "check", "routes", "options", "plugin", "version", "help"):
        done = steward(command, "--help", cwd=server.folder)
        assert done.returncode == 0 and f"usage: steward {command}" in done.stdout


def test_the_annotated_configuration_is_current(tmp_path):
    made = steward("options", "--template", cwd=tmp_path).stdout
    with open(os.path.join(ROOT, "config/steward.conf"), encoding="utf-8") as file:
        assert file.read() == made, "run: build/dev/bin/steward options --template > config/steward.conf"
    path = tmp_path / "steward.conf"
    path.write_text(made, encoding="utf-8")
    assert steward("check", "-c", str(path), cwd=tmp_path).stderr.count("\n") == steward("check", cwd=tmp_path).stderr.count("\n")


def test_the_admin_password_may_come_from_the_config(server):
    assert server.login("admin", ADMIN_PASSWORD)
    assert not os.path.exists(os.path.join(server.data, "initial-admin-password"))
    assert ADMIN_PASSWORD not in json.dumps(server.get("/api/plugins").json())
    assert ADMIN_PASSWORD not in server.log()
