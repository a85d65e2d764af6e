"""How JSON is read, wherever it is read: no member twice, no half characters, and a refusal that says where."""
import json

import pytest
from support.steward import fails

TWICE = {
    "POST /api/auth/login": b'{"username":"admin","password":"x","password":"y"}',
    "POST /api/messages": b'{"agent_id":"a","level":"INFO","content":"x","content":"y"}',
    "POST /api/users": b'{"username":"zoe","password":"long enough","role":"MEMBER","role":"ADMIN"}',
    "POST /api/users/agents": b'{"username":"one","username":"two"}',
    "POST /api/users/agents/test-connection": b'{"api_token":"12345678","api_token":"12345679"}',
    "PATCH /api/users/1": b'{"description":"x","description":"y"}',
    "POST /api/chat/auth/response": b'{"action_id":"a-1","approved":false,"approved":true}',
    "POST /api/chat/threads": b'{"peer_id":2,"peer_id":3,"channel_kind":"butler_direct"}',
    "POST /api/dev/mock/chat": b'{"sender_username":"admin","receiver_username":"Butler","content":"x","content":"y"}',
}


@pytest.mark.parametrize("route", TWICE)
def test_a_body_in_which_a_member_stands_twice_is_refused(server, route):
    method, path = route.split()
    answer = server.request(method, path, data=TWICE[route])
    fails(answer, 400, "invalid request body", "invalid_request")
    assert route == "POST /api/auth/login" or "stands twice" in answer.json()["detail"]


@pytest.mark.parametrize("body", [
    b'{"agent_id":"a","level":"INFO","content":"x","more":{"k":1,"k":2}}',
    b'{"agent_id":"a","level":"INFO","content":"x","more":[[{"k":{},"l":0,"\\u006b":{}}]]}',
    b'{"agent_id":"a","level":"INFO","content":"x","":1,"":1}',
    b'{"agent_id":"a","level":"INFO","content":"x","\\ud800":1,"\\udfff":1}',
])
def test_a_member_that_stands_twice_is_refused_however_deep_and_however_written(server, body):
    fails(server.request("POST", "/api/messages", data=body), 400, "invalid request body", "invalid_request")


def rows(count, **broken):
    """`count` rows as bytes; broken: n123=b'…' takes the place of the 123rd."""
    lines = [b'{"agent_id":"cut","level":"INFO","content":"line %d"}' % n for n in range(1, count + 1)]
    for name, line in broken.items():
        lines[int(name[1:]) - 1] = line
    return b"[" + b",".join(lines) + b"]"


@pytest.mark.parametrize("line,why", [
    (b'{"agent_id":"cut","level":"INFO","level":"INFO","content":"x"}', "stands twice"),
    (b'{"agent_id":"cut","level":"INFO","content":"\xff"}', "not valid JSON"),
    (b'{"agent_id":"cut","level":"INFO","content":nope}', "not valid JSON"),
    (b'{"agent_id":"cut","level":"INFO","content":"x","deep":' + b"[" * 70 + b"]" * 70 + b"}", "too deep"),
    (b'{"agent_id":"cut","level":"INFO","content":"x","a\\u0000":1}', "NUL"),
])
def test_of_a_refused_array_the_row_and_the_reason_are_named(server, line, why):
    answer = server.request("POST", "/api/messages", data=rows(500, n322=line))
    fails(answer, 400, "invalid request body", "invalid_request")
    assert "element 322 of the array" in answer.json()["detail"] and why in answer.json()["detail"]
    assert server.get("/api/messages?agent_id=cut").json() == []


def test_one_line_with_half_a_character_does_not_cost_the_others(server):
    half = b'{"agent_id":"halves","level":"INFO","content":"build ok \\ud83c","more":{"\\udc00":"\\ud800"}}'
    answer = server.request("POST", "/api/messages", data=rows(500, n322=half))
    assert answer.status_code == 201 and len(answer.json()) == 500
    assert answer.json()[321]["content"] == "build ok \ufffd"
    assert server.get("/api/messages?agent_id=halves").json()[0]["content"] == "build ok \ufffd"
    assert [row["content"] for row in server.get("/api/messages", params={"q": "build ok \ufffd"}).json()] == ["build ok \ufffd"]


@pytest.mark.parametrize("written,kept", [("\\ud83c", "\ufffd"), ("\\udf00\\ud83c", "\ufffd\ufffd"), ("\\uD83C\\uDF00", "🌀"),
                                          ("\\ud83c\\ud83c\\udf00", "\ufffd🌀"), ("\\ud83c\\u0041", "\ufffdA"),
                                          ("\\\\ud83c", "\\ud83c")])
def test_half_a_character_is_stored_as_u_fffd(server, written, kept):
    body = '{"agent_id":"halves","level":"INFO","content":"<%s>"}' % written
    answer = server.request("POST", "/api/messages", data=body.encode())
    assert answer.status_code == 201 and answer.json()["content"] == f"<{kept}>"
    assert json.loads(server.get("/api/messages?limit=1").text)[0]["content"] == f"<{kept}>"
    title = '{"peer_id":2,"channel_kind":"butler_direct","title":"t %s"}' % written
    answer = server.request("POST", "/api/chat/threads", data=title.encode())
    assert answer.status_code == 201 and answer.json()["title"] == f"t {kept}"
