"""A thousand messages at once."""
import time

from support.bridge import Bridge
from support.steward import eventually

USERS, EACH = 50, 20


def test_a_thousand_messages_from_fifty_people(request):
    with Bridge(connector={"rate_limit_per_minute": 1000}) as bridge:
        butler = bridge.butler()
        bridge.feishu.said("warm up")
        butler.get("CHAT")
        messages = [{"text": f"user {user} says {n}", "chat_id": f"oc_{user}", "open_id": f"ou_{user}"}
                    for n in range(EACH) for user in range(USERS)]
        started = time.monotonic()
        bridge.feishu.call("burst", messages=messages)
        eventually(lambda: len(bridge.feishu.acks()) >= USERS * EACH + 1, 30, "all acks")
        took = time.monotonic() - started
        acks = bridge.feishu.acks()
        slowest = max(ack["latency"] for ack in acks)
        print(f"burst: {took:.2f} s, slowest ack {slowest:.2f} s")
        assert slowest < 3 and not any(ack["late"] for ack in acks), (took, slowest)
        assert {(ack["code"], ack["attempt"]) for ack in acks} == {(200, 1)}
        stored = bridge.stored()[1:]
        assert len(stored) == USERS * EACH
        for user in range(USERS):
            mine = [row["payload"] for row in stored if row["source"]["chat_id"] == f"oc_{user}"]
            assert mine == [f"user {user} says {n}" for n in range(EACH)]
        heard = [butler.get("CHAT")["payload"] for _ in range(USERS * EACH)]
        assert heard == [row["payload"] for row in stored]
        assert bridge.feishu.violations() == []


def test_a_burst_into_a_busy_service_leaves_the_rest_of_it_alive():
    with Bridge() as bridge:
        messages = [{"text": f"m{n}", "chat_id": f"oc_{n % 7}", "open_id": f"ou_{n % 30}"} for n in range(500)]
        bridge.feishu.call("burst", messages=messages)
        for _ in range(20):
            started = time.monotonic()
            assert bridge.server.get("/api/ping").status_code == 200
            assert time.monotonic() - started < 1
        eventually(lambda: len(bridge.feishu.acks()) >= 500, 30, "all acks")
        assert len(bridge.stored()) == 500
