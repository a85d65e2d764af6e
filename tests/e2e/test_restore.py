"""steward db check finds what is wrong and changes nothing; steward db restore puts a backup in the store's place."""
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile

import pytest
from support.steward import BINARY, Steward

AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="acting for another user needs root")


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STEWARD_", "SERVER_", "JWT_", "DB_PATH"))}
    return {**kept, **more}


def db(server, *words, **more):
    more.setdefault("env", environment())
    config = os.path.join(server.folder, "steward.conf")
    return subprocess.run([BINARY, "db", words[0], "-c", config, *map(str, words[1:])], capture_output=True, text=True,
                          timeout=120, check=False, **more)


def backup(server, **more):
    result = db(server, "backup", **more)
    assert result.returncode == 0, result.stderr
    return pathlib.Path(result.stdout.rsplit(":", 1)[0])


def write(server, content):
    assert server.post("/api/messages", {"agent_id": "x", "level": "INFO", "content": content}).status_code == 201


def contents(server):
    return [m["content"] for m in server.get("/api/messages").json()]


def beside(server):
    return sorted(name for name in os.listdir(server.data) if name.startswith("steward.db"))


def change(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def restart(server):
    server.tokens.clear()
    return server.start()


# ---- check ----

@pytest.mark.parametrize("running", [True, False])
def test_a_good_store_is_ok_and_stays_as_it_is(fresh, running):
    write(fresh, "x")
    if not running:
        fresh.stop()
    before = {name: pathlib.Path(fresh.data, name).read_bytes() for name in beside(fresh) if not name.endswith("-shm")}
    result = db(fresh, "check")
    assert result.returncode == 0 and result.stderr == "", result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == fresh.database()
    assert lines[1:5] == ["integrity: ok", "references: ok", "schema: 1, this server knows 1", "key: that of master.key"]
    assert {line.split(":")[0] for line in lines[5:]} >= {"tables of users", "tables of messages", "tables of chat"}
    assert all("migrations, the latest is 0" in line and "more" not in line for line in lines[5:]), lines
    assert before == {name: pathlib.Path(fresh.data, name).read_bytes() for name in before}


def test_a_backup_is_checked_like_the_store(fresh):
    path = backup(fresh)
    result = db(fresh, "check", path)
    assert result.returncode == 0 and result.stdout.startswith(f"{path}\nintegrity: ok\n")
    assert os.listdir(path.parent) == [path.name]


def test_damage_is_found(fresh):
    for n in range(50):
        write(fresh, f"message {n} " + "x" * 500)
    path = backup(fresh)
    connection = sqlite3.connect(path)
    page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'").fetchone()[0]
    connection.close()
    with open(path, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 200)
    result = db(fresh, "check", path)
    assert result.returncode == 1 and "  wrong: " in result.stdout and "integrity: see above" in result.stdout


def test_rows_that_refer_to_nothing_are_found(fresh):
    path = backup(fresh)
    change(path, "INSERT INTO presence (user_id) VALUES (4711)")
    result = db(fresh, "check", path)
    assert result.returncode == 1 and "references: see above" in result.stdout
    assert "row 4711 of presence refers to a row of users that is not there" in result.stdout
    assert "1 problems" in result.stderr


def test_a_store_of_a_newer_server_is_named(fresh):
    path = backup(fresh)
    change(path, "PRAGMA user_version = 7")
    result = db(fresh, "check", path)
    assert result.returncode == 1 and "schema: 7, this server knows 1" in result.stdout
    change(path, "PRAGMA user_version = 1", "UPDATE steward_migrations SET name = '9999_later' WHERE plugin = 'users'")
    result = db(fresh, "check", path)
    assert result.returncode == 1 and "9999_later of users" in result.stdout and "newer version" in result.stdout


def test_a_store_of_an_older_plugin_is_fine_and_the_difference_is_named(fresh):
    path = backup(fresh)
    change(path, "DELETE FROM steward_migrations WHERE plugin = 'users'",
           "UPDATE steward_migrations SET plugin = 'bygone' WHERE plugin = 'dev-mock'")
    result = db(fresh, "check", path)
    assert result.returncode == 0, result.stdout
    assert "tables of bygone: " in result.stdout and ", of a plugin that is not loaded" in result.stdout


def test_another_key_and_a_missing_one_are_named(fresh, tmp_path):
    key = pathlib.Path(fresh.data, "master.key")
    fresh.stop()
    key.rename(tmp_path / "key")
    result = db(fresh, "check")
    assert result.returncode == 1 and "master.key is missing" in result.stdout
    assert not key.exists(), "a check makes no key"
    key.write_bytes(bytes(32))
    key.chmod(0o600)
    result = db(fresh, "check")
    assert result.returncode == 1 and "made with another master.key" in result.stdout


def test_without_a_store_there_is_nothing_to_check(tmp_path):
    server = Steward(folder=str(tmp_path))
    server.write_config()
    result = db(server, "check")
    assert result.returncode == 1 and "there is no store" in result.stderr
    assert not os.path.exists(server.data)


def test_a_wrong_configuration_of_plugins_does_not_stop_a_check(fresh):
    fresh.stop()
    fresh.options["plugin:unheard-of"] = {"x": "1"}
    fresh.write_config()
    result = db(fresh, "check")
    assert result.returncode == 0 and "integrity: ok" in result.stdout
    assert "the plugins' tables are not compared" in result.stderr


# ---- restore ----

def test_a_backup_takes_the_place_of_the_store_which_is_kept(fresh):
    write(fresh, "kept")
    path = backup(fresh)
    write(fresh, "lost")
    fresh.stop()
    store = pathlib.Path(fresh.database()).read_bytes()
    result = db(fresh, "restore", path)
    assert result.returncode == 0, result.stderr
    first, second = result.stdout.splitlines()
    assert first == f"{fresh.database()}: restored from {path}"
    aside = pathlib.Path(second.split(": ")[0])
    assert aside.name.startswith("steward.db.replaced-") and aside.read_bytes() == store
    assert beside(fresh) == ["steward.db", aside.name] and path.exists()
    assert os.stat(fresh.database()).st_mode & 0o777 == 0o600
    restart(fresh)
    assert contents(fresh) == ["kept"]
    fresh.stop()
    assert db(fresh, "restore", aside).returncode == 0
    restart(fresh)
    assert contents(fresh) == ["lost", "kept"]


def test_it_does_nothing_while_a_server_runs(fresh):
    path = backup(fresh)
    write(fresh, "here")
    before = beside(fresh)
    result = db(fresh, "restore", path)
    assert result.returncode == 1 and f"another server (pid {fresh.process.pid})" in result.stderr
    assert "stop it first" in result.stderr and beside(fresh) == before and contents(fresh) == ["here"]


def test_after_a_crash_the_wal_of_the_replaced_store_does_not_get_into_the_new_one(fresh):
    write(fresh, "kept")
    path = backup(fresh)
    write(fresh, "in the wal")
    fresh.kill()
    result = db(fresh, "restore", path)
    assert result.returncode == 0, result.stderr
    aside = result.stdout.splitlines()[1].split(": ")[0]
    name = os.path.basename(aside)
    assert beside(fresh) == ["steward.db", name, name + "-shm", name + "-wal"]
    restart(fresh)
    assert contents(fresh) == ["kept"]
    fresh.stop()
    assert db(fresh, "restore", aside).returncode == 0
    restart(fresh)
    assert contents(fresh) == ["in the wal", "kept"]


def test_a_damaged_store_is_replaced_with_its_wal_kept_beside_it(fresh):
    write(fresh, "kept")
    path = backup(fresh)
    write(fresh, "in the wal")
    fresh.kill()
    with open(fresh.database(), "r+b") as file:
        file.write(b"garbage, and no header of a database" * 10)
    files = {end: pathlib.Path(fresh.database() + end).read_bytes() for end in ("", "-wal")}
    result = db(fresh, "restore", path)
    assert result.returncode == 0, result.stderr
    aside = result.stdout.splitlines()[1].split(": ")[0]
    assert files == {end: pathlib.Path(aside + end).read_bytes() for end in files}
    assert not os.path.exists(fresh.database() + "-wal")
    restart(fresh)
    assert contents(fresh) == ["kept"]


def test_a_lost_store_comes_back_and_what_is_left_of_its_wal_stays_out_of_it(fresh):
    write(fresh, "kept")
    path = backup(fresh)
    write(fresh, "in the wal")
    fresh.kill()
    os.unlink(fresh.database())
    result = db(fresh, "restore", path)
    assert result.returncode == 0 and len(result.stdout.splitlines()) == 1
    assert beside(fresh)[0] == "steward.db" and all(".replaced-" in name for name in beside(fresh)[1:])
    restart(fresh)
    assert contents(fresh) == ["kept"]


def test_it_restores_on_another_machine_with_the_key(fresh, tmp_path):
    write(fresh, "moved")
    path = backup(fresh)
    with Steward(folder=str(tmp_path)) as other:
        other.stop()
        before = beside(other)
        result = db(other, "restore", path)
        assert result.returncode == 1 and "another master.key" in result.stderr and beside(other) == before
        shutil.copy(os.path.join(fresh.data, "master.key"), os.path.join(other.data, "master.key"))
        assert db(other, "restore", path).returncode == 0
        restart(other)
        assert contents(other) == ["moved"]


def test_what_is_no_good_backup_changes_nothing(fresh, tmp_path):
    for n in range(50):
        write(fresh, f"message {n} " + "x" * 500)
    good = backup(fresh)
    fresh.stop()
    damaged, newer, other, text = (tmp_path / name for name in ("damaged", "newer", "other", "text"))
    shutil.copy(good, damaged)
    connection = sqlite3.connect(damaged)
    page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'").fetchone()[0]
    connection.close()
    with open(damaged, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 200)
    shutil.copy(good, newer)
    change(newer, "PRAGMA user_version = 7")
    change(other, "CREATE TABLE x (y)")
    text.write_text("no database" * 100, encoding="ascii")
    before = (beside(fresh), pathlib.Path(fresh.database()).read_bytes())
    for path, said in ((damaged, "damaged"), (newer, "newer server"), (other, "another program"), (text, "not a database"),
                       (tmp_path / "none", "there is no store"), (fresh.database(), "the store itself")):
        result = db(fresh, "restore", path)
        assert result.returncode == 1 and said in result.stderr and result.stdout == "", (path, result.stderr)
        assert (beside(fresh), pathlib.Path(fresh.database()).read_bytes()) == before
        assert not [name for name in os.listdir(fresh.data) if name.startswith(".steward-backup-")]


def test_a_limit_on_files_leaves_the_store_in_its_place(fresh):
    for n in range(40):
        write(fresh, str(n) * 2000)
    path = backup(fresh)
    fresh.stop()
    config = os.path.join(fresh.folder, "steward.conf")
    before = sorted(os.listdir(fresh.data))
    result = subprocess.run(["prlimit", "--fsize=65536", BINARY, "db", "restore", "-c", config, str(path)],
                            capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert result.returncode == 1 and sorted(os.listdir(fresh.data)) == before, result.stderr
    restart(fresh)
    assert len(contents(fresh)) == 40


@needs_root
def test_root_restores_and_checks_for_the_owner_of_the_data_folder():
    if subprocess.run([*AS_NOBODY, BINARY, "version"], capture_output=True, check=False, cwd="/").returncode != 0:
        pytest.skip("the build is closed to other users")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="steward-test-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "data").mkdir(mode=0o700)
    os.chown(folder / "data", 65534, 65534)
    env = environment(ASAN_OPTIONS="detect_leaks=0:exitcode=99")  # who has been root may not be searched for leaks
    server = Steward(folder=str(folder), wrapper=AS_NOBODY)
    try:
        server.start()
        write(server, "kept")
        private = folder / "root.db"
        assert db(server, "backup", private, env=env).returncode == 0
        assert os.stat(private).st_uid == 0 and os.stat(private).st_mode & 0o777 == 0o600
        write(server, "lost")
        server.kill()
        for words in (("check",), ("check", server.database()), ("restore", private), ("check",)):
            result = db(server, *words, env=env)
            assert result.returncode == 0, (words, result.stdout, result.stderr)
            owners = {name: os.lstat(os.path.join(server.data, name)).st_uid for name in os.listdir(server.data)}
            assert set(owners.values()) == {65534}, (words, owners)
        restart(server)
        assert contents(server) == ["kept"]
    finally:
        server.close()
        shutil.rmtree(folder)
