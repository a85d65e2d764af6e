"""steward db backup: what is in it, beside a server that writes and without one."""
import os
import pathlib
import shutil
import sqlite3
import stat
import threading
import time

import requests
from support.backups import BACKUP_NAME, backup, db, plain_config, rows, small_store, write
from support.steward import Steward, eventually

WRITERS = 8


def test_a_backup_of_a_running_server_holds_what_was_answered_and_is_private(fresh):
    write(fresh, "before")
    path = backup(fresh.config)
    write(fresh, "after")
    assert path.parent == pathlib.Path(fresh.data).resolve() / "backups" and BACKUP_NAME.fullmatch(path.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert rows(path) == ["before"]
    assert os.listdir(path.parent) == [path.name]


def test_the_copy_is_one_file_that_reads_without_a_wal(fresh, tmp_path):
    write(fresh, "x")
    path = backup(fresh.config, tmp_path / "copy.db")
    assert path.read_bytes()[18:20] == b"\1\1"
    rows(path)
    assert os.listdir(tmp_path) == ["copy.db"]


def test_the_key_is_not_part_of_it_and_the_command_says_so(fresh, tmp_path):
    result = db(fresh.config, "backup", tmp_path / "copy.db")
    assert "master.key" in result.stderr
    key = (pathlib.Path(fresh.data) / "master.key").read_bytes()
    assert key not in (tmp_path / "copy.db").read_bytes()


def test_it_finishes_while_clients_write_and_holds_a_prefix_of_what_they_wrote(fresh):
    fresh.admin()
    stop, counts = threading.Event(), [0] * WRITERS

    def client(number):
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {fresh.tokens['admin']}"
        while not stop.is_set():
            answer = session.post(fresh.url + "/api/messages", timeout=30,
                                  json={"agent_id": "w", "level": "INFO", "content": f"{number} {counts[number]}"})
            assert answer.status_code == 201
            counts[number] += 1

    threads = [threading.Thread(target=client, args=(n,)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: sum(counts) > 200)
        answered = list(counts)
        path = backup(fresh.config)
        at_the_end = list(counts)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert sum(at_the_end) > sum(answered)
    kept = rows(path)
    for number in range(WRITERS):
        own = [content for content in kept if content.startswith(f"{number} ")]
        assert own == [f"{number} {n}" for n in range(len(own))]
        assert len(own) >= answered[number]


def test_a_long_read_by_a_backup_does_not_make_the_writer_wait_for_it():
    """The WAL cannot be emptied meanwhile: it grows over its limit, and whoever writes is not held up for that."""
    with Steward(options={"storage": {"wal_limit": "1M"}}) as server:
        reader = sqlite3.connect(f"file:{server.database()}?mode=ro", uri=True, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM users").fetchall()
        body = [{"agent_id": "x", "level": "INFO", "content": "y" * 2000} for _ in range(100)]
        took, wal = [], server.database() + "-wal"
        while os.path.getsize(wal) < 3 << 20:
            began = time.monotonic()
            assert server.post("/api/messages", body).status_code == 201
            took.append(time.monotonic() - began)
        eventually(lambda: "cannot be emptied" in server.log())
        assert max(took) < 1 and "long reads were ended" not in server.log(), took
        assert server.log().count("another program has read the database since") == 1
        reader.close()
        eventually(lambda: server.post("/api/messages", body).status_code == 201 and os.path.getsize(wal) < 1 << 20)


def test_a_backup_becomes_the_store_of_a_server_again(fresh):
    write(fresh, "kept")
    path = backup(fresh.config)
    write(fresh, "lost")
    fresh.stop()
    shutil.copy(path, fresh.database())
    fresh.start()
    assert [m["content"] for m in fresh.get("/api/messages").json()] == ["kept"]


def test_the_server_need_not_run_and_its_lock_is_left_alone(fresh):
    write(fresh, "x")
    fresh.stop()
    before = sorted(os.listdir(fresh.data))
    assert rows(backup(fresh.config)) == ["x"]
    assert sorted(os.listdir(fresh.data)) == sorted([*before, "backups"])


def test_after_a_crash_the_wal_is_part_of_the_backup_and_stays_as_it_is(fresh):
    write(fresh, "only in the wal")
    fresh.kill()
    store, wal = pathlib.Path(fresh.database()), pathlib.Path(fresh.database() + "-wal")
    before = (store.read_bytes(), wal.read_bytes())
    assert rows(backup(fresh.config)) == ["only in the wal"]
    assert (store.read_bytes(), wal.read_bytes()) == before
    fresh.tokens.clear()
    fresh.start()
    assert fresh.get("/api/messages").json()[0]["content"] == "only in the wal"


def test_a_store_of_another_version_is_copied_as_it_is(tmp_path):
    config, store = plain_config(tmp_path), tmp_path / "data" / "steward.db"
    small_store(store)
    before = store.read_bytes()
    assert rows(backup(config), "SELECT x FROM things") == ["old"]
    assert store.read_bytes() == before
    connection = sqlite3.connect(store)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert rows(backup(config), "SELECT x FROM things") == ["old"]
