"""The life of a server as an operator sees it: keys, lock, ports, signals, reload, the first password."""
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
from support.steward import BINARY, Steward, eventually, outer_environment, run_steward


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_first_start_makes_private_files(server):
    assert mode(server.data) == 0o700
    for name in ("master.key", "jwt.secret", "steward.db"):
        assert mode(os.path.join(server.data, name)) == 0o600, name
    assert os.path.getsize(os.path.join(server.data, "master.key")) == 32


def test_a_second_server_says_who_holds_the_folder(server):
    done = run_steward("serve", "-c", os.path.join(server.folder, "steward.conf"), cwd=server.folder)
    assert done.returncode == 1
    assert f"pid {server.process.pid}" in done.stderr
    assert done.stdout == ""


def test_a_busy_port_is_one_clear_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_steward("serve", cwd=tmp_path, env={"SERVER_PORT": str(taken.getsockname()[1]), "BCRYPT_COST": "4"})
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
        assert requests.post(url, json={"username": "admin", "password": password}, timeout=60).status_code == 200
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
        answer = requests.post(url + "/api/auth/login", json={"username": "admin", "password": password}, timeout=60)
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
        done = run_steward("serve", "-c", server.write_config(), cwd=server.folder)
        assert done.returncode == 1 and "master.key is missing" in done.stderr
        assert not os.path.exists(key)
        with open(key, "wb") as file:
            file.write(bytes(32))
        os.chmod(key, 0o600)
        done = run_steward("serve", "-c", server.write_config(), cwd=server.folder)
        assert done.returncode == 1 and "master.key" in done.stderr
        with open(key, "wb") as file:
            file.write(kept)
        server.start()
        assert server.get("/api/users/butler").status_code == 200


def test_a_key_that_others_may_read_is_refused():
    with Steward() as server:
        server.stop()
        os.chmod(os.path.join(server.data, "master.key"), 0o644)
        done = run_steward("serve", "-c", server.write_config(), cwd=server.folder)
        assert done.returncode == 1 and "can be read by others" in done.stderr
        os.chmod(os.path.join(server.data, "master.key"), 0o600)
        server.start()


def test_a_short_jwt_secret_refuses_to_start(tmp_path):
    done = run_steward("serve", cwd=tmp_path, env={"JWT_SECRET": "short", "SERVER_PORT": "0"})
    assert done.returncode == 78 and "32 bytes" in done.stderr and "openssl rand" in done.stderr


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
        with socket.create_connection((server.host, server.port), timeout=20) as raw:
            raw.sendall(f"GET /api/ws?token={token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
            assert b"101" in raw.recv(4096)
            process = server.process
            told = b""
            process.send_signal(signal.SIGTERM)
            while b"SHUTDOWN" not in told:
                more = raw.recv(4096)
                assert more, told
                told += more
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
