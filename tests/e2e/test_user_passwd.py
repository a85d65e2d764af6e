"""steward user passwd: for whoever is locked out, with the server running or not; by the rules of the API."""
import os
import pathlib
import pwd
import re
import shutil
import sqlite3

import pytest
from support.passwords import NEW, hashes, passwd, signs_in
from support.sockets import Socket
from support.steward import ADMIN_PASSWORD, Steward, eventually


@pytest.fixture(params=["running", "stopped"])
def target(request, fresh):
    """A server, and a function that brings it (back) up."""
    fresh.member("mia")
    fresh.agent("scout")
    if request.param == "stopped":
        fresh.stop()
    fresh.runs = request.param == "running"

    def up():
        if not fresh.runs:
            fresh.tokens.clear()
            fresh.start()
            fresh.runs = True
    fresh.up = up
    return fresh


def test_a_human_gets_another_password_and_the_old_one_is_void(target):
    result = passwd(target, "mia")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("the password of mia is changed") and result.stderr == ""
    target.up()
    assert signs_in(target, "mia", NEW) and not signs_in(target, "mia", "member password")
    assert signs_in(target, "admin", ADMIN_PASSWORD)


def test_the_log_says_whose_password_was_changed_and_by_whom(fresh):
    fresh.member("mia")
    assert passwd(fresh, "MIA").returncode == 0
    user = pwd.getpwuid(os.getuid()).pw_name
    eventually(lambda: re.search(rf"info operator the password of MIA \(user \d+\) was changed by {user}( for \S+)?$", fresh.log(), re.M),
               what="the line about it")
    assert NEW not in fresh.log()


def test_names_are_found_in_any_case_as_at_the_login(target):
    assert passwd(target, "MIA").returncode == 0
    target.up()
    assert signs_in(target, "mia", NEW)


def test_tokens_from_before_are_void_and_sockets_close(fresh):
    _, token = fresh.member("mia")
    admin = fresh.admin()
    with Socket(fresh, token) as page, Socket(fresh, admin) as other:
        assert passwd(fresh, "mia").returncode == 0
        assert fresh.get("/api/users/agents", token=token).status_code == 401
        assert page.wait_closed() == 4003
        assert fresh.get("/api/users/agents", token=admin).status_code == 200
        fresh.post("/api/messages", {"agent_id": "x", "level": "INFO", "content": "still there"})
        assert other.get("SYSTEM_LOG")["payload"]["content"] == "still there"


def test_tokens_from_before_are_void_at_the_next_start_too(fresh):
    _, token = fresh.member("mia")
    fresh.stop()
    assert passwd(fresh, "mia").returncode == 0
    fresh.start()
    assert fresh.get("/api/users/agents", token=token).status_code == 401


@pytest.mark.parametrize("name, said", [("scout", "AGENT"), ("Butler", "BUTLER"), ("nobody", "no user named nobody"),
                                        ("", "no user named"), ("x" * 300, "no user named"),
                                        ("mi\u200ba", "no user named mi<U+200B>a"), ("a\n\u202eb", "a<U+000A><U+202E>b")])
def test_agents_butler_and_strangers_are_refused(target, name, said):
    before = hashes(target)
    result = passwd(target, name)
    assert result.returncode == 1 and said in result.stderr and result.stdout == ""
    assert hashes(target) == before


@pytest.mark.parametrize("password, said", [("short\n", "at least 8 bytes"), ("x" * 73 + "\n", "at most 72 bytes"),
                                            ("\n", "empty"), ("", "empty"), (b"\xff" * 10 + b"\n", "UTF-8"),
                                            (b"long enough\0or not\n", "NUL"), ("x" * 5000 + "\n", "too long")])
def test_the_rules_for_passwords_are_those_of_the_api(target, password, said):
    before = hashes(target)
    result = passwd(target, "mia", password)
    assert result.returncode == 1 and said in result.stderr and result.stdout == ""
    assert hashes(target) == before


def test_one_line_is_the_password_and_its_end_is_not(target):
    assert passwd(target, "mia", NEW + "\nand more\n").returncode == 0
    assert passwd(target, "admin", NEW + " ").returncode == 0  # no newline, white space counts
    target.up()
    assert signs_in(target, "mia", NEW) and signs_in(target, "admin", NEW + " ")


def test_hashing_is_as_configured(fresh):
    fresh.stop()
    fresh.options["auth"].update({"password_method": "yescrypt"})
    fresh.write_config()
    assert passwd(fresh, "admin", "y" * 100 + "\n").returncode == 0
    assert hashes(fresh)["admin"].startswith("$y$")
    fresh.start()
    assert signs_in(fresh, "admin", "y" * 100)


def test_the_first_admins_initial_password_is_forgotten_with_its_file():
    for running in (True, False):
        with Steward() as server:
            server.stop()
            shutil.rmtree(server.data)
            server.options["auth"]["initial_admin_pass"] = ""
            server.start()
            note = pathlib.Path(server.data, "initial-admin-password")
            first = note.read_text(encoding="ascii").strip()
            if not running:
                server.stop()
            assert passwd(server, "admin").returncode == 0
            assert not note.exists()
            if not running:
                server.start()
            assert signs_in(server, "admin", NEW) and not signs_in(server, "admin", first)


def test_another_users_change_leaves_the_initial_password_alone(fresh):
    note = pathlib.Path(fresh.data, "initial-admin-password")
    fresh.member("mia")
    fresh.stop()
    note.write_text("not used yet\n", encoding="ascii")
    assert passwd(fresh, "mia").returncode == 0
    assert note.exists()


def test_nothing_else_in_the_store_changes(fresh):
    fresh.member("mia")
    fresh.post("/api/messages", {"agent_id": "x", "level": "INFO", "content": "kept"})
    fresh.stop()

    def dump():
        db = sqlite3.connect(fresh.database())
        tables = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name <> 'messages_fts'")
        found = {(name, row) for name, _ in tables.fetchall() for row in db.execute(f'SELECT * FROM "{name}"') if row[0] != "clock"}
        db.close()
        return found
    before = dump()
    assert passwd(fresh, "mia").returncode == 0
    changed = before ^ dump()
    assert len(changed) == 2 and all(name == "users" and "mia" in row for name, row in changed), changed
    assert not [name for name in os.listdir(fresh.data) if name.endswith(("-wal", "-shm"))]


def test_without_a_store_there_is_no_user_and_nothing_is_made(tmp_path):
    server = Steward(folder=str(tmp_path))
    server.write_config()
    result = passwd(server, "admin")
    assert result.returncode == 1 and "first start" in result.stderr
    assert not os.path.exists(server.data)


def test_broken_plugins_do_not_keep_an_administrator_out(fresh):
    fresh.stop()
    fresh.options["plugins"]["enabled"] += ", no-such-plugin"
    fresh.options["plugin:no-such-plugin"] = {"x": "1"}
    fresh.write_config()
    assert passwd(fresh, "admin").returncode == 0
    del fresh.options["plugin:no-such-plugin"]
    fresh.options["plugins"]["enabled"] = "auth"
    fresh.write_config()
    result = passwd(fresh, "admin")
    assert result.returncode == 1 and "plugin users" in result.stderr
