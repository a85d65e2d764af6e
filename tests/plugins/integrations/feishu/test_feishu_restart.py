"""Restarts and kill -9 at the worst moments: nothing lost, nothing twice."""
import random
import sqlite3
import threading
import time

import pytest
from support.bridge import Bridge
from support.steward import eventually


@pytest.fixture
def bridge():
    with Bridge() as joined:
        joined.feishu.settings(schedule=[0.5] * 40, ack_seconds=1)
        yield joined
        assert joined.feishu.violations() == []


def texts(bridge):
    return [row["payload"] for row in bridge.stored()]


def kill_and_start(bridge):
    bridge.server.kill()
    bridge.server.start()


def newer(bridge):
    return max((c["id"] for c in bridge.feishu.connections(live=False)), default=0)


def settled(bridge):
    """Every event is acked; then nothing more comes."""
    eventually(lambda: all(e["state"] == "acked" for e in bridge.feishu.call("events")), 30, "all acks")


def test_a_message_redelivered_after_a_restart_is_known(bridge):
    bridge.feishu.said("before", message_id="om_known")
    last = newer(bridge)
    bridge.server.restart()
    bridge.feishu.connected(more_than=last)
    bridge.feishu.said("before", message_id="om_known")
    bridge.feishu.said("after")
    assert texts(bridge) == ["before", "after"]


def test_tokens_that_an_older_server_stored_in_events_are_masked_at_the_start(bridge):
    bridge.feishu.said("before", message_id="om_old")
    bridge.feishu.said("as well", message_id="om_none")
    bridge.server.stop()
    old = '{"header":{"token":"s3cret","event_id":"e1"},"event":{"message":{"content":"{}"}}}'
    with sqlite3.connect(bridge.server.database()) as db:
        assert db.execute("DELETE FROM steward_migrations WHERE name = '0002_masked_tokens'").rowcount == 1
        db.execute("UPDATE feishu_inbound SET raw_payload = ? WHERE message_id = 'om_old'", (old,))
        db.execute("UPDATE feishu_inbound SET raw_payload = '' WHERE message_id = 'om_none'")
    db.close()
    bridge.server.start()
    kept = dict(bridge.rows("SELECT message_id, raw_payload FROM feishu_inbound"))
    assert kept == {"om_old": old.replace("s3cret", "****"), "om_none": ""}


def test_a_connector_that_an_older_server_enabled_for_everybody_takes_no_message(bridge):
    bridge.feishu.said("before")
    last = newer(bridge)
    bridge.server.stop()
    with sqlite3.connect(bridge.server.database()) as db:
        db.execute("UPDATE feishu_connectors SET allow_everyone = 0")
    db.close()
    bridge.server.start()
    bridge.feishu.connected(more_than=last)
    assert "lists nobody" in bridge.server.log()
    bridge.logged("error", "nobody_allowed", "Nobody is on user_whitelist")
    bridge.feishu.said("from a stranger")
    bridge.logged("info", "ws_filtered", "nobody_allowed")
    bridge.request(bridge.butler(), "to-nobody")
    bridge.logged("info", "ws_auth_card", "Skipped auth card: no target chat_id")
    assert bridge.change(connector_name="still")["enabled"] is True
    bridge.change(user_whitelist=["ou_ann"])
    bridge.feishu.said("from ann", open_id="ou_ann")
    assert texts(bridge) == ["before", "from ann"]


def test_messages_while_the_server_is_down_come_when_it_is_back(bridge):
    last = newer(bridge)
    bridge.server.stop()
    pushed = [bridge.feishu.push(f"down {n}", chat_id=f"oc_{n}") for n in range(5)]
    time.sleep(0.7)
    bridge.server.start()
    bridge.feishu.connected(more_than=last)
    for one in pushed:
        bridge.feishu.acked(one, 20)
    assert sorted(texts(bridge)) == [f"down {n}" for n in range(5)]


def test_messages_during_a_stop_are_stored_once(bridge):
    def speak():
        for n in range(40):
            bridge.feishu.push(f"during {n}")
            time.sleep(0.02)

    speaker = threading.Thread(target=speak)
    speaker.start()
    time.sleep(0.1)
    bridge.server.restart()
    speaker.join()
    settled(bridge)
    assert sorted(texts(bridge)) == sorted(f"during {n}" for n in range(40))


def test_kill_nine_between_store_and_ack(bridge):
    """The platform stops reading: the message is stored, the ack never read."""
    for n in range(3):
        last = newer(bridge)
        link = bridge.feishu.connected()
        pushed = bridge.feishu.push(f"stored {n}")
        bridge.feishu.drop("freeze", number=link["id"])
        eventually(lambda: f"stored {n}" in texts(bridge), what="it to be stored")
        kill_and_start(bridge)
        bridge.feishu.drop("abort", number=link["id"])
        bridge.feishu.connected(more_than=last)
        assert bridge.feishu.acked(pushed)["ack"]["code"] == 200
        bridge.feishu.said(f"then {n}")
    expected = [f"{word} {n}" for n in range(3) for word in ("stored", "then")]
    assert texts(bridge) == expected


def test_kill_nine_at_any_moment_of_a_stream_of_messages(bridge):
    expected = []
    for round_number in range(4):
        stop = threading.Event()

        def speak():
            n = 0
            while not stop.is_set():
                text = f"r{round_number} n{n}"
                bridge.feishu.push(text, chat_id=f"oc_{n % 5}")
                expected.append(text)
                n += 1
                time.sleep(0.003)

        speaker = threading.Thread(target=speak)
        speaker.start()
        time.sleep(random.uniform(0.2, 0.6))
        last = newer(bridge)
        bridge.server.kill()
        stop.set()
        speaker.join()
        bridge.server.start()
        bridge.feishu.connected(more_than=last)
        settled(bridge)
    assert sorted(texts(bridge)) == sorted(expected)


def talk(bridge, butler):
    bridge.feishu.said("hello", chat_id="oc_talk")
    return butler.get("CHAT")


def reply(butler, frame, text, seconds=20):
    butler.send({"type": "CHAT", "target_id": 1, "conversation_id": frame["conversation_id"], "payload": text, "ack": True,
                 "local_id": text})
    butler.get("ACK", seconds)


def test_kill_nine_between_send_and_mark_as_sent(bridge):
    """Feishu has it, the server has not heard so: the same uuid goes out again and nobody sees it twice."""
    butler = bridge.butler()
    frame = talk(bridge, butler)
    for kind in ("send", "reply"):
        bridge.feishu.rule(kind, hold=True, times=1)
    reply(butler, frame, "just once")
    eventually(lambda: bridge.feishu.texts("oc_talk") == ["just once"], what="the message")
    last = newer(bridge)
    kill_and_start(bridge)
    bridge.feishu.clear_rules()
    bridge.feishu.connected(more_than=last)
    eventually(lambda: bridge.feishu.state()["duplicates"] == 1, what="the repeat")
    bridge.feishu.settled(1)
    assert bridge.feishu.texts("oc_talk") == ["just once"]


def test_kill_nine_before_anything_was_sent(bridge):
    butler = bridge.butler()
    frame = talk(bridge, butler)
    bridge.feishu.rule("any", cut="before", times=-1)
    for n in range(3):
        reply(butler, frame, f"kept {n}")
    last = newer(bridge)
    kill_and_start(bridge)
    bridge.feishu.clear_rules()
    bridge.feishu.connected(30, more_than=last)
    eventually(lambda: bridge.feishu.texts("oc_talk") == [f"kept {n}" for n in range(3)], 20, "all three, in order")


def test_kill_nine_at_any_moment_of_a_stream_of_replies(bridge):
    bridge.feishu.settings(per_chat=10000, per_app=10000)
    acked = []
    for round_number in range(3):
        butler = bridge.butler()
        frame = talk(bridge, butler)
        done = threading.Event()

        def speak():
            try:
                for n in range(1000):
                    if butler.closed.is_set():
                        break
                    text = f"r{round_number} n{n}"
                    reply(butler, frame, text, 3)
                    acked.append(text)
                    time.sleep(0.03)  # five a second leave for one chat
            except Exception:  # the server is gone, as it should be
                done.set()

        speaker = threading.Thread(target=speak)
        speaker.start()
        time.sleep(random.uniform(0.3, 0.8))
        last = newer(bridge)
        bridge.server.kill()
        butler.closed.wait(10)
        done.set()
        bridge.server.start()
        bridge.feishu.connected(more_than=last)
        speaker.join(25)
    eventually(lambda: set(acked) <= set(bridge.feishu.texts("oc_talk")), 30, "every reply that was durable")
    bridge.feishu.settled(1)
    sent = bridge.feishu.texts("oc_talk")
    assert len(sent) == len(set(sent)), [text for text in sent if sent.count(text) > 1]


def test_a_card_survives_kill_nine_and_is_sent_once():
    with Bridge({"user_whitelist": ["ou_boss", "ou_someone"]}) as bridge:
        butler = bridge.butler()
        talk(bridge, butler)
        for kind in ("send", "reply"):
            bridge.feishu.rule(kind, hold=True, times=1)
        bridge.request(butler, "held-card")
        eventually(lambda: bridge.feishu.cards(), what="the card")
        last = newer(bridge)
        kill_and_start(bridge)
        bridge.feishu.clear_rules()
        bridge.feishu.connected(more_than=last)
        eventually(lambda: bridge.feishu.state()["duplicates"] == 1, what="the repeat")
        card, = bridge.feishu.cards()
        butler = bridge.butler()
        assert bridge.feishu.click(card, "批准", open_id="ou_boss")["answer"]["toast"]["type"] == "success"
        assert butler.get("AUTH_RESPONSE")["payload"]["action_id"] == "held-card"
        eventually(lambda: "patch" in [u["how"] for u in bridge.feishu.updates(card["message_id"])], what="the PATCH")


def test_a_decision_before_kill_nine_is_patched_after_it():
    with Bridge({"user_whitelist": ["ou_boss", "ou_someone"]}) as bridge:
        butler = bridge.butler()
        talk(bridge, butler)
        card = bridge.ask(butler, "late-patch")
        bridge.feishu.rule("patch", cut="before", times=-1)
        assert bridge.decide("late-patch").status_code == 200
        last = newer(bridge)
        kill_and_start(bridge)
        bridge.feishu.clear_rules()
        bridge.feishu.connected(more_than=last)
        eventually(lambda: bridge.feishu.updates(card["message_id"]), 20, "the PATCH")
        assert bridge.feishu.card("late-patch")["content"]["header"]["template"] == "green"


def test_an_outcome_unknown_for_too_long_is_not_sent_again(bridge):
    """Feishu keeps a uuid for an hour: after that, a repeat would be seen twice."""
    butler = bridge.butler()
    frame = talk(bridge, butler)
    for kind in ("send", "reply"):
        bridge.feishu.rule(kind, hold=True, times=1)
    reply(butler, frame, "long ago")
    eventually(lambda: bridge.feishu.texts("oc_talk") == ["long ago"], what="the message")
    bridge.server.kill()
    bridge.feishu.clear_rules()
    bridge.feishu.settings(advance=4000)
    bridge.age_outbox(4000)
    bridge.server.start()
    bridge.logged("error", "ws_outbound", "outcome unknown")
    reply(bridge.butler(), frame, "today")
    eventually(lambda: "today" in bridge.feishu.texts("oc_talk"), what="the next")
    assert bridge.feishu.texts("oc_talk") == ["long ago", "today"]
