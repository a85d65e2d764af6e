"""What /api/health says of the storage is so: writes that wait or fail, a damaged file, a reader from outside, a file that
is gone. And nothing is acknowledged that would be lost."""
import multiprocessing
import os
import re
import shutil
import sqlite3
import subprocess
import threading

import pytest
import requests
from support.steward import BINARY, Steward, eventually, outer_environment

TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d"
LINE = {"agent_id": "x", "level": "INFO", "content": "a line"}


def health(server, status):
    """The body, when it has that status by now."""
    answer = server.get("/api/health", token=None)
    return answer.json() if answer.status_code == status else None


def is_well(server):
    return health(server, 200) == {"status": "ok"}


def checks(server):
    return server.get("/api/health").json()["checks"]["storage"]


def lock_out(path):
    """Another program that writes: nobody else can until it ends."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("BEGIN IMMEDIATE")
    return db


def test_health_tells_of_a_write_that_waits_and_answers_meanwhile():
    with Steward(options={"storage": {"slow_write": "300ms"}}) as server:
        server.admin()
        eventually(lambda: is_well(server), what="health to be well")
        other = lock_out(server.database())
        posted = []
        writer = threading.Thread(target=lambda: posted.append(server.post("/api/messages", LINE)))
        writer.start()
        said = eventually(lambda: health(server, 503), what="health to say so")
        assert said["status"] == "degraded" and "has waited" in said["reason"], said
        shown = checks(server)
        assert shown["ok"] is False and shown["oldest_write_ms"] >= 300, shown
        other.execute("ROLLBACK")
        writer.join()
        assert posted[0].status_code == 201
        eventually(lambda: is_well(server), what="health to be well")
        assert checks(server)["oldest_write_ms"] == 0


def test_health_tries_a_write_when_nobody_else_does(fresh):
    eventually(lambda: is_well(fresh), what="health to be well")
    other = lock_out(fresh.database())
    said = eventually(lambda: health(fresh, 503), what="health to say so")
    assert said["status"] == "degraded"
    said = eventually(lambda: (h := health(fresh, 503)) and "locked" in h["reason"] and h, what="the reason")
    other.execute("ROLLBACK")
    eventually(lambda: is_well(fresh), what="health to be well")


def test_an_operator_may_keep_200_while_writes_fail():
    with Steward(options={"server": {"health_unavailable": "false"}, "storage": {"slow_write": "300ms"}}) as server:
        other = lock_out(server.database())
        said = eventually(lambda: (h := health(server, 200)) and h["status"] == "degraded" and h)
        assert said["reason"]
        other.execute("ROLLBACK")


@pytest.mark.parametrize("begin", [0, 512 * 8], ids=["from the header", "behind the first page"])
def test_health_finds_a_damaged_file_by_itself(fresh, begin):
    for _ in range(20):
        fresh.post("/api/messages", [dict(LINE, content="y" * 2000)] * 20)
    eventually(lambda: is_well(fresh), what="health to be well")
    moved = sqlite3.connect(fresh.database())
    eventually(lambda: moved.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[0] == 0)
    moved.close()
    with open(fresh.database(), "r+b") as file:
        size = os.path.getsize(fresh.database())
        file.seek(begin)
        file.write(b"\xa5" * (size - begin))
    said = eventually(lambda: health(fresh, 503), what="health to see it")
    assert said["status"] == "degraded" and re.search("damaged|malformed|not a database", said["reason"]), said
    fresh.kill()


def hold(path, ready, leave):
    """A program that reads and does not end."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN")
    db.execute("SELECT count(*) FROM messages").fetchone()
    ready.set()
    leave.wait()
    db.execute("ROLLBACK")
    db.close()


def test_a_reader_from_outside_that_holds_the_log_is_named():
    with Steward(options={"storage": {"wal_limit": "1M"}}) as server:
        assert server.post("/api/messages", LINE).status_code == 201
        ready, leave = multiprocessing.Event(), multiprocessing.Event()
        reader = multiprocessing.Process(target=hold, args=(server.database(), ready, leave))
        reader.start()
        ready.wait()
        many = [dict(LINE, content="y" * 5000)] * 100

        def refused():
            answer = server.post("/api/messages", many)
            return answer.json() if answer.status_code == 503 else None

        says = f"another program has read the database since {TIME}"
        assert re.search(says, eventually(refused, 60)["detail"])
        said = eventually(lambda: health(server, 503))
        assert said["status"] == "degraded" and re.search(says, said["reason"]), said
        assert re.search(says, server.log())
        eventually(lambda: float(re.search(r"^steward_wal_bytes (\S+)$", server.get("/metrics").text, re.M).group(1)) > 1e6)
        leave.set()
        reader.join()
        eventually(lambda: server.post("/api/messages", LINE).status_code == 201, what="writing to work again")
        eventually(lambda: is_well(server), what="health to be well")


def remove(path):
    os.unlink(path)


def replace(path):
    shutil.copyfile(path, path + ".new")
    os.rename(path + ".new", path)


def move_folder(path):
    os.rename(os.path.dirname(path), os.path.dirname(path) + ".old")


def empty(path):
    os.truncate(path, 0)


@pytest.mark.parametrize("how, which, word", [
    (remove, "", "deleted"), (remove, "-wal", "deleted|replaced"), (remove, "-shm", "deleted|replaced"), (replace, "", "replaced"),
    (move_folder, "", "deleted"), (empty, "", "emptied")],
    ids=["deleted", "wal deleted", "shm deleted", "replaced", "folder moved", "emptied"])
def test_nothing_is_acknowledged_once_the_database_is_gone(how, which, word):
    with Steward(plugins="auth, users, messages") as server:
        assert server.post("/api/messages", LINE).status_code == 201
        how(server.database() + which)

        def refused():
            answer = server.post("/api/messages", LINE)
            return answer.json() if answer.status_code == 503 else None

        assert re.search(word, eventually(refused, what="writes to be refused")["detail"])
        said = eventually(lambda: health(server, 503))
        assert said["status"] == "degraded" and re.search(word, said["reason"]), said
        assert re.search(word, server.log())
        assert server.get("/api/ping", token=None).status_code == 200
        server.kill()


def test_a_folder_that_comes_back_is_written_again(fresh):
    assert fresh.post("/api/messages", LINE).status_code == 201
    os.rename(fresh.data, fresh.data + ".away")
    eventually(lambda: fresh.post("/api/messages", LINE).status_code == 503)
    os.rename(fresh.data + ".away", fresh.data)
    eventually(lambda: fresh.post("/api/messages", LINE).status_code == 201)
    eventually(lambda: is_well(fresh), what="health to be well")


def serve(server, *words):
    return subprocess.run([BINARY, "serve", *words, "-c", server.write_config()], cwd=server.folder, timeout=60,
                          env=outer_environment(), capture_output=True, text=True, check=False)


def forget(server):
    for end in ("", "-wal", "-shm"):
        if os.path.exists(server.database() + end):
            os.unlink(server.database() + end)


@pytest.mark.parametrize("how", [forget, lambda s: (forget(s), open(s.database(), "wb").close())],
                         ids=["no file", "an empty file"])
def test_a_start_with_a_key_and_no_store_refuses_until_it_is_told(fresh, how):
    fresh.post("/api/messages", LINE)
    fresh.stop()
    how(fresh)
    for _ in range(2):
        done = serve(fresh)
        assert done.returncode != 0
        for words in (fresh.database(), "master.key", "--new-store", "steward db restore"):
            assert words in done.stderr, done.stderr
    fresh.tokens.clear()
    fresh.serve_options = ["--new-store"]
    fresh.start()
    assert fresh.get("/api/messages").json() == []
    fresh.serve_options = []
    fresh.restart()


def test_a_first_start_that_was_cut_off_goes_on():
    """Killed at any moment of its first start, a server comes up at the next one."""
    for pause in range(0, 60, 4):
        with Steward(plugins="auth, users") as server:
            server.kill()
            shutil.rmtree(server.data)
            process = subprocess.Popen([BINARY, "serve", "-c", server.config], cwd=server.folder,
                                       env=outer_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            threading.Event().wait(pause / 1000)
            process.kill()
            process.wait()
            server.tokens.clear()
            server.start()


def test_a_key_that_an_operator_made_before_the_first_start_is_no_trace_of_a_store(tmp_path):
    key = tmp_path / "master"
    key.write_bytes(os.urandom(32))
    key.chmod(0o600)
    with Steward(options={"auth": {"master_key_file": str(key)}}, plugins="auth, users") as server:
        server.stop()
        forget(server)
        done = serve(server)
        assert done.returncode != 0 and "--new-store" in done.stderr


def test_gauges_tell_the_sizes_and_the_free_disk(fresh):
    def gauge(name):
        return float(re.search(rf"^steward_{name} (\S+)$", fresh.get("/metrics").text, re.M).group(1))

    fresh.post("/api/messages", [dict(LINE, content="y" * 5000)] * 100)
    assert eventually(lambda: gauge("store_bytes") + gauge("wal_bytes") > 500000)
    free = shutil.disk_usage(fresh.data).free
    assert abs(gauge("disk_free_bytes") - free) < free / 2
    assert gauge("storage_ok") == 1 and gauge("oldest_write_seconds") == 0
    other = lock_out(fresh.database())
    eventually(lambda: health(fresh, 503))
    assert requests.get(fresh.url + "/api/ping", timeout=5).status_code == 200
    eventually(lambda: gauge("storage_ok") == 0)
    other.execute("ROLLBACK")
