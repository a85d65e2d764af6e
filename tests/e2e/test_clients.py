"""Independent clients against the real binary: curl, libcurl, libwebsockets, Node's ws."""
import json
import os
import subprocess

import pytest
from support.steward import ADMIN_PASSWORD, BUILD, ROOT, Steward

CLIENTS = os.environ.get("STEWARD_CLIENTS", os.path.join(BUILD, "tests", "clients"))


@pytest.fixture(scope="module")
def server():
    with Steward() as running:
        running.agent_id, running.agent_token = running.agent("client")
        yield running


def run(*command, expect=0):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == expect, done.stderr + done.stdout
    return done.stdout


def test_curl_logs_in_posts_with_its_default_content_type_and_reads(server):
    login = run("curl", "-sS", server.url + "/api/auth/login", "-d",
                json.dumps({"username": "admin", "password": ADMIN_PASSWORD}))
    token = login.split('"token":"')[1].split('"')[0]
    bearer = ("-H", f"Authorization: Bearer {token}")
    stored = run("curl", "-sS", *bearer, server.url + "/api/messages", "-d",
                 '{"agent_id":"curl","level":"success","content":"from curl"}')
    assert json.loads(stored)["level"] == "SUCCESS"
    assert "from curl" in run("curl", "-sS", "--compressed", *bearer, server.url + "/api/messages?q=from%20curl")
    head = run("curl", "-sSI", *bearer, server.url + "/api/messages")
    assert head.startswith("HTTP/1.1 200") and "x-request-id:" in head.lower()


def test_libcurl_keeps_one_connection_for_three_requests(server):
    client = os.path.join(CLIENTS, "libcurl_client")
    assert int(run(client, server.url, "admin", ADMIN_PASSWORD, "from libcurl: \u4e2d\u6587")) > 0


def test_libwebsockets_connects_and_gets_its_ack(server):
    frame = json.dumps({"type": "CHAT", "target_id": 1, "payload": "from lws", "local_id": "l1", "ack": True})
    out = run(os.path.join(CLIENTS, "lws_client"), server.host, str(server.port),
              f"/api/ws?hello=1&token={server.agent_token}", frame, "2")
    hello, ack = [json.loads(line) for line in out.splitlines()]
    assert hello["type"] == "HELLO" and ack["type"] == "ACK" and ack["local_id"] == "l1"


@pytest.mark.parametrize("how", ["url", "header", "protocol"])
def test_nodes_ws_brings_its_token_in_three_ways(server, how):
    frame = json.dumps({"type": "CHAT", "target_id": 1, "payload": f"by {how}", "local_id": f"n-{how}", "ack": True})
    out = run("node", os.path.join(ROOT, "tests/support/ws_client.mjs"), server.ws_url, server.agent_token, how, frame, "2")
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["HELLO", "ACK"]


def test_nodes_ws_is_refused_with_a_wrong_token(server):
    run("node", os.path.join(ROOT, "tests/support/ws_client.mjs"), server.ws_url, "ec_wrong", "url", "{}", "1", expect=3)


def test_no_token_or_password_is_ever_in_the_log(server):
    text = server.log()
    assert server.agent_token not in text and ADMIN_PASSWORD not in text and server.admin() not in text
    assert "ec_wrong" not in text
