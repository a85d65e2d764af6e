"""since_id: a client that is cut at random moments ends with exactly the stored sequence."""
import asyncio
import json
import random
import threading

import pytest
import websockets
from support.sockets import Socket
from support.steward import Steward


@pytest.fixture(scope="module")
def server():
    with Steward(options={"ws": {"queue": "1M"}}) as running:
        running.agent_id, running.agent_token = running.agent("busy")
        yield running


def stored(server):
    """Every id that admin should hold, from /api/chat/updates."""
    ids, after = [], 0
    while True:
        page = server.get(f"/api/chat/updates?after_id={after}&limit=500").json()
        if not page:
            return ids
        ids += [row["id"] for row in page]
        after = ids[-1]


def flood(server, count):
    async def send():
        async with websockets.connect(f"{server.ws_url}?token={server.agent_token}") as agent:
            for n in range(count):
                frame = {"type": "CHAT", "target_id": 1, "payload": f"{n}", "ack": n == count - 1, "local_id": f"f{n}"}
                await agent.send(json.dumps(frame))
                if n % 50 == 0:
                    await asyncio.sleep(0.005)
            await agent.recv()
    asyncio.run(send())


def test_a_client_cut_at_random_ends_with_the_stored_sequence(server):
    random.seed(7)
    writer = threading.Thread(target=flood, args=(server, 3000))
    writer.start()
    got = []

    async def listen(until):
        url = f"{server.ws_url}?token={server.admin()}&since_id={got[-1] if got else 0}"
        async with websockets.connect(url, max_queue=None) as page:
            hello = json.loads(await page.recv())
            assert hello["type"] == "HELLO" and hello["payload"]["recovered"] is True
            for _ in range(until):
                try:
                    frame = json.loads(await asyncio.wait_for(page.recv(), 2))
                except asyncio.TimeoutError:
                    break
                if "id" in frame:
                    got.append(frame["id"])
            page.transport.abort()

    while writer.is_alive():
        asyncio.run(listen(random.randint(1, 400)))
    writer.join()
    asyncio.run(listen(100000))
    assert got == stored(server)


def test_a_64_mb_backlog_comes_through_a_1_mib_queue(server):
    agent_id, token = server.agent("verbose")
    text = "z" * 60000
    before = (stored(server) or [0])[-1]

    async def fill():
        async with websockets.connect(f"{server.ws_url}?token={token}") as agent:
            for n in range(1100):
                await agent.send(json.dumps({"type": "CHAT", "target_id": 1, "payload": f"{n} {text}",
                                             "ack": n == 1099}))
            while json.loads(await agent.recv())["type"] != "ACK":
                pass

    asyncio.run(fill())
    with Socket(server, server.admin(), query=f"&since_id={before}") as page:
        assert page.get()["type"] == "HELLO"
        numbers = [int(page.get("CHAT", seconds=60)["payload"].split()[0]) for _ in range(1100)]
        assert numbers == list(range(1100))
        assert page.close_code is None


def test_an_id_of_another_database_is_told_so(server):
    with Socket(server, server.admin(), query="&since_id=99999999") as page:
        hello = page.get("HELLO")
        assert hello["payload"]["recovered"] is False
        assert page.drain("m") == []
