"""What was answered is there: after a restart, after kill -9, and when the disk is full."""
import os
import sqlite3
import subprocess
import threading

import pytest
import requests
from support.sockets import Socket
from support.steward import Steward, eventually

WRITERS = 64


def test_a_restart_loses_nothing(fresh):
    agent_id, agent_token = fresh.agent("scout")
    butler = fresh.butler_token()
    fresh.post("/api/messages", {"agent_id": "x", "level": "INFO", "content": "kept"})
    with Socket(fresh, agent_token) as agent, Socket(fresh, butler) as asker, Socket(fresh, fresh.admin()) as dashboard:
        agent.send({"type": "CHAT", "target_id": 1, "payload": {"n": 1.10}})
        dashboard.get("CHAT")
        asker.send({"type": "AUTH_REQUEST", "payload": {"action_id": "keep-me", "target_agent_id": agent_id,
                                                        "command": "ls", "reason": "look"}})
        dashboard.get("AUTH_REQUEST")
        left = fresh.get("/api/users/agents").json()[1]["last_seen_at"]  # now, while it is connected
    eventually(lambda: not fresh.get("/api/users/agents").json()[1]["online"])
    eventually(lambda: fresh.get("/api/users/agents").json()[1]["last_seen_at"] >= left, what="the end to be noted")
    seen = fresh.get("/api/users/agents").json()[1]["last_seen_at"]
    fresh.restart()
    assert fresh.get("/api/messages").json()[0]["content"] == "kept"
    assert fresh.get(f"/api/chat/history/{agent_id}").json()[0]["payload"] == '{"n": 1.1}'
    assert fresh.get("/api/users/agents").json()[1]["last_seen_at"] == seen
    assert fresh.get("/api/approvals?status=pending").json()[0]["action_id"] == "keep-me"
    answer = fresh.post("/api/chat/auth/response", {"action_id": "keep-me", "approved": False})
    assert answer.json()["decision"] == "REJECTED"
    with Socket(fresh, butler) as asker:
        assert asker.get("AUTH_RESPONSE")["payload"]["approved"] is False


def write_until_dead(server, number, answered, lock):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {server.tokens['admin']}"
    for n in range(100000):
        content = f"writer {number} line {n}"
        try:
            answer = session.post(server.url + "/api/messages", timeout=30,
                                  json={"agent_id": "w", "level": "INFO", "content": content})
        except requests.RequestException:
            return
        if answer.status_code == 201:
            with lock:
                answered[answer.json()["id"]] = content


def test_kill_nine_during_64_writers_keeps_every_answered_id_once(fresh):
    fresh.admin()
    answered, lock = {}, threading.Lock()
    threads = [threading.Thread(target=write_until_dead, args=(fresh, n, answered, lock)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(answered) > 1500, 60)
    fresh.kill()
    for thread in threads:
        thread.join()
    with sqlite3.connect(fresh.database()) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        stored = dict(db.execute("SELECT id, content FROM messages"))
    db.close()
    assert {i: stored.get(i) for i in answered} == answered
    assert len(set(stored.values())) == len(stored)
    fresh.tokens.clear()
    fresh.start()
    assert fresh.post("/api/messages", {"agent_id": "w", "level": "INFO", "content": "next"}).json()["id"] > max(answered)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_full_disk_answers_503_delivers_nothing_and_heals(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small)], check=False)
    if mounted.returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    try:
        with Steward(options={"server": {"data_dir": str(small)}, "storage": {"wal_limit": "2M", "min_free": "0"}}) as server:
            with Socket(server, server.admin()) as dashboard:
                ballast = small / "ballast"
                fill_disk(ballast)
                body = [{"agent_id": "x", "level": "INFO", "content": "y" * 60000} for _ in range(100)]
                answer = server.post("/api/messages", body)
                assert answer.status_code == 503, answer.text
                assert answer.json()["code"] == "unavailable" and answer.headers["Retry-After"]
                assert [f for f in dashboard.drain("full") if f["type"] == "SYSTEM_LOG"] == []
                ballast.unlink()
                good = eventually(lambda: store(server, "after the flood"), 30, "writing to work again")
                assert dashboard.get("SYSTEM_LOG")["payload"]["id"] == good["id"]
                assert [m["content"] for m in server.get("/api/messages").json()] == ["after the flood"]
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


def fill_disk(path):
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            return


def store(server, content):
    answer = server.post("/api/messages", {"agent_id": "x", "level": "INFO", "content": content})
    assert answer.status_code in (201, 503)
    return answer.json() if answer.status_code == 201 else None
