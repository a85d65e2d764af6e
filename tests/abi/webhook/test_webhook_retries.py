"""A receiver that does not take a delivery gets it again, over waits, stops and crashes."""
import email.utils
import time

import pytest
from support.steward import eventually, free_port
from support.webhook import Receiver, deliveries, health, in_state, is_signed, say, steward


def test_a_receiver_in_trouble_is_asked_again_until_it_takes_the_same_bytes(prefix):
    with Receiver((500, {}), (503, {}), (429, {}), (408, {})) as receiver, steward(prefix, receiver.url) as server:
        say(server, "persistent")
        row = in_state(server, "delivered")[0]
        assert row["attempts"] == 5 and row["last_status"] == 200 and "last_error" not in row
        assert len(receiver.requests) == 5
        assert len({(headers["Idempotency-Key"], body) for _, _, headers, body in receiver.requests}) == 1
        assert all(is_signed(headers, body) for _, _, headers, body in receiver.requests)


def test_waits_grow_and_are_bounded(prefix):
    with Receiver(*[(500, {})] * 8) as receiver, steward(prefix, receiver.url, backoff="100ms", backoff_max="400ms") as server:
        say(server, "patient")
        in_state(server, "delivered")
        times = [request[0] for request in receiver.requests]
        waits = [later - earlier for earlier, later in zip(times, times[1:])]
        for wait, longest in zip(waits, [0.1, 0.2, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]):
            assert wait >= longest / 2 - 0.005  # at most half of it is taken off


@pytest.mark.parametrize("retry_after", ["2", lambda: email.utils.formatdate(time.time() + 3, usegmt=True)],
                         ids=["seconds", "date"])
def test_retry_after_is_honoured(prefix, retry_after):
    with Receiver((429, {"Retry-After": retry_after})) as receiver, steward(prefix, receiver.url) as server:
        say(server, "later")
        receiver.wait(2)
        assert receiver.requests[1][0] - receiver.requests[0][0] >= 1.9


def test_an_answer_that_will_not_change_is_final_and_the_line_goes_on(prefix):
    with Receiver((400, {}), (301, {"Location": "/elsewhere"}), (404, {})) as receiver, \
            steward(prefix, receiver.url) as server:
        for text in ("bad", "moved", "lost", "good"):
            say(server, text)
        in_state(server, "delivered")
        assert receiver.contents() == ["bad", "moved", "lost", "good"]
        assert [(row["attempts"], row["last_status"], row["last_error"]) for row in deliveries(server, "?state=dead")] == \
            [(1, 404, "HTTP 404"), (1, 301, "HTTP 301"), (1, 400, "HTTP 400")]


def test_a_receiver_that_was_down_gets_everything_in_order(prefix):
    port = free_port()
    with steward(prefix, f"http://127.0.0.1:{port}/hook", attempts="100") as server:
        for i in range(5):
            say(server, str(i))
        row = eventually(lambda: (rows := deliveries(server, "?state=pending"))[-1]["attempts"] > 1 and rows[-1])
        assert row["last_error"] and "last_status" not in row and row["next_attempt_at"]
        assert health(server)["pending"] == 5
        with Receiver(port=port) as receiver:
            in_state(server, "delivered", 5)
            assert receiver.contents() == ["0", "1", "2", "3", "4"]


def test_what_was_stored_before_kill_9_is_sent_after_it(prefix):
    port = free_port()
    server = steward(prefix, f"http://127.0.0.1:{port}/hook", attempts="100").start()
    try:
        for i in range(3):
            say(server, str(i))
        server.kill()
        with Receiver(port=port) as receiver:
            server.start()
            assert receiver.wait(3).contents() == ["0", "1", "2"]
            in_state(server, "delivered", 3)
    finally:
        server.close()


def test_kill_9_during_a_post_sends_it_again_with_its_id(prefix):
    with Receiver() as receiver:
        server = steward(prefix, receiver.url).start()
        try:
            receiver.hold.clear()
            say(server, "twice")
            receiver.wait(1)
            server.kill()
            receiver.hold.set()
            server.start()
            in_state(server, "delivered")
            assert len({body["id"] for body in receiver.bodies()}) == 1 and len(receiver.requests) == 2
        finally:
            server.close()


def test_a_stop_while_a_post_is_under_way_is_quick_and_loses_nothing(prefix):
    with Receiver() as receiver:
        server = steward(prefix, receiver.url, timeout="60s").start()
        try:
            receiver.hold.clear()
            say(server, "held")
            receiver.wait(1)
            server.stop()
            receiver.hold.set()
            server.start()
            in_state(server, "delivered")
        finally:
            server.close()
