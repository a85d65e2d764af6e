"""When steward db backup cannot copy it says why and leaves nothing behind; and whose files it makes."""
import os
import sqlite3
import subprocess
import sys

import pytest
from support.backups import backup, db, plain_config, rows, small_store, spoil, write
from support.other_user import AS_NOBODY, NOBODY, folder_of_nobody, needs_root, without_leaks
from support.steward import BINARY, Steward, outer_environment


@pytest.mark.parametrize("prepare", ["no folder", "empty folder", "empty file"])
def test_without_a_store_there_is_nothing_to_back_up_and_that_is_no_error(tmp_path, prepare):
    config = plain_config(tmp_path)
    if prepare != "no folder":
        (tmp_path / "data").mkdir()
    if prepare == "empty file":
        (tmp_path / "data" / "steward.db").touch()
    result = db(config, "backup")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"nothing to back up: there is no store at {tmp_path}/data/steward.db\n"
    assert not (tmp_path / "data" / "backups").exists()


def test_a_file_that_is_no_store_is_refused(tmp_path):
    config, store = plain_config(tmp_path), tmp_path / "data" / "steward.db"
    store.parent.mkdir()
    store.write_bytes(b"no database at all" * 100)
    result = db(config, "backup")
    assert result.returncode == 1 and "not a database" in result.stderr
    store.unlink()
    sqlite3.connect(store).execute("CREATE TABLE of_others (x)").connection.close()
    result = db(config, "backup")
    assert result.returncode == 1 and "another program" in result.stderr


def test_a_damaged_store_makes_no_backup(tmp_path):
    config, store = plain_config(tmp_path), tmp_path / "data" / "steward.db"
    small_store(store)
    connection = sqlite3.connect(store)
    connection.executescript("CREATE INDEX by_x ON things (x);"
                             "INSERT INTO things WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000)"
                             " SELECT printf('%064d', i) FROM n;")
    connection.close()
    spoil(store, "things", 512)
    result = db(config, "backup")
    assert result.returncode == 1 and "damaged" in result.stderr
    assert os.listdir(tmp_path / "data" / "backups") == []


@needs_root
def test_a_full_disk_is_told_and_leaves_nothing_behind(fresh, tmp_path):
    for n in range(40):
        write(fresh, str(n) * 2000)
    small = tmp_path / "small"
    small.mkdir()
    script = ('mount -t tmpfs -o size=64k tmpfs "$0" || exit 77; "$1" db backup -c "$2" "$0/copy.db"; code=$?; '
              'ls -A "$0"; umount "$0"; exit $code')
    result = subprocess.run(["unshare", "--mount", "sh", "-c", script, str(small), BINARY, fresh.config],
                            capture_output=True, text=True, timeout=60, check=False, env=outer_environment())
    if result.returncode == 77 or "unshare" in result.stderr:
        pytest.skip("a small tmpfs cannot be mounted")
    assert result.returncode == 1 and result.stdout == ""
    assert "the disk is full" in result.stderr


def test_a_limit_on_files_is_an_error_and_no_end_by_a_signal(fresh, tmp_path):
    for n in range(40):
        write(fresh, str(n) * 2000)
    result = db(fresh.config, "backup", tmp_path / "copy.db", wrapper=["prlimit", "--fsize=65536"])
    assert result.returncode == 1 and "copy.db" not in os.listdir(tmp_path), result.stderr
    assert os.listdir(tmp_path) == []


def test_a_signal_ends_it_and_leaves_nothing_behind(tmp_path):
    config = plain_config(tmp_path)
    store = tmp_path / "data" / "steward.db"
    small_store(store)
    connection = sqlite3.connect(store)
    connection.execute("INSERT INTO things SELECT hex(randomblob(500000)) FROM (SELECT 1 UNION ALL SELECT 2)")
    connection.commit()
    connection.close()
    # Pending from the very start: the first look at it is after the first pages.
    script = ("import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
              "os.kill(os.getpid(), signal.SIGTERM); os.execv(sys.argv[1], sys.argv[1:])")
    result = db(config, "backup", wrapper=[sys.executable, "-c", script])
    assert result.returncode == 1 and "stopped by a signal" in result.stderr
    assert os.listdir(tmp_path / "data" / "backups") == []


def owned(path):
    about = os.lstat(path)
    return about.st_uid, about.st_gid


@pytest.fixture
def open_folder():
    with folder_of_nobody() as folder:
        yield folder


@needs_root
def test_root_touches_the_store_as_the_owner_of_the_data_folder(open_folder):
    """Otherwise files beside the store would be root's, and the server could not open it."""
    tmp_path, data, (uid, gid) = open_folder, open_folder / "data", (NOBODY, NOBODY)
    server = Steward(folder=str(tmp_path), wrapper=AS_NOBODY)
    env = without_leaks()
    try:
        server.start()
        write(server, "theirs")
        path = backup(server.config, env=env)
        assert owned(path) == owned(path.parent) == (uid, gid)
        server.kill()  # the WAL stays, its index must be made again
        os.unlink(server.database() + "-shm")
        inside = backup(server.config, data / "own.db", env=env)
        outside = backup(server.config, tmp_path / "root.db", env=env)
        assert owned(inside) == (uid, gid) and owned(outside) == (0, 0)
        assert rows(outside) == rows(inside) == ["theirs"]
        found = {name: owned(data / name) for name in os.listdir(data)}
        assert set(found.values()) == {(uid, gid)}, found
        server.tokens.clear()
        server.start()
        assert server.get("/api/messages").json()[0]["content"] == "theirs"
        server.stop()
        backup(server.config, env=env)  # and with nothing beside the store
        server.tokens.clear()
        server.start()
        write(server, "again")
    finally:
        server.close()


@needs_root
def test_another_user_is_told_that_it_may_not_read_the_store(open_folder):
    config = plain_config(open_folder)
    os.chown(open_folder / "data", 0, 0)
    result = db(config, "backup", wrapper=AS_NOBODY, cwd="/")
    assert result.returncode == 1 and "Permission denied" in result.stderr
    assert "nothing to back up" not in result.stdout
