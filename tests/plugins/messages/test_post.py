"""POST /api/messages: what is stored, what is refused, who may say what."""
import re

import pytest
from support.steward import fails

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def message(**fields):
    return {"agent_id": "builder", "level": "INFO", "content": "hello", **fields}


def stored(server):
    return len(server.get("/api/messages?limit=200").json())


def test_the_answer_is_the_stored_message(server):
    answer = server.post("/api/messages", message())
    assert answer.status_code == 201
    body = answer.json()
    assert list(body) == ["id", "agent_id", "level", "content", "timestamp"]
    assert TIME.match(body["timestamp"]) and body["id"] >= 1
    assert (body["agent_id"], body["level"], body["content"]) == ("builder", "INFO", "hello")
    assert server.get("/api/messages?limit=1").json() == [body]


@pytest.mark.parametrize("level,kept", [("info", "INFO"), ("Warning", "WARNING"), ("straße", "STRAßE"), ("émoji", "éMOJI"),
                                        ("AUTH", "AUTH"), ("x" * 32, "X" * 32), ("my own", "MY OWN")])
def test_a_level_is_stored_in_upper_case_ascii(server, level, kept):
    body = server.post("/api/messages", message(level=level)).json()
    assert body["level"] == kept
    found = server.get("/api/messages", params={"level": level.swapcase() if level.isascii() else level, "limit": 1}).json()
    assert found == [body]


@pytest.mark.parametrize("content", ["x" * 65536, "名" * 21845, "a\nb\tc\r\u0001\u001f", '"\\/', "🤖👩‍🚀", " spaces ",
                                     "\u2028\u2029", "\ufffe\uffff", "<script>", "null"])
def test_content_comes_back_as_it_was(server, content):
    body = server.post("/api/messages", message(content=content)).json()
    assert body["content"] == content
    assert server.get("/api/messages?limit=1").json()[0]["content"] == content


@pytest.mark.parametrize("field", ["agent_id", "level", "content"])
@pytest.mark.parametrize("value", [None, "", "absent"])
def test_a_missing_field_is_named(server, field, value):
    body = message(**{field: value})
    if value == "absent":
        del body[field]
    fails(server.post("/api/messages", body), 400, f"{field} is required", "missing_field")


@pytest.mark.parametrize("field,longest", [("agent_id", 128), ("level", 32), ("content", 65536)])
def test_an_oversized_field_is_named_in_bytes(server, field, longest):
    assert server.post("/api/messages", message(**{field: "x" * longest})).status_code == 201
    error = f"{field} must be at most {longest} bytes"
    fails(server.post("/api/messages", message(**{field: "x" * (longest + 1)})), 400, error, "field_too_long")
    fails(server.post("/api/messages", message(**{field: "é" * (longest // 2 + 1)})), 400, error, "field_too_long")


@pytest.mark.parametrize("value", [5, 1.5, True, [], {}, ["x"]])
@pytest.mark.parametrize("field", ["agent_id", "level", "content"])
def test_a_field_of_another_type_is_named(server, field, value):
    fails(server.post("/api/messages", message(**{field: value})), 400, f"{field} must be a string")


@pytest.mark.parametrize("body", ["", "{}", "[", "5", '"x"', "null", "true", "{'a':1}", "\xff"])
def test_what_is_no_message_is_refused(server, body):
    before = stored(server)
    answer = server.request("POST", "/api/messages", data=body.encode("latin-1"),
                            headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["code"] in ("invalid_request", "missing_field"), answer.text
    assert stored(server) == before


def test_unknown_fields_are_ignored(server):
    body = server.post("/api/messages", message(id=7, timestamp="x", sender=[1])).json()
    assert body["id"] != 7 or body["timestamp"] != "x"


def test_nobody_is_let_in_without_a_token(server):
    assert server.post("/api/messages", message(), token=None).status_code == 401
    assert server.post("/api/messages", message(), token="x").status_code == 401
    assert server.get("/api/messages", token=None).status_code == 401


def test_an_agent_names_itself(server):
    _, token = server.agent("namer")
    assert server.post("/api/messages", message(agent_id="namer"), token=token).status_code == 201
    for other in ("builder", "Namer", "namer ", "name"):
        answer = server.post("/api/messages", message(agent_id=other), token=token)
        assert answer.status_code == 403 and answer.json()["code"] == "forbidden"
    both = [message(agent_id="namer"), message(agent_id="builder")]
    before = stored(server)
    assert server.post("/api/messages", both, token=token).status_code == 403
    assert stored(server) == before


def test_humans_and_butler_name_anybody(server):
    _, member = server.member("namer-human")
    butler = server.butler_token()
    for token in (member, butler):
        assert server.post("/api/messages", message(agent_id="whoever"), token=token).status_code == 201


@pytest.mark.parametrize("name", ["Butler", "BUTLER", " butler ", "Вutler", "But1er", "ButIer", "Ｂｕｔｌｅｒ"])
def test_nobody_but_butler_speaks_as_butler(server, name):
    _, member = server.member("ventriloquist") if not hasattr(server, "mia") else (0, server.mia)
    server.mia = member
    for token in (member, "admin"):
        fails(server.post("/api/messages", message(agent_id=name), token=token), 403,
              "agent_id is the name of Butler, or may be taken for it", "forbidden")
    assert server.get("/api/messages", params={"agent_id": name}).json() == []


def test_a_human_does_not_speak_as_an_agent(server):
    agent_id, token = server.agent("Söloist")
    _, member = server.member("singer")
    for name in ("Söloist", "SÖLOIST", " söloist  "):
        fails(server.post("/api/messages", message(agent_id=name), token=member), 403, "agent_id is the name of an agent",
              "forbidden")
    rows = [message(agent_id=f"crowd {n}") for n in range(20)]
    rows[16]["agent_id"] = "söloist"
    answer = server.post("/api/messages", rows, token=member)
    assert answer.status_code == 403 and answer.json()["detail"] == "message 17 of the array"
    assert server.post("/api/messages", message(agent_id="Söloist"), token=token).status_code == 201
    assert server.post("/api/messages", message(agent_id="singer"), token=member).status_code == 201
    server.delete(f"/api/users/agents/{agent_id}")
    assert server.post("/api/messages", message(agent_id="Söloist"), token=member).status_code == 201, "nobody's name"


def test_an_agent_of_an_earlier_start_keeps_its_name_to_itself(fresh):
    fresh.agent("old hand")
    fresh.stop()
    fresh.start()
    fails(fresh.post("/api/messages", message(agent_id="Old Hand")), 403, "agent_id is the name of an agent")


@pytest.mark.parametrize("name", ["cut \\ud83c", "a\\u200bb", "\\u3164", "line\\nfeed", "\\u00a0", "\\ufeffx", "<U+0041>"])
def test_an_agent_id_that_cannot_be_read_is_refused_by_row_and_reason(server, name):
    good = '{"agent_id":"good","level":"INFO","content":"x"}'
    rows = [good] * 500
    rows[321] = f'{{"agent_id":"{name}","level":"INFO","content":"x"}}'
    answer = server.request("POST", "/api/messages", data=f'[{",".join(rows)}]'.encode())
    body = fails(answer, 400, "agent_id must not hold half characters, or others that cannot be seen", "invalid_parameter")
    assert body["detail"] == "message 322 of the array"
    assert server.get("/api/messages?agent_id=good").json() == []


def test_a_post_by_an_agent_is_its_last_report(server):
    agent_id, token = server.agent("reporter")
    server.post("/api/messages", message(agent_id="reporter", content="first"), token=token)
    array = [message(agent_id="reporter", content=f"line {i}") for i in range(3)]
    server.post("/api/messages", array, token=token)
    listed = next(a for a in server.get("/api/users/agents").json() if a["id"] == agent_id)
    assert listed["last_report"] == "line 2"


# ---- arrays ----

def test_an_array_is_answered_in_order_with_consecutive_ids(server):
    array = [message(content=f"line {i}", agent_id=f"a{i % 3}") for i in range(1000)]
    answer = server.post("/api/messages", array)
    assert answer.status_code == 201
    body = answer.json()
    assert [m["content"] for m in body] == [m["content"] for m in array]
    assert [m["id"] for m in body] == list(range(body[0]["id"], body[0]["id"] + 1000))
    assert len({m["timestamp"] for m in body}) == 1
    assert server.get("/api/messages?limit=2").json() == [body[-1], body[-2]]


def test_an_array_is_stored_all_or_not_at_all(server):
    before = stored(server)
    array = [message(), message(), message(level=""), message()]
    body = fails(server.post("/api/messages", array), 400, "level is required", "missing_field")
    assert body["detail"] == "message 3 of the array"
    for odd in (5, None, "x", [message()]):
        assert server.post("/api/messages", [message(), odd]).status_code == 400
    assert stored(server) == before


def test_an_empty_array_stores_nothing(server):
    before = stored(server)
    answer = server.post("/api/messages", [])
    assert answer.status_code == 201 and answer.text == "[]"
    assert stored(server) == before


def test_an_array_has_a_limit(server):
    answer = server.post("/api/messages", [message()] * 1001)
    assert answer.status_code == 413 and answer.json()["code"] == "too_large"


def test_only_arrays_may_be_larger_than_a_mebibyte(server):
    big = [message(content="x" * 60000) for _ in range(100)]
    answer = server.post("/api/messages", big)
    assert answer.status_code == 201 and len(answer.json()) == 100
    answer = server.post("/api/messages", message(other="x" * (1 << 20)))
    assert answer.status_code == 413 and answer.json()["code"] == "too_large"
    answer = server.post("/api/messages", [message(content="x" * 60000)] * 150)
    assert answer.status_code == 413


def test_the_largest_array_is_stored_too(server):
    array = [message(content=f"{i} " + "x y " * 1950) for i in range(1000)]
    answer = server.post("/api/messages", array)
    assert answer.status_code == 201, answer.text[:300]
    assert [m["content"] for m in answer.json()] == [m["content"] for m in array]
