"""The RPMs come, are replaced and go: rpm itself in a Debian root, whose libraries they were built with."""
import os
import re

import pytest
from support import booted, rpms, tour
from support.root import Root
from support.service import Service, any_port
from support.steward import ROOT, eventually

NEWER = "99.0.0"
DATA, CONFIG = "/var/lib/steward", "/etc/steward/steward.conf"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return rpms.build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def newer(tmp_path_factory):
    return rpms.build_elsewhere(tmp_path_factory.mktemp("newer"), NEWER)


@pytest.fixture(scope="module")
def needed(built, tmp_path_factory):
    """What a root must have beside rpm."""
    return ["rpm", *rpms.libraries(rpms.extract(built["steward"], str(tmp_path_factory.mktemp("unpacked"))))]


@pytest.fixture
def root(needed):
    with Root(packages=needed) as made:
        yield made


def rpm(root, word, *files, env=None, check=True):
    """rpm -i, -U or -e. Its database knows nothing of Debian's packages, so it is told not to ask for them."""
    names = []
    for file in files:
        if file.endswith(".rpm"):
            root.copy_in(file, f"/mnt/{os.path.basename(file)}")
            file = f"/mnt/{os.path.basename(file)}"
        names.append(file)
    return root.run(["rpm", "--force-debian", "--nodeps", word, *names], env=env, check=check)


def version(root):
    return root.run("rpm -q --qf '%{VERSION}' steward")


def about(root, path):
    """(mode, user, group) of a file."""
    return tuple(root.run(["stat", "--format=%a %U %G", path]).split())


def test_installing_makes_the_user_the_folders_and_the_secret_and_prints_where_the_password_will_be(root, built):
    printed = rpm(root, "-i", built["steward"])
    user = root.run("getent passwd steward").strip().split(":")
    assert 0 < int(user[2]) < 1000 and user[5:] == [DATA, "/sbin/nologin"]
    assert about(root, DATA) == ("700", "steward", "steward")
    assert about(root, "/var/log/steward") == ("750", "steward", "steward")
    assert about(root, CONFIG) == ("640", "root", "steward")
    assert root.run(["ls", "-A", DATA]).split() == ["jwt.secret"]
    assert about(root, f"{DATA}/jwt.secret") == ("600", "steward", "steward")
    secret = root.path(f"{DATA}/jwt.secret").read_text(encoding="ascii")
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", secret) and secret not in printed
    assert f"{DATA}/initial-admin-password" in printed
    assert root.run("rpm -V --nodeps steward") == ""


def test_two_installations_have_different_secrets(needed, built):
    secrets = set()
    for _ in range(2):
        with Root(packages=needed) as root:
            rpm(root, "-i", built["steward"])
            secrets.add(root.path(f"{DATA}/jwt.secret").read_text(encoding="ascii"))
    assert len(secrets) == 2


def test_the_installed_server_runs_as_its_unit_says_with_that_secret_and_answers_the_whole_tour(root, built):
    rpm(root, "-i", built["steward"], built["steward-plugin-feishu"])
    any_port(root)
    secret = root.path(f"{DATA}/jwt.secret").read_text(encoding="ascii")
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as page:
        text = page.read()
    with Service(root) as service:
        done = [line for _, block in tour.run_all(text, service.url, service.initial_password()) for line in block]
    assert len(done) > 10
    for command, shown, got in done:
        assert tour.mask(got) == tour.mask(shown), command
    assert root.path(f"{DATA}/jwt.secret").read_text(encoding="ascii") == secret


def test_an_upgrade_takes_a_backup_first_and_keeps_data_configuration_and_logins(root, built, newer):
    rpm(root, "-i", built["steward"])
    any_port(root)
    message = {"agent_id": "x", "level": "INFO", "content": "before the upgrade"}
    with Service(root) as service:
        admin = service.login(service.initial_password())
        assert service.request("POST", "/api/messages", message).status_code == 201
    root.run(f"sed -i 's/^#shutdown_timeout = .*/shutdown_timeout = 9s/' {CONFIG}")
    edited = root.path(CONFIG).read_text(encoding="utf-8")
    assert "\nshutdown_timeout = 9s\n" in edited

    rpm(root, "-U", newer["steward"])
    assert version(root) == NEWER and root.run("steward version").startswith(f"steward {NEWER} ")
    assert root.path(CONFIG).read_text(encoding="utf-8") == edited
    assert about(root, CONFIG) == ("640", "root", "steward")
    backup, = root.run(f"ls -d {DATA}/backups/*").split()
    assert about(root, backup) == ("600", "steward", "steward")
    with Service(root) as service:
        shown = service.get("/api/messages", admin)
        assert [row["content"] for row in shown] == ["before the upgrade"]

    root.run(f"cp --preserve {backup} {DATA}/steward.db && rm -f {DATA}/steward.db-*")
    with Service(root) as service:  # what was backed up is whole
        assert service.get("/api/messages", admin) == shown


def test_an_upgrade_before_the_first_start_needs_no_backup(root, built, newer):
    rpm(root, "-i", built["steward"])
    secret = root.path(f"{DATA}/jwt.secret").read_text(encoding="ascii")
    rpm(root, "-U", newer["steward"])
    assert version(root) == NEWER
    assert root.path(f"{DATA}/jwt.secret").read_text(encoding="ascii") == secret


def test_a_backup_that_fails_stops_the_upgrade_unless_asked_to_go_without(root, built, newer):
    rpm(root, "-i", built["steward"])
    root.write(f"{DATA}/steward.db", "this is no store", owner="steward:steward")
    refused = rpm(root, "-U", newer["steward"], check=False)
    assert refused.returncode != 0 and "stays" in refused.stdout
    assert version(root) == rpms.tree_version()
    assert root.run("steward version").startswith(f"steward {rpms.tree_version()} ")
    rpm(root, "-U", newer["steward"], env={"STEWARD_UPGRADE_WITHOUT_BACKUP": "1"})
    assert version(root) == NEWER
    assert root.path(f"{DATA}/steward.db").read_text(encoding="ascii") == "this is no store"


def test_removing_keeps_the_data_for_another_installation_and_the_page_s_commands_delete_it(root, built):
    rpm(root, "-i", built["steward"], built["steward-plugin-feishu"])
    root.run(f"echo '# ours' >>{CONFIG}")
    any_port(root)
    with Service(root) as service:
        admin = service.login(service.initial_password())
    kept = {name: root.path(f"{DATA}/{name}").read_bytes() for name in ("jwt.secret", "master.key", "steward.db")}

    rpm(root, "-e", "steward", "steward-plugin-feishu")
    assert not root.path("/usr/bin/steward").exists() and not root.path("/usr/lib64/steward").exists()
    assert {name: root.path(f"{DATA}/{name}").read_bytes() for name in kept} == kept
    assert root.path("/etc/steward/conf.d/port.conf").exists()
    assert root.path(f"{CONFIG}.rpmsave").read_text(encoding="utf-8").endswith("# ours\n")

    assert not root.path(f"{DATA}/backups").exists()
    printed = rpm(root, "-i", built["steward"])  # it may be another version: a backup comes before its first start
    backup, = root.run(f"ls -d {DATA}/backups/*").split()
    assert backup in printed
    with Service(root) as service:
        assert service.get("/api/messages", admin) == []
    rpm(root, "-e", "steward")
    with open(os.path.join(ROOT, "packaging/rpm/README.md"), encoding="utf-8") as page:
        root.run(re.findall(r"```\n(.*?)```", page.read(), re.S)[-1])
    left = root.run("find / -xdev -name '*steward*' -not -path '/mnt/*' -not -path '/run/*'; getent passwd steward || true")
    assert left == ""


# ---- under systemd ----

def state(root):
    return root.run("systemctl is-active steward; systemctl is-enabled steward", check=False).stdout.split()


def process(root):
    return root.run("systemctl show --property=MainPID --value steward").strip()


def test_under_systemd_packages_start_restart_and_stop_the_server(needed, built, newer):
    with Root(packages=[*needed, *booted.PACKAGES]) as root, booted.system(root):
        any_port(root)
        rpm(root, "-i", built["steward"])
        assert state(root) == ["active", "enabled"]
        assert root.run("journalctl --unit=steward --output=cat").count("Starting steward.service") == 1
        assert not root.path("/run/steward.first-start").exists()
        eventually(root.path(f"{DATA}/initial-admin-password").exists)

        first = process(root)
        rpm(root, "-i", built["steward-plugin-feishu"])
        second = process(root)
        assert second not in ("0", first)
        rpm(root, "-U", newer["steward"], newer["steward-plugin-feishu"])
        assert state(root) == ["active", "enabled"]
        third = process(root)
        assert third not in ("0", second)
        assert f"steward {NEWER}" in root.run(f"/proc/{third}/exe version")
        assert len(root.run(f"ls {DATA}/backups").split()) == 1

        rpm(root, "-e", "steward-plugin-feishu")
        assert process(root) not in ("0", third)
        rpm(root, "-e", "steward")
        assert process(root) == "0" and "active" not in state(root)
        assert root.path(f"{DATA}/steward.db").exists()
        rpm(root, "-i", newer["steward"])
        assert state(root) == ["active", "enabled"]


def test_under_systemd_neither_a_preset_against_it_nor_a_stopped_server_is_overruled(needed, built, newer):
    with Root(packages=[*needed, *booted.PACKAGES]) as root, booted.system(root):
        root.write("/etc/systemd/system-preset/00-site.preset", "disable steward.service\n")
        rpm(root, "-i", built["steward"])
        assert state(root) == ["inactive", "disabled"]
        rpm(root, "-U", newer["steward"])
        assert state(root) == ["inactive", "disabled"]
