"""steward db restore puts a backup in the store's place, and keeps what was there."""
import os
import pathlib
import shutil

from support.backups import backup, change, db, spoil, store_files, write
from support.other_user import AS_NOBODY, NOBODY, folder_of_nobody, needs_root, owners, without_leaks
from support.steward import Steward


def contents(server):
    return [m["content"] for m in server.get("/api/messages").json()]


def restart(server):
    server.tokens.clear()
    return server.start()


def test_a_backup_takes_the_place_of_the_store_which_is_kept(fresh):
    write(fresh, "kept")
    path = backup(fresh.config)
    write(fresh, "lost")
    fresh.stop()
    store = pathlib.Path(fresh.database()).read_bytes()
    result = db(fresh.config, "restore", path)
    assert result.returncode == 0, result.stderr
    first, second = result.stdout.splitlines()
    assert first == f"{fresh.database()}: restored from {path}"
    aside = pathlib.Path(second.split(": ")[0])
    assert aside.name.startswith("steward.db.replaced-") and aside.read_bytes() == store
    assert store_files(fresh) == ["steward.db", aside.name] and path.exists()
    assert os.stat(fresh.database()).st_mode & 0o777 == 0o600
    restart(fresh)
    assert contents(fresh) == ["kept"]
    fresh.stop()
    assert db(fresh.config, "restore", aside).returncode == 0
    restart(fresh)
    assert contents(fresh) == ["lost", "kept"]


def test_it_does_nothing_while_a_server_runs(fresh):
    path = backup(fresh.config)
    write(fresh, "here")
    before = store_files(fresh)
    result = db(fresh.config, "restore", path)
    assert result.returncode == 1 and f"another server (pid {fresh.process.pid})" in result.stderr
    assert "stop it first" in result.stderr and store_files(fresh) == before and contents(fresh) == ["here"]


def test_after_a_crash_the_wal_of_the_replaced_store_does_not_get_into_the_new_one(fresh):
    write(fresh, "kept")
    path = backup(fresh.config)
    write(fresh, "in the wal")
    fresh.kill()
    result = db(fresh.config, "restore", path)
    assert result.returncode == 0, result.stderr
    aside = result.stdout.splitlines()[1].split(": ")[0]
    name = os.path.basename(aside)
    assert store_files(fresh) == ["steward.db", name, name + "-shm", name + "-wal"]
    restart(fresh)
    assert contents(fresh) == ["kept"]
    fresh.stop()
    assert db(fresh.config, "restore", aside).returncode == 0
    restart(fresh)
    assert contents(fresh) == ["in the wal", "kept"]


def test_a_damaged_store_is_replaced_with_its_wal_kept_beside_it(fresh):
    write(fresh, "kept")
    path = backup(fresh.config)
    write(fresh, "in the wal")
    fresh.kill()
    with open(fresh.database(), "r+b") as file:
        file.write(b"garbage, and no header of a database" * 10)
    files = {end: pathlib.Path(fresh.database() + end).read_bytes() for end in ("", "-wal")}
    result = db(fresh.config, "restore", path)
    assert result.returncode == 0, result.stderr
    aside = result.stdout.splitlines()[1].split(": ")[0]
    assert files == {end: pathlib.Path(aside + end).read_bytes() for end in files}
    assert not os.path.exists(fresh.database() + "-wal")
    restart(fresh)
    assert contents(fresh) == ["kept"]


def test_a_lost_store_comes_back_and_what_is_left_of_its_wal_stays_out_of_it(fresh):
    write(fresh, "kept")
    path = backup(fresh.config)
    write(fresh, "in the wal")
    fresh.kill()
    os.unlink(fresh.database())
    result = db(fresh.config, "restore", path)
    assert result.returncode == 0 and len(result.stdout.splitlines()) == 1
    assert store_files(fresh)[0] == "steward.db" and all(".replaced-" in name for name in store_files(fresh)[1:])
    restart(fresh)
    assert contents(fresh) == ["kept"]


def test_it_restores_on_another_machine_with_the_key(fresh, tmp_path):
    write(fresh, "moved")
    path = backup(fresh.config)
    with Steward(folder=str(tmp_path)) as other:
        other.stop()
        before = store_files(other)
        result = db(other.config, "restore", path)
        assert result.returncode == 1 and "another master.key" in result.stderr and store_files(other) == before
        shutil.copy(os.path.join(fresh.data, "master.key"), os.path.join(other.data, "master.key"))
        assert db(other.config, "restore", path).returncode == 0
        restart(other)
        assert contents(other) == ["moved"]


def test_what_is_no_good_backup_changes_nothing(fresh, tmp_path):
    for n in range(50):
        write(fresh, f"message {n} " + "x" * 500)
    good = backup(fresh.config)
    fresh.stop()
    damaged, newer, other, text = (tmp_path / name for name in ("damaged", "newer", "other", "text"))
    shutil.copy(good, damaged)
    spoil(damaged, "messages", 200)
    shutil.copy(good, newer)
    change(newer, "PRAGMA user_version = 7")
    change(other, "CREATE TABLE x (y)")
    text.write_text("no database" * 100, encoding="ascii")
    before = (store_files(fresh), pathlib.Path(fresh.database()).read_bytes())
    for path, said in ((damaged, "damaged"), (newer, "newer server"), (other, "another program"), (text, "not a database"),
                       (tmp_path / "none", "there is no store"), (fresh.database(), "the store itself")):
        result = db(fresh.config, "restore", path)
        assert result.returncode == 1 and said in result.stderr and result.stdout == "", (path, result.stderr)
        assert (store_files(fresh), pathlib.Path(fresh.database()).read_bytes()) == before
        assert not [name for name in os.listdir(fresh.data) if name.startswith(".steward-backup-")]


def test_a_limit_on_files_leaves_the_store_in_its_place(fresh):
    for n in range(40):
        write(fresh, str(n) * 2000)
    path = backup(fresh.config)
    fresh.stop()
    before = sorted(os.listdir(fresh.data))
    result = db(fresh.config, "restore", path, wrapper=["prlimit", "--fsize=65536"])
    assert result.returncode == 1 and sorted(os.listdir(fresh.data)) == before, result.stderr
    restart(fresh)
    assert len(contents(fresh)) == 40


@needs_root
def test_root_restores_and_checks_for_the_owner_of_the_data_folder():
    env = without_leaks()
    with folder_of_nobody() as folder:
        server = Steward(folder=str(folder), wrapper=AS_NOBODY)
        try:
            server.start()
            write(server, "kept")
            private = folder / "root.db"
            backup(server.config, private, env=env)
            assert os.stat(private).st_uid == 0 and os.stat(private).st_mode & 0o777 == 0o600
            write(server, "lost")
            server.kill()
            for words in (("check",), ("check", server.database()), ("restore", private), ("check",)):
                result = db(server.config, *words, env=env)
                assert result.returncode == 0, (words, result.stdout, result.stderr)
                assert set(owners(server.data).values()) == {NOBODY}, (words, owners(server.data))
            restart(server)
            assert contents(server) == ["kept"]
        finally:
            server.close()
