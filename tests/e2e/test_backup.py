"""steward db backup: whole, beside a server that writes, as the server's user, and nothing half done left behind."""
import os
import pathlib
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time

import pytest
import requests
from support.steward import BINARY, Steward, eventually

NAME = re.compile(r"steward-\d{8}T\d{6}Z(-\d\d)?\.db")
WRITERS = 8
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="acting for another user needs root")


def environment():
    return {k: v for k, v in os.environ.items() if not k.startswith(("STEWARD_", "SERVER_", "JWT_", "DB_PATH"))}


def backup(config, *words, **more):
    more.setdefault("env", environment())
    return subprocess.run([BINARY, "db", "backup", "-c", config, *map(str, words)], capture_output=True, text=True,
                          timeout=120, check=False, **more)


def configured(server):
    return os.path.join(server.folder, "steward.conf")


def rows(path, query="SELECT content FROM messages ORDER BY id"):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [row[0] for row in db.execute(query)]
    finally:
        db.close()


def write(server, content):
    answer = server.post("/api/messages", {"agent_id": "x", "level": "INFO", "content": content})
    assert answer.status_code == 201, answer.text


def made(result):
    """The path that was printed, with its size."""
    assert result.returncode == 0, result.stderr
    found = re.fullmatch(r"(.+): (\d+) bytes\n", result.stdout)
    assert found, result.stdout
    path = pathlib.Path(found.group(1))
    assert path.stat().st_size == int(found.group(2))
    return path


def plain_config(folder, *lines):
    path = pathlib.Path(folder) / "steward.conf"
    path.write_text(f"[server]\ndata_dir = {folder}/data\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def small_store(path):
    """A store of today's identity, without a server."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path)
    db.executescript("PRAGMA application_id = 1398231620; PRAGMA user_version = 1; CREATE TABLE things (x TEXT);"
                     "INSERT INTO things VALUES ('old');")
    db.close()


def test_a_backup_of_a_running_server_holds_what_was_answered_and_is_private(fresh):
    write(fresh, "before")
    path = made(backup(configured(fresh)))
    write(fresh, "after")
    assert path.parent == pathlib.Path(fresh.data).resolve() / "backups" and NAME.fullmatch(path.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert rows(path) == ["before"]
    assert os.listdir(path.parent) == [path.name]


def test_the_copy_is_one_file_that_reads_without_a_wal(fresh, tmp_path):
    write(fresh, "x")
    path = made(backup(configured(fresh), tmp_path / "copy.db"))
    assert path.read_bytes()[18:20] == b"\1\1"
    rows(path)
    assert os.listdir(tmp_path) == ["copy.db"]


def test_the_key_is_not_part_of_it_and_the_command_says_so(fresh, tmp_path):
    result = backup(configured(fresh), tmp_path / "copy.db")
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
        path = made(backup(configured(fresh)))
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
        assert server.log().count("another program reads the store") == 1
        reader.close()
        eventually(lambda: server.post("/api/messages", body).status_code == 201 and os.path.getsize(wal) < 1 << 20)


def test_a_backup_becomes_the_store_of_a_server_again(fresh):
    write(fresh, "kept")
    path = made(backup(configured(fresh)))
    write(fresh, "lost")
    fresh.stop()
    shutil.copy(path, fresh.database())
    fresh.start()
    assert [m["content"] for m in fresh.get("/api/messages").json()] == ["kept"]


def test_the_server_need_not_run_and_its_lock_is_left_alone(fresh):
    write(fresh, "x")
    fresh.stop()
    before = sorted(os.listdir(fresh.data))
    assert rows(made(backup(configured(fresh)))) == ["x"]
    assert sorted(os.listdir(fresh.data)) == sorted([*before, "backups"])


def test_after_a_crash_the_wal_is_part_of_the_backup_and_stays_as_it_is(fresh):
    write(fresh, "only in the wal")
    fresh.kill()
    store, wal = pathlib.Path(fresh.database()), pathlib.Path(fresh.database() + "-wal")
    before = (store.read_bytes(), wal.read_bytes())
    assert rows(made(backup(configured(fresh)))) == ["only in the wal"]
    assert (store.read_bytes(), wal.read_bytes()) == before
    fresh.tokens.clear()
    fresh.start()
    assert fresh.get("/api/messages").json()[0]["content"] == "only in the wal"


def test_a_store_of_another_version_is_copied_as_it_is(tmp_path):
    config, store = plain_config(tmp_path), tmp_path / "data" / "steward.db"
    small_store(store)
    before = store.read_bytes()
    assert rows(made(backup(config)), "SELECT x FROM things") == ["old"]
    assert store.read_bytes() == before
    db = sqlite3.connect(store)
    db.execute("PRAGMA user_version = 99")
    db.close()
    assert rows(made(backup(config)), "SELECT x FROM things") == ["old"]


def test_an_existing_file_is_never_overwritten(fresh, tmp_path):
    target = tmp_path / "there"
    target.write_text("precious", encoding="ascii")
    result = backup(configured(fresh), target)
    assert result.returncode == 1 and "exists already" in result.stderr and result.stdout == ""
    assert target.read_text(encoding="ascii") == "precious" and os.listdir(tmp_path) == ["there"]


@pytest.mark.parametrize("prepare", ["no folder", "empty folder", "empty file"])
def test_without_a_store_there_is_nothing_to_back_up_and_that_is_no_error(tmp_path, prepare):
    config = plain_config(tmp_path)
    if prepare != "no folder":
        (tmp_path / "data").mkdir()
    if prepare == "empty file":
        (tmp_path / "data" / "steward.db").touch()
    result = backup(config)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"nothing to back up: there is no store at {tmp_path}/data/steward.db\n"
    assert not (tmp_path / "data" / "backups").exists()


def test_a_file_that_is_no_store_is_refused(tmp_path):
    config, store = plain_config(tmp_path), tmp_path / "data" / "steward.db"
    store.parent.mkdir()
    store.write_bytes(b"no database at all" * 100)
    result = backup(config)
    assert result.returncode == 1 and "not a database" in result.stderr
    store.unlink()
    sqlite3.connect(store).execute("CREATE TABLE of_others (x)").connection.close()
    result = backup(config)
    assert result.returncode == 1 and "another program" in result.stderr


def test_a_damaged_store_makes_no_backup(tmp_path):
    config, store = plain_config(tmp_path), tmp_path / "data" / "steward.db"
    small_store(store)
    db = sqlite3.connect(store)
    db.executescript("CREATE INDEX by_x ON things (x);"
                     "INSERT INTO things WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000)"
                     " SELECT printf('%064d', i) FROM n;")
    page = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'things'").fetchone()[0]
    db.close()
    with open(store, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 512)
    result = backup(config)
    assert result.returncode == 1 and "damaged" in result.stderr
    assert os.listdir(tmp_path / "data" / "backups") == []


def test_old_backups_go_and_the_new_one_and_other_files_stay(tmp_path):
    config, folder = plain_config(tmp_path, "[storage]", "backups_kept = 3"), tmp_path / "data" / "backups"
    small_store(tmp_path / "data" / "steward.db")
    folder.mkdir()
    ours = [f"steward-2020010{day}T000000Z.db" for day in range(1, 6)] + ["steward-20200105T000000Z-01.db"]
    others = ["steward-20200101T000000Z.db.txt", "steward-2020.db", "notes", "steward-20200101T000000Z-1.db"]
    for name in ours + others:
        (folder / name).touch()
    (folder / "steward-20190101T000000Z.db").symlink_to("notes")
    new = made(backup(config)).name
    assert sorted(os.listdir(folder)) == sorted(others + ["steward-20190101T000000Z.db", new] +
                                                ["steward-20200105T000000Z.db", "steward-20200105T000000Z-01.db"])
    newer = made(backup(config, "--keep", "1")).name
    assert {new, newer} & set(os.listdir(folder)) == {newer}
    (folder / newer).rename(folder / "steward-29990101T000000Z.db")
    last = made(backup(config, "--keep", "1")).name
    assert [name for name in os.listdir(folder) if NAME.fullmatch(name) and name[8:12] != "2019"] == [last]
    made(backup(config, "--keep", "0"))
    assert (folder / last).exists()


def test_two_backups_within_a_second_get_two_names(tmp_path):
    config = plain_config(tmp_path)
    small_store(tmp_path / "data" / "steward.db")
    paths = [made(backup(config)) for _ in range(6)]
    assert len(set(paths)) == 6 and all(NAME.fullmatch(path.name) for path in paths)


def test_what_a_killed_backup_left_goes_with_the_next_one_unless_it_is_at_work(tmp_path):
    config, folder = plain_config(tmp_path), tmp_path / "data" / "backups"
    small_store(tmp_path / "data" / "steward.db")
    folder.mkdir()
    for name in (".steward-backup-dead00", ".steward-backup-new000", ".steward-backup-busy00"):
        (folder / name).touch()
    for name in (".steward-backup-dead00", ".steward-backup-busy00"):
        os.utime(folder / name, (1, 1))
    with open(folder / ".steward-backup-busy00", "rb") as busy:
        subprocess.run(["flock", "--exclusive", "--nonblock", str(busy.fileno())], pass_fds=[busy.fileno()], check=True)
        name = made(backup(config)).name
    assert sorted(os.listdir(folder)) == sorted([".steward-backup-busy00", ".steward-backup-new000", name])


def test_wrong_options_of_plugins_and_of_other_sections_do_not_stop_it(tmp_path):
    config = plain_config(tmp_path, "[plugins]", "enabled = no-such-plugin", "unheard_of = 1", "[plugin:gone]", "x = y",
                          "[limits]", "body = enormous")
    small_store(tmp_path / "data" / "steward.db")
    made(backup(config))


def test_a_configuration_that_does_not_say_where_the_store_is_stops_it(tmp_path):
    small_store(tmp_path / "data" / "steward.db")
    for lines in (["[storage]", "pth = x"], ["[storag]", "path = x"], ["nonsense"]):
        result = backup(plain_config(tmp_path, *lines))
        assert result.returncode == 1 and "steward.conf:" in result.stderr and result.stdout == "", lines
    assert backup(str(tmp_path / "none.conf")).returncode == 1


def test_the_store_is_found_as_the_server_finds_it(tmp_path):
    small_store(tmp_path / "state" / "steward.db")
    small_store(tmp_path / "elsewhere.db")
    config = tmp_path / "empty.conf"
    config.touch()
    state = {**environment(), "STATE_DIRECTORY": f"{tmp_path}/state:{tmp_path}/other"}
    assert made(backup(str(config), env=state)).parent == tmp_path / "state" / "backups"
    state["DB_PATH"] = f"{tmp_path}/elsewhere.db"
    assert made(backup(str(config), env=state)).parent == tmp_path / "state" / "backups"
    (tmp_path / "data").mkdir()
    shutil.move(tmp_path / "state" / "steward.db", tmp_path / "data" / "steward.db")
    assert made(backup(str(config), cwd=tmp_path)).parent == tmp_path / "data" / "backups"


def test_wrong_arguments_are_told_apart_from_failures(tmp_path):
    config = plain_config(tmp_path)
    for words in (["a", "b"], ["--keep"], ["--keep", "x"], ["--keep", "-1"], ["--keep", "3", "file"], ["--bogus"]):
        assert backup(config, *words).returncode == 2, words


def test_a_missing_folder_is_not_made(fresh, tmp_path):
    result = backup(configured(fresh), tmp_path / "none" / "x.db")
    assert result.returncode == 1 and "No such file or directory" in result.stderr
    assert os.listdir(tmp_path) == []


@needs_root
def test_a_full_disk_is_told_and_leaves_nothing_behind(fresh, tmp_path):
    for n in range(40):
        write(fresh, str(n) * 2000)
    small = tmp_path / "small"
    small.mkdir()
    script = ('mount -t tmpfs -o size=64k tmpfs "$0" || exit 77; "$1" db backup -c "$2" "$0/copy.db"; code=$?; '
              'ls -A "$0"; umount "$0"; exit $code')
    result = subprocess.run(["unshare", "--mount", "sh", "-c", script, str(small), BINARY, configured(fresh)],
                            capture_output=True, text=True, timeout=60, check=False, env=environment())
    if result.returncode == 77 or "unshare" in result.stderr:
        pytest.skip("a small tmpfs cannot be mounted")
    assert result.returncode == 1 and result.stdout == ""
    assert "the disk is full" in result.stderr


def test_a_limit_on_files_is_an_error_and_no_end_by_a_signal(fresh, tmp_path):
    for n in range(40):
        write(fresh, str(n) * 2000)
    result = subprocess.run(["prlimit", "--fsize=65536", BINARY, "db", "backup", "-c", configured(fresh),
                             str(tmp_path / "copy.db")], capture_output=True, text=True, timeout=60, check=False,
                            env=environment())
    assert result.returncode == 1 and "copy.db" not in os.listdir(tmp_path), result.stderr
    assert os.listdir(tmp_path) == []


def test_a_signal_ends_it_and_leaves_nothing_behind(tmp_path):
    config = plain_config(tmp_path)
    store = tmp_path / "data" / "steward.db"
    small_store(store)
    db = sqlite3.connect(store)
    db.execute("INSERT INTO things SELECT hex(randomblob(500000)) FROM (SELECT 1 UNION ALL SELECT 2)")
    db.commit()
    db.close()
    # Pending from the very start: the first look at it is after the first pages.
    script = ("import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
              "os.kill(os.getpid(), signal.SIGTERM); os.execv(sys.argv[1], sys.argv[1:])")
    result = subprocess.run([sys.executable, "-c", script, BINARY, "db", "backup", "-c", config], capture_output=True,
                            text=True, timeout=60, check=False, env=environment())
    assert result.returncode == 1 and "stopped by a signal" in result.stderr
    assert os.listdir(tmp_path / "data" / "backups") == []


def owned(path):
    about = os.lstat(path)
    return about.st_uid, about.st_gid


# A process that has been root may not be looked at, and so not be searched for leaks.
NO_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0:exitcode=99"}
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.fixture
def open_folder():
    """One that every user can enter, with a data folder of nobody's."""
    if subprocess.run([*AS_NOBODY, BINARY, "version"], capture_output=True, check=False, cwd="/").returncode != 0:
        pytest.skip("the build is closed to other users")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="steward-test-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "data").mkdir(mode=0o700)
    os.chown(folder / "data", 65534, 65534)
    yield folder
    shutil.rmtree(folder)


@needs_root
def test_root_touches_the_store_as_the_owner_of_the_data_folder(open_folder):
    """Otherwise files beside the store would be root's, and the server could not open it."""
    tmp_path, data, (uid, gid) = open_folder, open_folder / "data", (65534, 65534)
    server = Steward(folder=str(tmp_path), wrapper=AS_NOBODY)
    env = {**environment(), **NO_LEAKS}
    try:
        server.start()
        write(server, "theirs")
        path = made(backup(configured(server), env=env))
        assert owned(path) == owned(path.parent) == (uid, gid)
        server.kill()  # the WAL stays, its index must be made again
        os.unlink(server.database() + "-shm")
        inside = made(backup(configured(server), data / "own.db", env=env))
        outside = made(backup(configured(server), tmp_path / "root.db", env=env))
        assert owned(inside) == (uid, gid) and owned(outside) == (0, 0)
        assert rows(outside) == rows(inside) == ["theirs"]
        found = {name: owned(data / name) for name in os.listdir(data)}
        assert set(found.values()) == {(uid, gid)}, found
        server.tokens.clear()
        server.start()
        assert server.get("/api/messages").json()[0]["content"] == "theirs"
        server.stop()
        made(backup(configured(server), env=env))  # and with nothing beside the store
        server.tokens.clear()
        server.start()
        write(server, "again")
    finally:
        server.close()


@needs_root
def test_another_user_is_told_that_it_may_not_read_the_store(open_folder):
    config = plain_config(open_folder)
    os.chown(open_folder / "data", 0, 0)
    result = subprocess.run([*AS_NOBODY, BINARY, "db", "backup", "-c", config], capture_output=True, text=True, timeout=60,
                            check=False, env=environment(), cwd="/")
    assert result.returncode == 1 and "Permission denied" in result.stderr
    assert "nothing to back up" not in result.stdout
