"""The first users of an empty database, dev-mock's reset, and who may not be the first admin."""
import os

import pytest

from support.steward import ADMIN_PASSWORD, Steward


def test_admin_is_1_and_butler_is_2(fresh):
    users = fresh.get("/api/users").json()
    assert [(u["id"], u["username"], u["role"]) for u in users] == [(1, "admin", "ADMIN"), (2, "Butler", "BUTLER")]
    assert "token_hint" not in users[1], "nobody has given it a token yet"


def test_name_and_password_come_from_the_environment():
    env = {"INITIAL_ADMIN_USER": "Chief", "INITIAL_ADMIN_PASS": "chief's password"}
    server = Steward(env=env)
    del server.options["auth"]["initial_admin_pass"]
    with server:
        token = server.login("chief", "chief's password")
        assert server.get("/api/users", token=token).json()[0]["username"] == "Chief"


def test_a_second_start_changes_nobody(fresh):
    fresh.patch("/api/users/1", {"password": "another password"})
    fresh.stop()
    fresh.tokens.clear()
    fresh.options["auth"].update(initial_admin_pass="something else", initial_admin_user="other")
    fresh.start()
    token = fresh.login("admin", "another password")
    assert len(fresh.get("/api/users", token=token).json()) == 2


@pytest.mark.parametrize("name", ["Butler", "BUTLER", "But1er", "a b", "ünï"])
def test_a_name_that_cannot_be_the_admins_is_refused(name):
    server = Steward({"auth": {"initial_admin_user": name}, "plugins": {"required": "users"}})
    try:
        with pytest.raises(AssertionError, match="initial_admin_user"):
            server.start()
    finally:
        server.close()


def test_production_keeps_no_hash_and_still_signs_in():
    with Steward({"server": {"env": "production"}}) as server:
        assert not os.path.exists(os.path.join(server.data, "initial-admin-password"))
        assert server.login("admin", ADMIN_PASSWORD)


def test_a_reset_makes_both_afresh_and_the_callers_token_still_works(fresh):
    fresh.member("mia")
    agent_id, agent_token = fresh.agent("scout")
    butler_token = fresh.butler_token()
    assert fresh.post("/api/dev/mock/reset").json() == {"status": "reset"}
    users = fresh.get("/api/users").json()
    assert [(u["id"], u["username"]) for u in users] == [(1, "admin"), (2, "Butler")]
    for token in (agent_token, butler_token):
        assert fresh.get("/api/users/butler", token=token).status_code == 401
    assert fresh.post("/api/users/agents", {"username": "scout"}).json()["id"] == 3 == agent_id - 1
    assert fresh.login("admin", ADMIN_PASSWORD)
    assert fresh.post("/api/dev/mock/reset").status_code == 200


def test_a_reset_without_a_configured_admin_fails_and_changes_nothing():
    with Steward({"auth": {"initial_admin_pass": ""}}) as server:
        with open(os.path.join(server.data, "initial-admin-password"), encoding="ascii") as file:
            server.tokens["admin"] = server.login("admin", file.read().strip())
        server.agent("stays")
        answer = server.post("/api/dev/mock/reset")
        assert answer.status_code == 500 and answer.json()["error"] == "initial admin is not configured"
        assert len(server.get("/api/users").json()) == 3
