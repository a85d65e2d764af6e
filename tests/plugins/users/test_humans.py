"""Humans over HTTP: creation, changes, removal, and the last admin."""
import concurrent.futures
import sqlite3

import pytest

from support.steward import ADMIN_PASSWORD, fails

PASSWORD = "long enough"


def create(server, username, password=PASSWORD, **more):
    return server.post("/api/users", {"username": username, "password": password, **more})


def test_a_new_human(server):
    answer = create(server, "ann")
    assert answer.status_code == 201
    user = answer.json()
    assert user == {"id": user["id"], "username": "ann", "role": "MEMBER", "actor_type": "HUMAN", "status": "OFFLINE",
                    "online": False, "created_at": user["created_at"]}
    assert server.get("/api/users/butler", token=server.login("ann", PASSWORD)).status_code == 200
    assert create(server, "Boss.1_x-y", role="ADMIN").json()["role"] == "ADMIN"
    assert server.get("/api/users", token=server.login("boss.1_X-y", PASSWORD)).status_code == 200


def test_everybody_is_listed_for_admins(server):
    create(server, "listed")
    answer = server.get("/api/users")
    names = [u["username"] for u in answer.json()]
    assert names[:2] == ["admin", "Butler"] and "listed" in names
    assert answer.headers["X-Total-Count"] == str(len(names))
    assert [u["username"] for u in server.get("/api/users?q=LISTED").json()] == ["listed"]
    assert {u["role"] for u in server.get("/api/users?exclude_role=agent,butler,admin").json()} == {"MEMBER"}


@pytest.mark.parametrize("name", ["a b", "ünï", "a@b", "a/b", "", "x" * 65, "a\nb", "a\u0000b", None, 7, ["x"], {}, True, "名"])
def test_names_are_letters_digits_and_three_signs(server, name):
    answer = create(server, name)
    assert answer.status_code == 400 and "username" in answer.json()["error"]


def test_64_bytes_are_the_longest_name(server):
    assert create(server, "n" * 64).status_code == 201


@pytest.mark.parametrize("password", ["", "1234567", "p" * 73, "é" * 37, None, 12345678, ["x" * 9], "1234567\u0000"])
def test_passwords_have_8_to_72_bytes(server, password):
    answer = create(server, "bad-password", password)
    assert answer.status_code == 400 and "password" in answer.json()["error"], answer.text


def test_the_shortest_and_the_longest_password(server):
    for name, password in (("short-pw", "12345678"), ("long-pw", "p" * 72), ("utf-pw", "é" * 36), ("ctl-pw", "\t\n\u0001\u0002 \u007fx"[:8] + "x")):
        assert create(server, name, password).status_code == 201, name
        server.login(name, password)


@pytest.mark.parametrize("role", ["AGENT", "BUTLER", "ROOT", "admin", 1, ["ADMIN"], "ADMIN "])
def test_roles_are_admin_and_member(server, role):
    answer = create(server, "bad-role", role=role)
    assert answer.status_code == 400 and "role" in answer.json()["error"]


def test_missing_fields_are_named(server):
    fails(server.post("/api/users", {}), 400, "username is required", "missing_field")
    fails(server.post("/api/users", {"username": "x"}), 400, "password is required", "missing_field")
    assert server.post("/api/users").status_code == 400


@pytest.mark.parametrize("data", [b"{", b"[]", b"7", b"null ", b"\xff", b'{"username":"a","password":"b"', b'{"username":1e999}'])
def test_a_body_that_is_no_object(server, data):
    answer = server.request("POST", "/api/users", data=data, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_names_are_unique_without_case(server):
    create(server, "Unique")
    for name in ("unique", "UNIQUE", "Unique", "BUTLER", "Admin"):
        fails(create(server, name), 409, "username already exists", "conflict")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(lambda i: create(server, "racer" if i % 2 else "RACER").status_code, range(16)))
    assert codes == [201] + [409] * 15


# ---- changes ----

def test_a_change_answers_with_the_user(server):
    user_id, _ = server.member("changed")
    answer = server.patch(f"/api/users/{user_id}", {"description": "Sitzt links.", "role": "ADMIN"})
    assert answer.status_code == 200
    assert answer.json()["description"] == "Sitzt links." and answer.json()["role"] == "ADMIN"
    assert server.patch(f"/api/users/{user_id}", {}).json() == answer.json()
    assert server.patch(f"/api/users/{user_id}").json() == answer.json()
    assert server.patch(f"/api/users/{user_id}", {"role": None, "password": None, "description": None}).json() == answer.json()
    assert "description" not in server.patch(f"/api/users/{user_id}", {"description": ""}).json()


def test_a_new_password_replaces_the_old_one(server):
    user_id, token = server.member("forgetful", "first password")
    assert server.patch(f"/api/users/{user_id}", {"password": "second password"}).status_code == 200
    assert server.get("/api/users/butler", token=token).status_code == 401
    answer = server.post("/api/auth/login", {"username": "forgetful", "password": "first password"}, token=None)
    assert answer.status_code == 401
    server.login("forgetful", "second password")


def test_the_same_role_again_changes_no_token(server):
    user_id, token = server.member("same-role")
    assert server.patch(f"/api/users/{user_id}", {"role": "MEMBER"}).status_code == 200
    assert server.get("/api/users/butler", token=token).status_code == 200


def test_agents_and_butler_have_only_a_description(server):
    agent_id, token = server.agent("patched-agent")
    text = "only the description of AGENT and BUTLER users can be changed"
    for user_id in (agent_id, 2):
        fails(server.patch(f"/api/users/{user_id}", {"password": PASSWORD}), 400, text)
        fails(server.patch(f"/api/users/{user_id}", {"role": "ADMIN"}), 400, text)
        assert server.patch(f"/api/users/{user_id}", {"description": "new"}).json()["description"] == "new"
    assert server.get("/api/users/butler", token=token).status_code == 200


@pytest.mark.parametrize("body", [{"role": ""}, {"role": "AGENT"}, {"role": 5}, {"password": ""}, {"password": "short"},
                                  {"password": 5}, {"description": 7}, {"description": "d" * 1025}, [], 7])
def test_changes_that_do_not_fit(server, body):
    user_id = server.get("/api/users?q=changer").json()
    user_id = user_id[0]["id"] if user_id else server.member("changer")[0]
    assert server.patch(f"/api/users/{user_id}", body).status_code == 400


@pytest.mark.parametrize("bad,error", [("0", "invalid id"), ("-1", "invalid id"), ("abc", "invalid id"), ("1.5", "invalid id"),
                                       ("99999999999999999999999", "invalid id"), ("999999", "user not found"),
                                       ("9223372036854775807", "user not found")])
def test_ids(server, bad, error):
    status = 404 if error == "user not found" else 400
    fails(server.patch(f"/api/users/{bad}", {"description": "x"}), status, error)
    fails(server.delete(f"/api/users/{bad}"), status, error)


def test_methods_that_are_not_there(server):
    answer = server.get("/api/users/1")
    assert answer.status_code == 405 and {"PATCH", "DELETE"} <= set(answer.headers["Allow"].replace(" ", "").split(","))
    assert server.request("PUT", "/api/users/agents").status_code == 405


# ---- removal ----

def test_a_removed_human_cannot_come_back_and_frees_the_name(server):
    user_id, token = server.member("goner")
    answer = server.delete(f"/api/users/{user_id}")
    assert answer.status_code == 204 and answer.content == b""
    assert server.get("/api/users/butler", token=token).status_code == 401
    answer = server.post("/api/auth/login", {"username": "goner", "password": "member password"}, token=None)
    assert answer.status_code == 401
    fails(server.delete(f"/api/users/{user_id}"), 404, "user not found")
    again, _ = server.member("GONER")
    assert again > user_id
    with sqlite3.connect(f"file:{server.database()}?mode=ro", uri=True) as db:
        row = db.execute("SELECT username, password_hash, deleted_ms FROM users WHERE id = ?", (user_id,)).fetchone()
    assert row[0] == "goner" and row[1] == "" and row[2] > 0


def test_an_agent_may_be_removed_by_either_path(server):
    agent_id, _ = server.agent("either")
    assert server.delete(f"/api/users/{agent_id}").status_code == 204
    fails(server.delete("/api/users/2"), 409, "butler cannot be removed", "conflict")


def test_the_last_admin_stays(fresh):
    fails(fresh.delete("/api/users/1"), 409, "the last admin cannot be removed", "conflict")
    fails(fresh.patch("/api/users/1", {"role": "MEMBER"}), 409, "the last admin cannot be demoted", "conflict")
    fails(fresh.patch("/api/users/1", {"role": "MEMBER", "password": "another password"}), 409,
          "the last admin cannot be demoted")
    ids = [create(fresh, f"boss{i}", role="ADMIN").json()["id"] for i in range(4)]
    tokens = [fresh.login(f"boss{i}", PASSWORD) for i in range(4)]

    def demote(pair):
        """Everybody steps down, at once."""
        user_id, token = pair
        return fresh.patch(f"/api/users/{user_id}", {"role": "MEMBER"}, token=token).status_code

    everybody = list(zip([*ids, 1], [*tokens, fresh.admin()]))
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        codes = list(pool.map(demote, everybody))
    assert codes.count(200) == 4 and codes.count(409) == 1, codes
    with sqlite3.connect(f"file:{fresh.database()}?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM users WHERE role = 'ADMIN' AND deleted_ms IS NULL").fetchone()[0] == 1


def test_an_admin_may_remove_itself_when_another_is_left(fresh):
    create(fresh, "successor", role="ADMIN")
    assert fresh.delete("/api/users/1").status_code == 204
    fails(fresh.get("/api/users"), 401, "invalid token")
    assert fresh.get("/api/users", token=fresh.login("successor", PASSWORD)).status_code == 200


def test_everything_survives_kill_9(fresh):
    user_id, _ = fresh.member("survivor")
    agent_id, token = fresh.agent("survivor-agent")
    assert fresh.patch(f"/api/users/{user_id}", {"password": "another password"}).status_code == 200
    fresh.kill()
    fresh.tokens.clear()
    fresh.start()
    assert fresh.get("/api/users/butler", token=token).status_code == 200
    fresh.login("survivor", "another password")
    assert fresh.delete(f"/api/users/agents/{agent_id}").status_code == 204
    fresh.kill()
    fresh.start()
    assert fresh.get("/api/users/butler", token=token).status_code == 401
    assert fresh.login("admin", ADMIN_PASSWORD)


def test_no_secret_is_stored_in_the_clear(server):
    _, token = server.agent("secretive")
    create(server, "secretive-human", "a very secret password")
    with sqlite3.connect(f"file:{server.database()}?mode=ro", uri=True) as db:
        dump = "\n".join(str(row) for row in db.execute("SELECT * FROM users"))
    assert token not in dump and token[3:] not in dump and "a very secret password" not in dump
