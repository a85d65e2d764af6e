"""Agents: creation, lists, removal."""
import re

import pytest
from support.steward import fails

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def create(server, body, **more):
    return server.post("/api/users/agents", body, **more)


def test_the_answer_to_a_creation_is_the_user_with_its_token_this_once(server):
    answer = create(server, {"username": "first"})
    assert answer.status_code == 201
    user = answer.json()
    assert re.fullmatch(r"ec_[A-Za-z0-9_-]{43}", user["api_token"])
    hint = user["api_token"][:4] + "..." + user["api_token"][-4:]
    assert TIME.match(user["created_at"]) and TIME.match(user["token_updated_at"])
    expected = {"id": user["id"], "username": "first", "role": "AGENT", "actor_type": "SYSTEM", "agent_kind": "generic",
                "runtime_kind": "websocket", "token_hint": hint, "token_updated_at": user["token_updated_at"],
                "status": "OFFLINE", "online": False, "last_report": "websocket_disconnected",
                "created_at": user["created_at"], "api_token": user["api_token"]}
    assert user == expected
    listed = next(a for a in server.get("/api/users/agents").json() if a["id"] == user["id"])
    del expected["api_token"]
    assert listed == expected
    assert user["api_token"] not in server.get("/api/users").text


def test_kinds_are_lower_case_and_a_description_is_trimmed(server):
    answer = create(server, {"username": "kinds", "agent_kind": " OpenClaw ", "runtime_kind": "Docker",
                             "description": "  Räumt auf.\nImmer. "})
    user = answer.json()
    assert (user["agent_kind"], user["runtime_kind"]) == ("openclaw", "docker")
    assert user["description"] == "Räumt auf.\nImmer."
    changed = server.patch(f"/api/users/{user['id']}", {"description": "\t anders \n"}).json()
    assert changed["description"] == "anders"
    assert "description" not in server.patch(f"/api/users/{user['id']}", {"description": "  "}).json()


def test_empty_optional_fields_count_as_absent(server):
    user = create(server, {"username": "blank", "api_token": "", "agent_kind": "", "runtime_kind": None,
                           "description": ""}).json()
    assert user["agent_kind"] == "generic" and user["runtime_kind"] == "websocket"
    assert "description" not in user and user["api_token"].startswith("ec_")


@pytest.mark.parametrize("name", ["机器人", "a b c", "Ünïcode-Ägent", "🤖", "x" * 64, "名" * 21, "'; DROP TABLE users;--",
                                  "<script>", "a\\b\"c/d", "%s%n", "👩🚀", "Bötler", "Butler's helper", "Butl", "e\u0301"])
def test_names_are_any_text(server, name):
    answer = create(server, {"username": name})
    assert answer.status_code == 201, answer.text
    assert answer.json()["username"] == name


@pytest.mark.parametrize("name", ["a\nb", "tab\there", "nul\u0000x", "del\u007f", "c1\u0085", "rtl\u202eevil", "\ufeffbom"])
def test_control_characters_are_refused_in_names(server, name):
    assert create(server, {"username": name}).status_code == 400


@pytest.mark.parametrize("name", [
    "a\u00adb", "a\u034fb", "a\u061cb", "\u115f", "a\u17b4", "a\u180eb", "a\u200bb", "zwj\u200d", "a\u2060b", "\u2800", "\u3164",
    "a\ufe0f", "a\ufff9b", "\uffa0", "a\u00a0b", "a\u3000b", "a\u2028b", "a\U0001d173b", "a\U000e0061b", "a\U000e0100b",
    "<U+202E>", "z" + "\u0301" * 9, "half \ufffd", "🤖\ufe0f", "\u200b", "\u00a0", "\u3000 \u2003"])
def test_what_cannot_be_seen_is_refused_in_names_and_kinds(server, name):
    fails(create(server, {"username": name}), 400,
          "username must not hold control characters or others that cannot be seen", "invalid_parameter")
    if name.strip():
        assert create(server, {"username": "kind of", "agent_kind": name}).status_code == 400


@pytest.mark.parametrize("name", ["agent\\ud83c", "\\udf00agent", "\\ud83c"])
def test_half_a_character_is_refused_in_names(server, name):
    for path, more in (("/api/users/agents", ""), ("/api/users", ',"password":"long enough"')):
        answer = server.request("POST", path, data=f'{{"username":"{name}"{more}}}'.encode())
        assert answer.status_code == 400 and answer.json()["code"] == "invalid_parameter", answer.text


@pytest.mark.parametrize("name", ["Вutler", "But1er", "ButIer", "BUT|er", "Ｂｕｔｌｅｒ", "𝐁𝐮𝐭𝐥𝐞𝐫", "Butlеr", "Bυtler", "bυtler", " Вutlеr "])
def test_a_name_that_may_be_taken_for_butler_is_refused(server, name):
    fails(create(server, {"username": name}), 400, 'username may be taken for "Butler"', "invalid_parameter")


@pytest.mark.parametrize("name", ["аdmin", "admіn", "ａｄｍｉｎ", "adrnin"])
def test_a_name_that_may_be_taken_for_an_admins_is_refused(server, name):
    fails(create(server, {"username": name}), 400, 'username may be taken for "admin"', "invalid_parameter")


def test_a_human_may_not_look_like_butler_or_an_admin_either(server):
    for name, like in (("But1er", "Butler"), ("ButIer", "Butler"), ("adrnin", "admin")):
        fails(server.post("/api/users", {"username": name, "password": "long enough"}), 400, f'username may be taken for "{like}"')
    assert server.post("/api/users", {"username": "admln", "password": "long enough"}).status_code == 201


@pytest.mark.parametrize("body", [{}, {"username": ""}, {"username": "   "}, {"username": None}])
def test_a_name_is_required(server, body):
    fails(create(server, body), 400, "username is required", "missing_field")


@pytest.mark.parametrize("body,code", [
    ({"username": "x" * 65}, "field_too_long"), ({"username": "名" * 22}, "field_too_long"),
    ({"username": "long kind", "agent_kind": "k" * 65}, "field_too_long"),
    ({"username": "long description", "description": "d" * 1025}, "field_too_long"),
    ({"username": "long token", "api_token": "t" * 257}, "field_too_long"),
    ({"username": "short token", "api_token": "1234567"}, None), ({"username": "space", "api_token": "has a space"}, None),
    ({"username": "umlaut", "api_token": "tökentöken"}, None), ({"username": "control", "api_token": "12345678\u0001"}, None),
    ({"username": "nul", "api_token": "12345678\u0000"}, None), ({"username": 7}, None), ({"username": ["x"]}, None),
    ({"username": {"x": 1}}, None), ({"username": "t1", "api_token": 12345678}, None),
    ({"username": "t2", "description": 5}, None), ({"username": "t3", "agent_kind": False}, None),
    ({"username": "t4", "agent_kind": "a\nb"}, None), (["username"], None), ("username", None), (7, None),
])
def test_fields_that_do_not_fit(server, body, code):
    answer = create(server, body)
    assert answer.status_code == 400, answer.text
    assert code is None or answer.json()["code"] == code
    assert answer.json()["error"]


def test_tokens_of_8_and_256_bytes_are_taken(server):
    for size in (8, 23, 24, 256):
        token = ("~!" + "t" * size)[:size]
        user = create(server, {"username": f"size {size}", "api_token": token}).json()
        assert user["api_token"] == token
        assert user["token_hint"] == ("configured" if size < 24 else token[:4] + "..." + token[-4:])
        assert server.get("/api/users/butler", token=token).status_code == 200


def test_names_are_unique_without_case_among_all_users(server):
    create(server, {"username": "Ünique Ágent"})
    for name in ("Ünique Ágent", "ünique ágent", "ÜNIQUE ÁGENT", " Ünique Ágent "):
        fails(create(server, {"username": name}), 409, "username already exists", "conflict")
    fails(create(server, {"username": "ADMIN"}), 409, "username already exists")
    fails(create(server, {"username": "butler"}), 409, "username already exists")


def test_a_token_can_be_had_once(server):
    create(server, {"username": "holder", "api_token": "token of one agent".replace(" ", "-")})
    fails(create(server, {"username": "thief", "api_token": "token-of-one-agent"}), 409, "api_token already in use",
          "conflict")
    assert create(server, {"username": "thief"}).status_code == 201, "the refused one left nothing behind"


def test_a_token_that_was_refused_a_moment_ago_works_once_it_is_registered(server):
    for attempt in range(5):
        token = f"knocked-before-it-was-known-{attempt}"
        assert server.get("/api/messages", token=token).status_code == 401
        answer = server.post("/api/users/agents", {"username": f"early-{attempt}", "api_token": token})
        assert answer.status_code == 201
        assert server.get("/api/messages", token=token).status_code == 200


def test_only_admins_may(server):
    _, member = server.member("agents-member")
    _, agent = server.agent("agents-agent")
    for token in (member, agent):
        for method, path in (("POST", "/api/users/agents"), ("POST", "/api/users/agents/test-connection"),
                             ("PATCH", "/api/users/agents/2/token"), ("DELETE", "/api/users/agents/2"),
                             ("GET", "/api/users"), ("POST", "/api/users"), ("PATCH", "/api/users/1"),
                             ("DELETE", "/api/users/1"), ("GET", "/api/users/ops/status"), ("GET", "/api/users/ops/tasks"),
                             ("GET", "/api/users/ops/ssh-keys"), ("GET", "/api/users/ops/nodes")):
            fails(server.request(method, path, token=token), 403, "admin access required", "forbidden")
    for path in ("/api/users/agents", "/api/users/agents/status", "/api/users/butler"):
        assert server.get(path, token=member).status_code == 200
        assert server.get(path, token=agent).status_code == 200
        fails(server.get(path, token=None), 401, "authorization header required", "unauthenticated")


def test_hints_are_for_humans(server):
    _, agent = server.agent("hint-agent")
    _, member = server.member("hint-member")
    assert "token_hint" in server.get("/api/users/agents", token=member).text
    for path in ("/api/users/agents", "/api/users/butler", "/api/users/agents/status"):
        assert "token_hint" not in server.get(path, token=agent).text
    assert "token_hint" not in server.get("/api/users/agents/status", token=member).text


def test_lists_are_filtered_and_paged(fresh):
    for i in range(120):
        assert create(fresh, {"username": f"Worker {i:03}"}).status_code == 201
    everyone = fresh.get("/api/users/agents")
    users = everyone.json()
    assert len(users) == 121 and everyone.headers["X-Total-Count"] == "121"
    assert [u["id"] for u in users] == sorted(u["id"] for u in users) and users[0]["role"] == "BUTLER"

    def get(query):
        answer = fresh.get("/api/users/agents?" + query)
        assert answer.status_code == 200, answer.text
        return [u["username"] for u in answer.json()], int(answer.headers["X-Total-Count"])

    assert get("exclude_role=butler")[1] == 120
    assert get("exclude_role=Butler,AGENT") == ([], 0)
    assert get("exclude_role=,nonsense,%20bUtLeR%20")[1] == 120
    assert get("exclude_role=")[1] == 121
    names, total = get("page=1")
    assert len(names) == 50 and total == 121
    names, total = get("page=3&limit=50")
    assert len(names) == 21 and total == 121
    assert get("limit=7")[0] == [u["username"] for u in users[:7]]
    assert get("page=2&limit=7")[0] == [u["username"] for u in users[7:14]]
    assert len(get("limit=99999999999999999999")[0]) == 121
    assert get("page=99") == ([], 121)
    assert get("page=999999999999999999999999&limit=200") == ([], 121)
    assert get("q=worker%2000")[1] == 10
    assert get("q=WORKER%2000&page=2&limit=4")[0] == ["Worker 004", "Worker 005", "Worker 006", "Worker 007"]
    assert get("q=butl") == (["Butler"], 1)
    assert get("q=agen")[1] == 120, "roles are searched too"
    assert get("q=%25")[1] == 0 and get("q=_")[1] == 0
    assert get("page=&limit=&q=&exclude_role=")[1] == 121
    for query, error in (("page=0", "invalid page"), ("page=-1", "invalid page"), ("page=x", "invalid page"),
                         ("limit=0", "invalid limit"), ("limit=-5", "invalid limit"), ("limit=1.5", "invalid limit"),
                         ("limit=0x10", "invalid limit"), ("page=1e3", "invalid page")):
        fails(fresh.get("/api/users/agents?" + query), 400, error)
    assert fresh.request("HEAD", "/api/users/agents").headers["X-Total-Count"] == "121"
    assert int(fresh.get("/api/users?exclude_role=agent").headers["X-Total-Count"]) == 2


def test_search_knows_no_case_in_any_script(server):
    create(server, {"username": "Сторож Ёж"})
    found = server.get("/api/users/agents", params={"q": "сторож ё"}).json()
    assert [u["username"] for u in found] == ["Сторож Ёж"]
    assert server.get("/api/users/agents", params={"q": "x" * 257}).status_code == 400


def test_status_lists_agents_alone(server):
    server.agent("status-agent")
    rows = server.get("/api/users/agents/status").json()
    assert all(row["role"] == "AGENT" for row in rows)
    row = next(r for r in rows if r["username"] == "status-agent")
    assert row == {"id": row["id"], "username": "status-agent", "role": "AGENT", "status": "OFFLINE", "online": False,
                   "last_report": "websocket_disconnected"}


def test_the_butler(server):
    butler = server.get("/api/users/butler").json()
    assert (butler["id"], butler["username"], butler["role"], butler["actor_type"]) == (2, "Butler", "BUTLER", "SYSTEM")
    assert (butler["agent_kind"], butler["runtime_kind"]) == ("butler", "websocket")
    assert butler["last_report"] == "websocket_disconnected"
    assert butler == next(u for u in server.get("/api/users/agents").json() if u["id"] == 2)


def test_openhands_is_not_offered(server):
    assert server.get("/api/users/ops/status").text == (
        '{"enabled":false,"worker_reachable":false,"worker_mode":"","service_url":"","managed_agent_id":0,'
        '"managed_agent_name":"","node_count":0,"ssh_key_count":0}')
    for name in ("tasks", "ssh-keys", "nodes"):
        assert server.get(f"/api/users/ops/{name}").text == "[]"


def test_a_removed_agent_is_gone_and_its_name_free(server):
    agent_id, token = server.agent("Leaver")
    assert server.get("/api/users/butler", token=token).status_code == 200
    answer = server.delete(f"/api/users/agents/{agent_id}")
    assert answer.status_code == 204 and answer.content == b""
    assert server.get("/api/users/butler", token=token).status_code == 401
    assert agent_id not in [u["id"] for u in server.get("/api/users/agents").json()]
    assert server.post("/api/users/agents/test-connection", {"api_token": token}).json()["ok"] is False
    fails(server.delete(f"/api/users/agents/{agent_id}"), 404, "agent not found")
    fails(server.patch(f"/api/users/agents/{agent_id}/token", {}), 404, "agent not found")
    fails(server.patch(f"/api/users/{agent_id}", {"description": "x"}), 404, "user not found")
    again = create(server, {"username": "leaver", "api_token": token})
    assert again.status_code == 201 and again.json()["id"] > agent_id


def test_what_cannot_be_removed_as_an_agent(server):
    member_id, _ = server.member("no-agent")
    fails(server.delete("/api/users/agents/2"), 409, "butler cannot be removed", "conflict")
    fails(server.delete(f"/api/users/agents/{member_id}"), 400, "target user is not an agent")
    fails(server.delete("/api/users/agents/0"), 400, "invalid id")
    fails(server.delete("/api/users/agents/x"), 400, "invalid id")


def test_a_content_type_on_delete_is_ignored(server):
    agent_id, _ = server.agent("deleted-with-type")
    answer = server.delete(f"/api/users/agents/{agent_id}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 204
