"""Where steward db backup finds the store and puts the copy, and which older copies go."""
import os
import shutil
import subprocess

from support.backups import BACKUP_NAME, backup, db, plain_config, small_store
from support.steward import outer_environment


def test_an_existing_file_is_never_overwritten(fresh, tmp_path):
    target = tmp_path / "there"
    target.write_text("precious", encoding="ascii")
    result = db(fresh.config, "backup", target)
    assert result.returncode == 1 and "exists already" in result.stderr and result.stdout == ""
    assert target.read_text(encoding="ascii") == "precious" and os.listdir(tmp_path) == ["there"]


def test_a_missing_folder_is_not_made(fresh, tmp_path):
    result = db(fresh.config, "backup", tmp_path / "none" / "x.db")
    assert result.returncode == 1 and "No such file or directory" in result.stderr
    assert os.listdir(tmp_path) == []


def test_old_backups_go_and_the_new_one_and_other_files_stay(tmp_path):
    config, folder = plain_config(tmp_path, "[storage]", "backups_kept = 3"), tmp_path / "data" / "backups"
    small_store(tmp_path / "data" / "steward.db")
    folder.mkdir()
    ours = [f"steward-2020010{day}T000000Z.db" for day in range(1, 6)] + ["steward-20200105T000000Z-01.db"]
    others = ["steward-20200101T000000Z.db.txt", "steward-2020.db", "notes", "steward-20200101T000000Z-1.db"]
    for name in ours + others:
        (folder / name).touch()
    (folder / "steward-20190101T000000Z.db").symlink_to("notes")
    new = backup(config).name
    assert sorted(os.listdir(folder)) == sorted(others + ["steward-20190101T000000Z.db", new] +
                                                ["steward-20200105T000000Z.db", "steward-20200105T000000Z-01.db"])
    newer = backup(config, "--keep", "1").name
    assert {new, newer} & set(os.listdir(folder)) == {newer}
    (folder / newer).rename(folder / "steward-29990101T000000Z.db")
    last = backup(config, "--keep", "1").name
    assert [name for name in os.listdir(folder) if BACKUP_NAME.fullmatch(name) and name[8:12] != "2019"] == [last]
    backup(config, "--keep", "0")
    assert (folder / last).exists()


def test_two_backups_within_a_second_get_two_names(tmp_path):
    config = plain_config(tmp_path)
    small_store(tmp_path / "data" / "steward.db")
    paths = [backup(config) for _ in range(6)]
    assert len(set(paths)) == 6 and all(BACKUP_NAME.fullmatch(path.name) for path in paths)


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
        name = backup(config).name
    assert sorted(os.listdir(folder)) == sorted([".steward-backup-busy00", ".steward-backup-new000", name])


def test_wrong_options_of_plugins_and_of_other_sections_do_not_stop_it(tmp_path):
    config = plain_config(tmp_path, "[plugins]", "enabled = no-such-plugin", "unheard_of = 1", "[plugin:gone]", "x = y",
                          "[limits]", "body = enormous")
    small_store(tmp_path / "data" / "steward.db")
    backup(config)


def test_a_configuration_that_does_not_say_where_the_store_is_stops_it(tmp_path):
    small_store(tmp_path / "data" / "steward.db")
    for lines in (["[storage]", "pth = x"], ["[storag]", "path = x"], ["nonsense"]):
        result = db(plain_config(tmp_path, *lines), "backup")
        assert result.returncode == 1 and "steward.conf:" in result.stderr and result.stdout == "", lines
    assert db(str(tmp_path / "none.conf"), "backup").returncode == 1


def test_the_store_is_found_as_the_server_finds_it(tmp_path):
    small_store(tmp_path / "state" / "steward.db")
    small_store(tmp_path / "elsewhere.db")
    config = tmp_path / "empty.conf"
    config.touch()
    state = {**outer_environment(), "STATE_DIRECTORY": f"{tmp_path}/state:{tmp_path}/other"}
    assert backup(str(config), env=state).parent == tmp_path / "state" / "backups"
    state["DB_PATH"] = f"{tmp_path}/elsewhere.db"
    assert backup(str(config), env=state).parent == tmp_path / "state" / "backups"
    (tmp_path / "data").mkdir()
    shutil.move(tmp_path / "state" / "steward.db", tmp_path / "data" / "steward.db")
    assert backup(str(config), cwd=tmp_path).parent == tmp_path / "data" / "backups"


def test_wrong_arguments_are_told_apart_from_failures(tmp_path):
    config = plain_config(tmp_path)
    for words in (["a", "b"], ["--keep"], ["--keep", "x"], ["--keep", "-1"], ["--keep", "3", "file"], ["--bogus"]):
        assert db(config, "backup", *words).returncode == 2, words
