"""The webhook module, built out of tree: what a receiver gets, and what happens when it does not answer."""
import email.utils
import hashlib
import hmac
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from support import out_of_tree
from support.steward import eventually
from support.tls_front import TlsFront

SECRET = "a secret of the webhook, shared with its receiver"
PLUGINS = "auth, users, messages, webhook"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


class Receiver:
    """Answers with the scripted statuses, one a request, then 200. `hold`: answers only when released."""

    def __init__(self, *script, port=0):
        self.script = list(script)
        self.requests = []
        self.hold = threading.Event()
        self.hold.set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((time.monotonic(), self.path, dict(self.headers), body))
                receiver.hold.wait(60)
                status, headers = receiver.script.pop(0) if receiver.script else (200, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value() if callable(value) else value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def bodies(self):
        return [json.loads(request[3]) for request in list(self.requests)]

    def contents(self):
        return [body["message"]["content"] for body in self.bodies()]

    def wait(self, count):
        eventually(lambda: len(self.requests) >= count, what=f"{count} requests")
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    prefix = out_of_tree.install(tmp_path_factory.mktemp("install"))
    out_of_tree.install_module(prefix, "webhook", tmp_path_factory.mktemp("webhook"))
    return prefix


def steward(prefix, url, plugins=PLUGINS, core=None, **options):
    options = {"url": url, "secret": SECRET, "backoff": "20ms", "backoff_max": "200ms", **options}
    return out_of_tree.server(prefix, plugins, {"plugin:webhook": options, **(core or {})})


def say(server, content, level="ERROR", agent="scout"):
    answer = server.post("/api/messages", {"agent_id": agent, "level": level, "content": content})
    assert answer.status_code == 201, answer.text
    return answer.json()


def deliveries(server, query=""):
    answer = server.get("/api/webhook/deliveries" + query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def in_state(server, state, count=1):
    return eventually(lambda: len(rows := deliveries(server, f"?state={state}")) >= count and rows, what=state)


def health(server):
    return server.get("/api/health").json()["checks"]["webhook"]


def is_signed(headers, body, secret=SECRET):
    """As README.md tells receivers to do it."""
    mac = hmac.new(secret.encode(), headers["X-Steward-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    signed = hmac.compare_digest("sha256=" + mac, headers["X-Steward-Signature"])
    return signed and abs(time.time() - int(headers["X-Steward-Timestamp"])) < 300


def reload(server):
    said = "configuration read again"
    before = server.log().count(said)
    server.write_config()
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: server.log().count(said) > before, what="the reload")


# ---- what is posted ----


def test_a_stored_message_is_posted_signed_with_an_id(prefix):
    with Receiver() as receiver, steward(prefix, receiver.url) as server:
        stored = say(server, 'disk "full" — 磁盘')
        _, path, headers, body = receiver.wait(1).requests[0]
        assert path == "/hook" and headers["Content-Type"] == "application/json"
        posted = json.loads(body)
        assert posted == {"id": headers["Idempotency-Key"], "type": "message.stored", "message": stored}
        assert UUID.match(posted["id"])
        assert is_signed(headers, body)
        assert not is_signed(headers, body + b" ") and not is_signed(headers, body, "another secret than that one")
        row = in_state(server, "delivered")[0]
        assert row["delivery_id"] == posted["id"] and row["message_id"] == stored["id"]
        assert row["attempts"] == 1 and row["last_status"] == 200 and "last_error" not in row


def test_the_filter_posts_what_is_of_a_level_and_an_agent_and_holds_the_text(prefix):
    with Receiver() as receiver, steward(prefix, receiver.url, levels="error, Warning", agents="scout, guard",
                                         contains="disk") as server:
        say(server, "disk: wrong level", level="INFO")
        say(server, "disk: wrong agent", agent="other")
        say(server, "no such word")
        say(server, "Disk in another case")
        say(server, "disk 1", level="ERROR")
        say(server, "disk 2", level="warning", agent="guard")
        assert receiver.wait(2).contents() == ["disk 1", "disk 2"]
        in_state(server, "delivered", 2)
        assert len(deliveries(server)) == 2


def test_an_array_arrives_whole_and_in_order(prefix):
    with Receiver((500, {}), (200, {}), (503, {})) as receiver, steward(prefix, receiver.url) as server:
        items = [{"agent_id": "scout", "level": "INFO", "content": str(i)} for i in range(40)]
        assert server.post("/api/messages", items).status_code == 201
        in_state(server, "delivered", 40)
        assert receiver.contents() == ["0", "0", "1", "1", *(str(i) for i in range(2, 40))]


REFUSER = """
#include <steward/plugin.h>
#include <string.h>
static sw_status refuse(sw_tx *tx, const void *data)
{
    (void)tx;
    return strcmp(((const sw_message_event *)data)->content, "refuse me") == 0 ? SW_FORBIDDEN : SW_OK;
}
static const sw_subscription SUBSCRIPTIONS[] = {{.event = SW_EVENT_MESSAGE_STORED, .in_tx = refuse}};
const sw_plugin sw_plugin_v1 = {SW_PLUGIN_HEAD, .name = "refuser", .version = "1", .license = "MIT", .summary = "Refuses.",
                                .subscriptions = SW_TABLE(SUBSCRIPTIONS)};
"""


def test_nothing_is_posted_of_a_message_that_was_rolled_back(prefix, tmp_path):
    source, folder = tmp_path / "refuser.c", out_of_tree.plugin_folder(prefix)
    source.write_text(REFUSER)
    subprocess.run(["gcc", "-std=c11", "-shared", "-fPIC", "-fvisibility=hidden", "-I", f"{prefix}/include", str(source), "-o",
                    os.path.join(folder, "refuser.so")], check=True)
    with Receiver() as receiver, steward(prefix, receiver.url, plugins=PLUGINS + ", refuser") as server:
        items = [{"agent_id": "scout", "level": "INFO", "content": text} for text in ("before", "refuse me")]
        assert server.post("/api/messages", items).status_code == 403
        say(server, "after")
        assert receiver.wait(1).contents() == ["after"]
        in_state(server, "delivered")
        assert len(deliveries(server)) == 1 and health(server)["pending"] == 0


# ---- retries ----


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


# ---- crashes ----


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


# ---- dead letters, for admins ----


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


# ---- operators ----


def test_url_and_secret_change_while_it_runs(prefix):
    new_secret = "the next secret, after rotation"
    with Receiver(*[(500, {})] * 100) as old, Receiver() as new:
        with steward(prefix, old.url, attempts="100", backoff="1h", backoff_max="1h") as server:
            say(server, "moving")
            eventually(lambda: deliveries(server)[0]["attempts"] == 1)
            server.options["plugin:webhook"].update(url=new.url, secret=new_secret)
            reload(server)
            in_state(server, "delivered")  # at once, not in an hour
            _, _, headers, body = new.requests[0]
            assert is_signed(headers, body, new_secret) and not is_signed(headers, body)
            assert len(old.requests) == 1
            server.options["plugin:webhook"].update(url="")
            reload(server)
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


def test_plain_http_to_another_machine_is_never_tried(prefix):
    with steward(prefix, "http://receiver.invalid/hook", attempts="2") as server:
        say(server, "not in the clear")
        assert "https" in in_state(server, "dead")[0]["last_error"]


@pytest.fixture
def secure(tmp_path):
    """A receiver, and TLS before it by an authority of its own."""
    with Receiver() as receiver:
        front = TlsFront(tmp_path, receiver.port)
        yield receiver, f"https://localhost:{front.port}/hook", front.authority
        front.close()


def test_https_goes_to_a_receiver_whose_certificate_is_believed(prefix, secure):
    receiver, url, authority = secure
    with steward(prefix, url, core={"outbound": {"ca_file": authority}}) as server:
        say(server, "sealed")
        in_state(server, "delivered")
        assert receiver.contents() == ["sealed"]


def test_a_receiver_with_another_certificate_gets_nothing(prefix, secure):
    receiver, url, _ = secure
    with steward(prefix, url, attempts="2") as server:
        say(server, "not for strangers")
        row = in_state(server, "dead")[0]
        assert row["last_error"] and "last_status" not in row
        assert receiver.requests == []


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
