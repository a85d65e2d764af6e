"""The Debian packages in a Debian of their own: installed, started as the unit says, upgraded, removed, purged."""
import os
import pathlib
import re
import shutil
import sqlite3

import pytest

from support import debian, tour
from support.root import Root
from support.service import Service, any_port

DATA = "/var/lib/steward"
SECRET = f"{DATA}/jwt.secret"
README = pathlib.Path(debian.ROOT, "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def packages():
    return debian.build()


@pytest.fixture(scope="module")
def older():
    return debian.older()


@pytest.fixture
def root(packages):
    """With what steward depends on, so that each test does not fetch it anew."""
    with Root(packages=debian.dependencies(packages["steward"])) as empty:
        yield empty


@pytest.fixture
def bare():
    with Root() as empty:
        yield empty


def about(root, name):
    """mode, owner and group, as in 0600 steward:steward."""
    return root.run(["stat", "-c", "%04a %U:%G", name]).strip()


def status(root, package="steward"):
    return root.run(["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package], check=False).stdout


def backups(root):
    folder = root.path(f"{DATA}/backups")
    return sorted(folder.iterdir()) if folder.is_dir() else []


def test_an_installation_makes_the_user_the_folders_and_the_secret(bare, packages):
    root = bare
    said = root.install(packages["steward"])
    assert status(root) == f"installed {debian.version()}-1"
    name, _, number, _, _, home, shell = root.run("getent passwd steward").strip().split(":")
    assert (name, home, shell) == ("steward", DATA, "/usr/sbin/nologin")
    assert 100 <= int(number) < 1000
    assert about(root, DATA) == "0700 steward:steward"
    assert about(root, "/var/log/steward") == "0750 steward:steward"
    assert about(root, "/etc/steward") == about(root, "/etc/steward/conf.d") == "0750 root:steward"
    assert about(root, "/etc/steward/steward.conf") == "0640 root:steward"
    assert about(root, SECRET) == "0600 steward:steward"
    assert os.listdir(root.path(DATA)) == ["jwt.secret"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", root.path(SECRET).read_text(encoding="ascii"))
    assert f"{DATA}/initial-admin-password" in said
    assert os.path.islink(root.path("/etc/systemd/system/multi-user.target.wants/steward.service"))


def test_no_secret_is_printed_and_each_installation_has_its_own(root, packages):
    said = root.install(packages["steward"])
    mine = root.path(SECRET).read_text(encoding="ascii")
    with Root() as other:
        said += other.install(packages["steward"])
        others = other.path(SECRET).read_text(encoding="ascii")
    assert mine != others
    assert mine not in said and others not in said


def test_the_server_starts_as_the_unit_says_and_answers_the_readmes_tour(root, packages):
    root.install(packages["steward"])
    any_port(root)
    with Service(root) as service:
        password = service.initial_password()
        checked = 0
        for _, done in tour.run_all(README, service.url, password):
            for command, shown, got in done:
                assert tour.mask(got) == tour.mask(shown), command
                checked += 1
        assert checked > 10
        assert not root.path(f"{DATA}/initial-admin-password").exists()
    log = service.log()
    assert password not in log
    assert root.path(SECRET).read_text(encoding="ascii") not in log
    assert {about(root, f"{DATA}/{name}") for name in ("master.key", "steward.db", "jwt.secret")} == {
        "0600 steward:steward"}


def test_an_upgrade_backs_up_and_keeps_data_and_edited_configuration(root, packages, older, tmp_path):
    version, old = older
    root.install(old["steward"])
    any_port(root)
    edited = root.path("/etc/steward/steward.conf")
    edited.write_text(edited.read_text(encoding="utf-8").replace("#token_lifetime = 24h", "token_lifetime = 48h"),
                      encoding="utf-8")
    before = edited.read_text(encoding="utf-8")
    assert "\ntoken_lifetime = 48h\n" in before

    with Service(root) as service:  # and it goes on while the packages change
        token = service.login(service.initial_password())
        service.add_agent("keeper")
        secrets = {name: root.path(f"{DATA}/{name}").read_bytes() for name in ("jwt.secret", "master.key")}
        said = root.install(packages["steward"])
        assert service.agents() >= {"keeper"}
    assert version != debian.version()
    assert status(root) == f"installed {debian.version()}-1"
    assert root.run("steward version").split()[1] == debian.version()
    assert edited.read_text(encoding="utf-8") == before
    assert about(root, "/etc/steward/steward.conf") == "0640 root:steward"
    assert {name: root.path(f"{DATA}/{name}").read_bytes() for name in secrets} == secrets

    [backup] = backups(root)
    assert backup.name in said
    assert about(root, f"{DATA}/backups") == "0700 steward:steward"
    assert about(root, f"{DATA}/backups/{backup.name}") == "0600 steward:steward"
    shutil.copy(backup, tmp_path / "backup.db")
    with sqlite3.connect(tmp_path / "backup.db") as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert ("keeper",) in store.execute("SELECT username FROM users").fetchall()

    with Service(root) as service:
        service.token = token
        assert service.agents() >= {"keeper"}


def test_an_upgrade_without_a_backup_does_not_happen(root, packages, older):
    version, old = older
    root.install(old["steward"])
    any_port(root)
    with Service(root) as service:
        token = service.login(service.initial_password())
        service.add_agent("keeper")
    root.write(f"{DATA}/backups", "no folder")  # so that there is no place for one
    refused = root.install(packages["steward"], check=False)
    assert refused.returncode != 0
    assert "could not be backed up" in refused.stdout
    assert status(root) == f"installed {version}-1"
    assert root.run("steward version").split()[1] == version
    with Service(root) as service:
        service.token = token
        assert service.agents() >= {"keeper"}

    root.run(["rm", f"{DATA}/backups"])
    root.install(packages["steward"])
    assert status(root) == f"installed {debian.version()}-1"
    assert len(backups(root)) == 1


def test_who_insists_upgrades_without_a_backup(root, packages, older):
    _, old = older
    root.install(old["steward"])
    any_port(root)
    with Service(root):
        pass
    root.write(f"{DATA}/backups", "no folder")
    root.environment["STEWARD_UPGRADE_WITHOUT_BACKUP"] = "1"
    root.install(packages["steward"])
    assert status(root) == f"installed {debian.version()}-1"


def test_an_upgrade_of_a_server_that_never_ran_goes_on(root, packages, older):
    _, old = older
    root.install(old["steward"])
    root.install(packages["steward"])
    assert status(root) == f"installed {debian.version()}-1"
    assert backups(root) == []


def test_removing_keeps_data_a_reinstallation_finds_it_and_purging_deletes_it(root, packages):
    root.install(packages["steward"])
    any_port(root)
    with Service(root) as service:
        token = service.login(service.initial_password())
        service.add_agent("keeper")
    secret = root.path(SECRET).read_bytes()

    root.run("apt-get remove -y -q steward")
    assert status(root).startswith("config-files")
    assert not root.path("/usr/bin/steward").exists()
    assert root.path(SECRET).read_bytes() == secret
    assert root.path(f"{DATA}/steward.db").exists()
    assert root.path("/etc/steward/steward.conf").exists()

    root.install(packages["steward"])
    assert root.path(SECRET).read_bytes() == secret
    with Service(root) as service:
        service.token = token
        assert service.agents() >= {"keeper"}

    root.run("apt-get purge -y -q steward")
    for name in (DATA, "/var/log/steward", "/etc/steward"):
        assert not root.path(name).exists(), name
    assert root.run("find / -xdev -iname '*steward*' -not -path '/var/tmp/*' -not -path '/proc/*' -not -path '/run/*'"
                    " -not -path '/var/cache/apt/*'") == ""
    assert root.run("getent passwd steward")  # files elsewhere may still be its own


def test_purging_keeps_the_backups_and_the_key_that_they_need(root, packages):
    root.install(packages["steward"])
    any_port(root)
    with Service(root) as service:
        service.login(service.initial_password())
    key = root.path(f"{DATA}/master.key").read_bytes()
    root.run("steward db backup -c /etc/steward/steward.conf")
    kept = backups(root)
    assert len(kept) == 1
    said = root.run("apt-get purge -y -q steward")
    assert f"{DATA}/backups stays" in said
    assert os.listdir(root.path(DATA)) == ["backups"]
    left = sorted(os.listdir(root.path(f"{DATA}/backups")))
    assert len(left) == 2 and left[0].startswith("master.key-")
    assert root.path(f"{DATA}/backups/{left[0]}").read_bytes() == key

    root.install(packages["steward"])  # begins anew: the key of before is not in its place
    any_port(root)
    with Service(root) as service:
        assert service.login(service.initial_password())
    assert root.path(f"{DATA}/master.key").read_bytes() != key


def test_plugin_packages_need_the_servers_abi_and_run_once_named(root, packages):
    plugins = [packages["steward-plugin-feishu"], packages["steward-plugin-dev-mock"]]
    alone = root.install(*plugins, check=False)
    assert alone.returncode != 0 and "steward-plugin-abi-1" in alone.stdout
    root.install(packages["steward"], *plugins)
    any_port(root)
    with Service(root) as service:
        token = service.login(service.initial_password())
        assert service.states() == {name: "enabled" for name in ("auth", "users", "messages", "chat")}

    enabled = "[plugins]\nenabled = auth, users, messages, chat, feishu, dev-mock\n"
    root.write("/etc/steward/conf.d/plugins.conf", enabled)
    with Service(root) as service:
        service.token = token
        assert service.states()["feishu"] == "enabled"
        assert service.states()["dev-mock"] == "disabled"  # in production
    root.write("/etc/steward/conf.d/plugins.conf", enabled + "[server]\nenv = development\n")
    with Service(root) as service:
        service.token = token
        assert set(service.states().values()) == {"enabled"}
        assert service.request("GET", "/api/dev/mock/agent-token/nobody").json()["code"] == "not_found"
        assert service.request("POST", "/api/dev/mock/chat", {}).status_code == 400

    root.run("apt-get purge -y -q steward-plugin-feishu")
    with Service(root) as service:
        service.token = token
        assert service.states()["feishu"] == "quarantined"
        assert service.states()["chat"] == "enabled"
