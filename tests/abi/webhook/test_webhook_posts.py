"""What a receiver gets of the webhook module, and who gets nothing."""
import json
import os
import re
import subprocess

import pytest
from support import out_of_tree
from support.tls_front import TlsFront
from support.webhook import PLUGINS, Receiver, deliveries, health, in_state, is_signed, say, steward

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


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


def test_plain_http_to_another_machine_is_never_tried(prefix):
    with steward(prefix, "http://receiver.invalid/hook", attempts="2") as server:
        say(server, "not in the clear")
        assert "https" in in_state(server, "dead")[0]["last_error"]
