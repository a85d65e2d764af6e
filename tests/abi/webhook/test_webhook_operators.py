"""What administrators see and change of the webhook module: dead deliveries, options, health."""
import json

import pytest
from support.steward import eventually, free_port
from support.webhook import PLUGINS, SECRET, Receiver, deliveries, health, in_state, is_signed, say, steward


def test_after_its_last_attempt_a_delivery_is_dead_and_an_admin_retries_it(prefix):
    with Receiver(*[(500, {})] * 3) as receiver, steward(prefix, receiver.url, attempts="3") as server:
        say(server, "unlucky")
        dead = in_state(server, "dead")[0]
        assert dead["attempts"] == 3 and dead["last_error"] == "HTTP 500" and dead["settled_at"]
        assert health(server)["dead"] == 1
        answer = server.post(f"/api/webhook/deliveries/{dead['id']}/retry")
        assert answer.status_code == 200 and answer.json()["state"] == "pending" and answer.json()["attempts"] == 0
        row = in_state(server, "delivered")[0]
        assert row["delivery_id"] == dead["delivery_id"] and row["attempts"] == 1
        assert len(receiver.requests) == 4
        again = server.post(f"/api/webhook/deliveries/{dead['id']}/retry")
        assert again.status_code == 409 and "delivered" in again.json()["error"]
        assert server.post("/api/webhook/deliveries/999/retry").status_code == 404
        assert server.post("/api/webhook/deliveries/x/retry").status_code == 400


def test_a_retried_one_does_not_wait_for_another_ones_backoff(prefix):
    with Receiver((400, {}), (500, {})) as receiver, steward(prefix, receiver.url, backoff="1h", backoff_max="1h") as server:
        say(server, "dead")
        dead = in_state(server, "dead")[0]
        say(server, "waits an hour")
        eventually(lambda: deliveries(server, "?state=pending")[0]["attempts"] == 1)
        assert server.post(f"/api/webhook/deliveries/{dead['id']}/retry").status_code == 200
        in_state(server, "delivered")
        assert receiver.contents() == ["dead", "waits an hour", "dead"]


def test_the_list_is_for_admins_pages_and_checks_its_parameters(prefix):
    with Receiver() as receiver, steward(prefix, receiver.url) as server:
        for i in range(5):
            say(server, str(i))
        in_state(server, "delivered", 5)
        ids = [row["id"] for row in deliveries(server, "?limit=3")]
        assert ids == sorted(ids, reverse=True) and len(ids) == 3
        assert [row["id"] for row in deliveries(server, f"?before_id={ids[-1]}")] == [ids[-1] - 1, ids[-1] - 2]
        assert server.get("/api/webhook/deliveries?state=lost").status_code == 400
        assert server.get("/api/webhook/deliveries?limit=0").status_code == 400
        _, member = server.member()
        _, agent = server.agent()
        for path, method in (("/api/webhook/deliveries", "GET"), ("/api/webhook/deliveries/1/retry", "POST")):
            assert [server.request(method, path, token=token).status_code for token in (None, member, agent)] == [401, 403, 403]


def test_url_and_secret_change_while_it_runs(prefix):
    new_secret = "the next secret, after rotation"
    with Receiver(*[(500, {})] * 100) as old, Receiver() as new:
        with steward(prefix, old.url, attempts="100", backoff="1h", backoff_max="1h") as server:
            say(server, "moving")
            eventually(lambda: deliveries(server)[0]["attempts"] == 1)
            server.options["plugin:webhook"].update(url=new.url, secret=new_secret)
            server.reload()
            in_state(server, "delivered")  # at once, not in an hour
            _, _, headers, body = new.requests[0]
            assert is_signed(headers, body, new_secret) and not is_signed(headers, body)
            assert len(old.requests) == 1
            server.options["plugin:webhook"].update(url="")
            server.reload()
            say(server, "to nobody")
            assert not health(server)["configured"] and len(deliveries(server)) == 1


def test_the_secret_is_never_shown(prefix):
    with Receiver((500, {})) as receiver, steward(prefix, receiver.url) as server:
        say(server, "quiet")
        in_state(server, "delivered")
        shown = server.get("/api/plugins").text + server.get("/metrics").text + server.get("/api/health").text
        assert "webhook" in shown and SECRET not in shown + json.dumps(deliveries(server)) + server.log()


@pytest.mark.parametrize("secret", ["", "too short"])
def test_a_url_without_a_fit_secret_keeps_the_module_from_starting(prefix, secret):
    with steward(prefix, "http://127.0.0.1:1/", secret=secret) as server:
        assert server.get("/api/webhook/deliveries").status_code == 404
        assert health_of_plugins(server)["webhook"] == "quarantined" and "openssl rand" in server.log()
        say(server, "the others run")


def health_of_plugins(server):
    return server.get("/api/health").json()["checks"]["plugins"]


def test_a_full_queue_costs_deliveries_but_never_a_message(prefix):
    with Receiver() as receiver, steward(prefix, receiver.url, queue="3") as server:
        receiver.hold.clear()
        for i in range(5):
            say(server, str(i))
        state = health(server)
        assert state["pending"] == 3 and state["dropped"] == 2
        eventually(lambda: server.get("/api/health").json()["status"] == "degraded")
        metrics = server.get("/metrics").text
        assert 'steward_plugin_health{plugin="webhook",name="dropped"} 2' in metrics
        receiver.hold.set()
        in_state(server, "delivered", 3)
        assert receiver.contents() == ["0", "1", "2"]
        assert health(server)["pending"] == 0
        eventually(lambda: server.get("/api/health").json()["status"] == "ok")


def test_the_health_says_how_far_behind_it_is(prefix):
    with Receiver() as receiver, steward(prefix, receiver.url, behind="1s") as server:
        receiver.hold.clear()
        say(server, "slow")
        assert server.get("/api/health").json()["status"] == "ok"
        eventually(lambda: health(server)["behind_seconds"] >= 1)
        eventually(lambda: server.get("/api/health").json()["status"] == "degraded")
        receiver.hold.set()
        in_state(server, "delivered")
        eventually(lambda: server.get("/api/health").json()["status"] == "ok")


def test_a_disabled_module_sends_nothing_and_goes_on_when_it_is_enabled(prefix):
    with Receiver((500, {})) as receiver, steward(prefix, receiver.url, backoff="1s", backoff_max="1s") as server:
        say(server, "before")
        eventually(lambda: deliveries(server)[0]["attempts"] == 1)
        assert server.post("/api/plugins/webhook/disable").status_code == 200
        say(server, "unheard")
        assert server.post("/api/plugins/webhook/enable").status_code == 200
        in_state(server, "delivered")
        assert receiver.contents() == ["before", "before"]


def test_settled_deliveries_are_forgotten_in_time(prefix):
    with Receiver((400, {}), (200, {}), (500, {})) as receiver, steward(prefix, receiver.url, keep="0s", backoff="1h",
                                                                       backoff_max="1h") as server:
        for text in ("dead", "delivered", "pending"):
            say(server, text)
        receiver.wait(3)
        eventually(lambda: [row["state"] for row in deliveries(server)] == ["pending"])
        assert health(server)["pending"] == 1


def test_a_reset_of_the_store_empties_the_line(prefix):
    with steward(prefix, f"http://127.0.0.1:{free_port()}/", plugins=PLUGINS + ", chat, dev-mock") as server:
        say(server, "gone")
        assert health(server)["pending"] == 1
        assert server.post("/api/dev/mock/reset").status_code == 200
        assert deliveries(server) == [] and health(server)["pending"] == 0
