"""What the server's user, a module that has been taken over say, may lay into the data folder for root's commands."""
import os
import pathlib
import socket

import pytest
from support.backups import backup, db, rows, write
from support.other_user import AS_NOBODY, NOBODY, folder_of_nobody, needs_root, owners, without_leaks
from support.passwords import passwd
from support.steward import Steward

pytestmark = needs_root
SOON = ["timeout", "30"]  # on any machine; who waits for a trap waits for ever


@pytest.fixture(name="server")
def server_that_ran():
    with folder_of_nobody() as folder:
        server = Steward(folder=str(folder), wrapper=AS_NOBODY)
        try:
            server.start()
            write(server, "kept")
            server.stop()
            yield server
        finally:
            server.close()


def as_nobody(*words):
    """Makes one thing in the data folder, as its owner would."""
    make, *rest = words
    make(*rest)
    os.lchown(rest[-1], NOBODY, NOBODY)


@pytest.mark.parametrize("word", ["check", "restore"])
def test_a_pipe_in_the_place_of_the_key_holds_nobody(server, tmp_path, word):
    env = without_leaks()
    kept = backup(server.config, tmp_path / "kept.db", env=env)
    key = os.path.join(server.data, "master.key")
    os.unlink(key)
    as_nobody(os.mkfifo, key)
    result = db(server.config, word, *([kept] if word == "restore" else []), wrapper=SOON, env=env)
    assert result.returncode == 1, result
    assert "master.key is no plain file" in result.stdout + result.stderr


def test_a_socket_that_takes_no_caller_holds_nobody(server):
    with socket.socket(socket.AF_UNIX) as deaf:
        folder = os.open(server.data, os.O_PATH)
        path = f"/proc/self/fd/{folder}/control"
        as_nobody(deaf.bind, path)
        deaf.listen(0)
        with socket.socket(socket.AF_UNIX) as first:  # has the one place in its queue
            first.connect(path)
            result = passwd(server, "admin", wrapper=SOON, env=without_leaks())
        os.close(folder)
    assert result.returncode == 1 and "the server does not answer" in result.stderr


@pytest.mark.parametrize("by_a_link_of_root", [False, True])
def test_a_link_on_the_way_to_a_backup_does_not_make_root_write_elsewhere(server, tmp_path, by_a_link_of_root):
    env = without_leaks()
    elsewhere = tmp_path / "roots own"
    elsewhere.mkdir(mode=0o755)
    trap = pathlib.Path(server.data) / "nightly"
    as_nobody(os.symlink, elsewhere, trap)
    folder = tmp_path / "nightly" if by_a_link_of_root else trap
    if by_a_link_of_root:
        folder.symlink_to(trap)
    result = db(server.config, "backup", folder / "b.db", env=env)
    assert result.returncode == 1 and "Permission denied" in result.stderr, result
    assert os.listdir(elsewhere) == []


def test_roots_own_links_to_a_folder_are_followed(server, tmp_path):
    env = without_leaks()
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("../" + tmp_path.name + "/./disk//")
    assert db(server.config, "backup", "link/../link/b.db", env=env, cwd=tmp_path).returncode == 0
    assert rows(tmp_path / "disk/b.db") == ["kept"] and owners(tmp_path / "disk") == {"b.db": 0}
    # Into a folder of the server's user by such a link: what lies there is to be its own.
    home = pathlib.Path(server.data).parent / "home"
    home.symlink_to(server.data)
    backup(server.config, home / "b.db", env=env)
    assert owners(server.data)["b.db"] == NOBODY
