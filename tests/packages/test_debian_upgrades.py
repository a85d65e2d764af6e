"""Upgrades that change the store, beside a server that is written to, and back; and beginnings that are not empty."""
import pathlib
import re
import shutil
import threading

import pytest

from support import booted, debian
from support.backups import rows
from support.root import Root
from support.service import Service, any_port

DATA = "/var/lib/steward"
NEXT = "99.0.0"


def one_more_migration(tree):
    """The next version of the tree, whose plugin messages changes its tables."""
    for path, pattern in ((tree / "CMakeLists.txt", r"(?<=project\(steward VERSION )[0-9.]+"),
                          (tree / "packaging/debian/changelog", r"(?<=^steward \()[0-9.]+")):
        path.write_text(re.sub(pattern, NEXT, path.read_text(encoding="utf-8"), count=1), encoding="utf-8")
    folder = tree / "plugins/messages/migrations"
    (folder / "9999_next.sql").write_text("ALTER TABLE messages ADD COLUMN next TEXT;\n", encoding="utf-8")


@pytest.fixture(scope="module")
def packages():
    return debian.build()


@pytest.fixture(scope="module")
def changing():
    return debian.build_copy("changing", one_more_migration)


@pytest.fixture
def root(packages):
    with Root(packages=debian.dependencies(packages["steward"])) as empty:
        yield empty


def contents(service):
    return [row["content"] for row in service.get("/api/messages")]


def post(service, content):
    return service.request("POST", "/api/messages", {"agent_id": "x", "level": "INFO", "content": content})


def backups(root, folder=DATA):
    return sorted(pathlib.PurePath(name) for name in root.run(f"ls -d {folder}/backups/*.db || true").split()
                  if name.startswith("/"))


def status(root):
    return root.run(["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "steward"], check=False).stdout


class Writing:
    """Messages, one after the other, beside what happens in the block; `kept` are those that the server has confirmed."""

    def __init__(self, service):
        self.service, self.kept, self.ended = service, [], threading.Event()
        self.thread = threading.Thread(target=self.write)

    def write(self):
        while not self.ended.is_set():
            content = f"number {len(self.kept)}"
            assert post(self.service, content).status_code == 201
            self.kept.append(content)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def test_an_upgrade_under_load_backs_up_migrates_and_the_backup_goes_back_into_the_old_version(root, packages, changing, tmp_path):
    root.install(packages["steward"])
    any_port(root)
    with Service(root) as service:
        password = service.initial_password()
        token = service.login(password)
        assert post(service, "first").status_code == 201
        with Writing(service) as writing:
            said = root.install(changing["steward"])
        assert len(writing.kept) > 0
    [backup] = backups(root)
    assert str(backup) in said
    shutil.copy(root.path(backup), tmp_path / "copy.db")
    copied = rows(tmp_path / "copy.db")
    assert copied == ["first", *writing.kept][:len(copied)]  # as it was at one moment
    with Service(root) as service:
        service.token = token
        assert service.states()["messages"] == "enabled"
        newest = contents(service)
        assert newest[0] == writing.kept[-1]
        assert post(service, "after").status_code == 201
    checked = root.run("STATE_DIRECTORY=/var/lib/steward steward db check -c /etc/steward/steward.conf")
    assert "9999_next" in checked

    # Back: the old version refuses what the new one has made of the messages, until the backup is in its place.
    root.install(packages["steward"])
    assert status(root) == f"installed {debian.version()}-1"
    with Service(root) as service:
        service.token = token
        assert service.states()["messages"] == "quarantined"
    root.run(f"STATE_DIRECTORY=/var/lib/steward steward db restore -c /etc/steward/steward.conf {backup}")
    with Service(root) as service:
        service.login(password)  # a token of before is for the store of before
        assert service.states()["messages"] == "enabled"
        shown = contents(service)
        assert shown == list(reversed(copied))[:len(shown)] and len(shown) > 0


def test_a_new_version_after_a_removal_backs_up_before_it_starts_and_waits_when_it_cannot(root, packages, changing):
    root.install(packages["steward"])
    any_port(root)
    with Service(root) as service:
        token = service.login(service.initial_password())
        assert post(service, "first").status_code == 201
    root.run("apt-get remove -y -q steward")
    root.write(f"{DATA}/backups", "no folder")
    refused = root.install(changing["steward"], check=False)
    assert refused.returncode != 0 and "could not be backed up" in refused.stdout
    assert status(root) == f"half-configured {NEXT}-1"

    root.run(["rm", f"{DATA}/backups"])
    root.run("dpkg --configure steward")
    assert status(root) == f"installed {NEXT}-1"
    [backup] = backups(root)
    assert "9999_next" not in root.run(f"STATE_DIRECTORY=/var/lib/steward steward db check {backup}")
    assert not root.path("/run/steward.backup-due").exists()
    with Service(root) as service:
        service.token = token
        assert contents(service) == ["first"]


def test_the_store_is_backed_up_where_the_configuration_says_that_it_is(root, packages):
    root.install(packages["steward"])
    any_port(root)
    root.run("install -d -o steward -g steward -m 0700 /srv/steward")
    root.write("/etc/steward/conf.d/place.conf", "[server]\ndata_dir = /srv/steward\n")
    with Service(root):
        pass
    root.run(["rm", "-r", DATA])
    root.copy_in(packages["steward"], "/var/tmp/again.deb")
    said = root.run("dpkg -i /var/tmp/again.deb")
    [backup] = backups(root, "/srv/steward")
    assert str(backup) in said
    root.run("dpkg -i /var/tmp/again.deb")
    assert len(backups(root, "/srv/steward")) == 2


def test_what_the_servers_user_lays_into_its_folder_does_not_hold_an_upgrade(root, packages):
    root.install(packages["steward"])
    any_port(root)
    with Service(root):
        pass
    traps = "rm jwt.secret; for name in jwt.secret.new crash.log control lock; do rm -f $name; mkfifo $name; done"
    root.run(traps, user="steward", cwd=DATA)
    root.copy_in(packages["steward"], "/var/tmp/again.deb")
    root.run("timeout 60 dpkg -i /var/tmp/again.deb")
    assert len(backups(root)) == 1


def test_a_user_and_a_data_folder_that_were_there_before_are_taken_over(packages):
    with Root(packages=[*debian.dependencies(packages["steward"]), *booted.PACKAGES]) as root, booted.system(root):
        root.run("useradd --system --gid nogroup --home-dir /srv --shell /bin/sh steward")
        root.run(f"install -d /etc/steward/conf.d {DATA}/backups")
        any_port(root)
        root.write(f"{DATA}/backups/steward-20260102T030405Z.db", "kept")
        root.write("/srv/elsewhere", "root's")
        root.run(f"ln -s /srv/elsewhere {DATA}/link")
        root.install(packages["steward"])
        assert root.run("systemctl is-active steward").strip() == "active"
        owners = root.run(f"stat -c '%U %a %n' {DATA} {DATA}/* {DATA}/backups/* /srv/elsewhere").splitlines()
        assert owners[0] == f"steward 700 {DATA}" and owners.pop() == "root 644 /srv/elsewhere"
        assert {line.split()[0] for line in owners} == {"steward"}, owners
        assert root.path(f"{DATA}/jwt.secret").stat().st_mode & 0o777 == 0o600


def test_purging_empties_a_disk_that_is_mounted_there_and_leaves_it(root, packages):
    root.run(f"mkdir {DATA} && mount -t tmpfs data {DATA}")
    root.install(packages["steward"])
    root.run("apt-get purge -y -q steward")
    assert status(root).startswith(("not-installed", "dpkg-query: no packages"))
    assert root.run(f"ls -A {DATA}") == "" and not root.path("/etc/steward").exists()
