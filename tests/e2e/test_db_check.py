"""steward db check finds what is wrong with a store or a backup, and changes nothing."""
import os
import pathlib

import pytest
from support.backups import backup, change, db, spoil, store_files, write
from support.steward import Steward


@pytest.mark.parametrize("running", [True, False])
def test_a_good_store_is_ok_and_stays_as_it_is(fresh, running):
    write(fresh, "x")
    if not running:
        fresh.stop()
    before = {name: pathlib.Path(fresh.data, name).read_bytes() for name in store_files(fresh) if not name.endswith("-shm")}
    result = db(fresh.config, "check")
    assert result.returncode == 0 and result.stderr == "", result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == fresh.database()
    assert lines[1:5] == ["integrity: ok", "references: ok", "schema: 1, this server knows 1", "key: that of master.key"]
    assert {line.split(":")[0] for line in lines[5:]} >= {"tables of users", "tables of messages", "tables of chat"}
    assert all("migrations, the latest is 0" in line and "more" not in line for line in lines[5:]), lines
    assert before == {name: pathlib.Path(fresh.data, name).read_bytes() for name in before}


def test_a_backup_is_checked_like_the_store(fresh):
    path = backup(fresh.config)
    result = db(fresh.config, "check", path)
    assert result.returncode == 0 and result.stdout.startswith(f"{path}\nintegrity: ok\n")
    assert os.listdir(path.parent) == [path.name]


def test_damage_is_found(fresh):
    for n in range(50):
        write(fresh, f"message {n} " + "x" * 500)
    path = backup(fresh.config)
    spoil(path, "messages", 200)
    result = db(fresh.config, "check", path)
    assert result.returncode == 1 and "  wrong: " in result.stdout and "integrity: see above" in result.stdout


def test_rows_that_refer_to_nothing_are_found(fresh):
    path = backup(fresh.config)
    change(path, "INSERT INTO presence (user_id) VALUES (4711)")
    result = db(fresh.config, "check", path)
    assert result.returncode == 1 and "references: see above" in result.stdout
    assert "row 4711 of presence refers to a row of users that is not there" in result.stdout
    assert "1 problems" in result.stderr


def test_a_store_of_a_newer_server_is_named(fresh):
    path = backup(fresh.config)
    change(path, "PRAGMA user_version = 7")
    result = db(fresh.config, "check", path)
    assert result.returncode == 1 and "schema: 7, this server knows 1" in result.stdout
    change(path, "PRAGMA user_version = 1", "UPDATE steward_migrations SET name = '9999_later' WHERE plugin = 'users'")
    result = db(fresh.config, "check", path)
    assert result.returncode == 1 and "9999_later of users" in result.stdout and "newer version" in result.stdout


def test_a_store_of_an_older_plugin_is_fine_and_the_difference_is_named(fresh):
    path = backup(fresh.config)
    change(path, "DELETE FROM steward_migrations WHERE plugin = 'users'",
           "UPDATE steward_migrations SET plugin = 'bygone' WHERE plugin = 'dev-mock'")
    result = db(fresh.config, "check", path)
    assert result.returncode == 0, result.stdout
    assert "tables of bygone: " in result.stdout and ", of a plugin that is not loaded" in result.stdout


def test_another_key_and_a_missing_one_are_named(fresh, tmp_path):
    key = pathlib.Path(fresh.data, "master.key")
    fresh.stop()
    key.rename(tmp_path / "key")
    result = db(fresh.config, "check")
    assert result.returncode == 1 and "master.key is missing" in result.stdout
    assert not key.exists(), "a check makes no key"
    key.write_bytes(bytes(32))
    key.chmod(0o600)
    result = db(fresh.config, "check")
    assert result.returncode == 1 and "made with another master.key" in result.stdout


def test_without_a_store_there_is_nothing_to_check(tmp_path):
    server = Steward(folder=str(tmp_path))
    server.write_config()
    result = db(server.config, "check")
    assert result.returncode == 1 and "there is no store" in result.stderr
    assert not os.path.exists(server.data)


def test_a_wrong_configuration_of_plugins_does_not_stop_a_check(fresh):
    fresh.stop()
    fresh.options["plugin:unheard-of"] = {"x": "1"}
    fresh.write_config()
    result = db(fresh.config, "check")
    assert result.returncode == 0 and "integrity: ok" in result.stdout
    assert "the plugins' tables are not compared" in result.stderr


def test_names_in_a_strange_store_stay_on_their_line_and_can_be_seen(fresh):
    path = backup(fresh.config)
    change(path, "INSERT INTO steward_migrations (plugin, name, sha256, applied_ms) "
                 "VALUES ('x' || char(10) || 'integrity: ok' || char(0x202E, 0x9B) || '1m', '1' || char(27) || '[31m', x'00', 1)")
    result = db(fresh.config, "check", path)
    line = next(line for line in result.stdout.split("\n") if line.startswith("tables of x"))
    assert "tables of x<U+000A>integrity: ok<U+202E><U+009B>1m: 1 migrations, the latest is 1<U+001B>[31m" in line
    assert not set("\x1b\x9b\u202e") & set(result.stdout + result.stderr)
