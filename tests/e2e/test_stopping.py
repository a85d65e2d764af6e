"""SIGTERM in the midst of everything: it ends in time, and what was answered or acked is stored."""
import asyncio
import json
import signal
import sqlite3
import threading
import time

import requests
import websockets
from support.steward import Steward, eventually

WRITERS, READERS, SOCKETS, DEADLINE_S = 16, 8, 32, 10


def write_until_stopped(server, token, number, answered):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    for n in range(1000000):
        content = f"writer {number} line {n}"
        try:
            answer = session.post(server.url + "/api/messages", timeout=30,
                                  json={"agent_id": "w", "level": "INFO", "content": content})
        except requests.RequestException:
            return
        if answer.status_code != 201:
            assert answer.status_code == 503, answer.text
            return
        answered.append((answer.json()["id"], content))


def read_until_stopped(server, token):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    try:
        while session.get(server.url + "/api/messages?limit=500", timeout=30).status_code == 200:
            pass
    except requests.RequestException:
        pass


async def chat_until_closed(url, number, acked, codes):
    """Stop-and-wait, as a careful client: each frame is acked before the next."""
    async with websockets.connect(url, max_queue=None) as agent:
        try:
            for n in range(1000000):
                text = f"socket {number} frame {n}"
                await agent.send(json.dumps({"type": "CHAT", "target_id": 1, "payload": text, "local_id": text, "ack": True}))
                while True:
                    frame = json.loads(await agent.recv())
                    if frame.get("local_id") == text:
                        break
                if frame["type"] != "ACK":
                    return
                acked.append((frame["id"], text))
        except websockets.ConnectionClosed as end:
            codes.append(end.rcvd.code if end.rcvd else None)


async def chat_all(url, acked, codes):
    await asyncio.gather(*(chat_until_closed(url, n, acked, codes) for n in range(SOCKETS)))


def test_what_was_answered_before_a_stop_under_load_is_stored():
    with Steward(options={"server": {"shutdown_timeout": f"{DEADLINE_S}s"},
                          "log": {"level": "info"}}) as server:
        admin = server.admin()
        _, token = server.agent("busy")
        answered, acked, codes = [], [], []
        threads = [threading.Thread(target=write_until_stopped, args=(server, admin, n, answered)) for n in range(WRITERS)]
        threads += [threading.Thread(target=read_until_stopped, args=(server, admin)) for _ in range(READERS)]
        threads.append(threading.Thread(target=lambda: asyncio.run(
            chat_all(f"{server.ws_url}?token={token}", acked, codes))))
        for thread in threads:
            thread.start()
        eventually(lambda: len(answered) > 300 and len(acked) > 300, 60, "load")
        process = server.process
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        code = process.wait(timeout=60)
        took = time.monotonic() - began
        for thread in threads:
            thread.join()
        server.process = None
        server.check_reports()
        assert code == 0, server.log()[-3000:]
        assert took < DEADLINE_S + 2
        with sqlite3.connect(server.database()) as db:
            messages = dict(db.execute("SELECT id, content FROM messages"))
            chats = {row[0] for row in db.execute("SELECT id FROM chat")}
        db.close()
        assert {i: messages.get(i) for i, _ in answered} == dict(answered)
        assert {i for i, _ in acked} <= chats
        assert set(codes) <= {1001}, codes
