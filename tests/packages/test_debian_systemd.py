"""The Debian packages on a system that systemd runs: the unit as it is, sandbox and all."""
import contextlib
import re
import socket

import pytest

from support import booted, debian, tour
from support.root import Root
from support.service import PASSWORD_FILE, Client, any_port, address
from support.steward import eventually

EXPOSURE_MAX = 1.5


@pytest.fixture(scope="module")
def packages():
    return debian.build()


@pytest.fixture
def system(packages):
    """Without steward; its server will take any port."""
    with Root(packages=[*booted.PACKAGES, *debian.dependencies(packages["steward"])]) as root, booted.system(root):
        any_port(root)
        yield root


def show(root, name):
    return root.run(["systemctl", "show", "steward", "--value", "-p", name]).strip()


def journal(root):
    return root.run("journalctl -u steward --no-pager -o cat")


def address_now(root):
    """Of the server that runs, not of one before it."""
    return address(lambda: root.run(f"journalctl --no-pager -o cat _PID={show(root, 'MainPID')}"))


def status_of_process(root):
    text = root.run(["cat", f"/proc/{show(root, 'MainPID')}/status"])
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_the_service_runs_after_the_installation_and_answers_the_readmes_tour(system, packages):
    said = system.install(packages["steward"])
    assert show(system, "ActiveState") == "active"
    assert show(system, "UnitFileState") == "enabled"
    with open(debian.ROOT / "README.md", encoding="utf-8") as file:
        text = file.read()
    password = system.run(["cat", PASSWORD_FILE]).strip()
    url = address_now(system)
    checked = 0
    for _, done in tour.run_all(text, url, password):
        for command, shown, got in done:
            assert tour.mask(got) == tour.mask(shown), command
            checked += 1
    assert checked > 10
    assert show(system, "NRestarts") == "0"
    assert password not in said + journal(system)


def test_the_sandbox_is_closed_and_nothing_in_it_is_refused(system, packages):
    system.install(packages["steward"])
    status = status_of_process(system)
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
    assert {status[name].strip() for name in ("CapBnd", "CapEff", "CapPrm", "CapAmb")} == {"0" * 16}
    assert system.run(f"stat -c %U /proc/{show(system, 'MainPID')}").strip() == "steward"
    exposure = re.search(r"exposure level for steward.service: ([0-9.]+)",
                         system.run("systemd-analyze security steward --no-pager"))
    assert float(exposure.group(1)) <= EXPOSURE_MAX
    assert system.run("systemd-analyze verify --man=no steward.service") == ""
    assert not re.search(r"\b(?:warn|error)\b", journal(system))


def test_reload_reads_the_configuration_again_and_a_killed_server_comes_back(system, packages):
    system.install(packages["steward"])
    system.write("/etc/steward/conf.d/log.conf", "[log]\nlevel = debug\n", mode=0o640, owner="root:steward")
    system.run("systemctl reload steward")
    eventually(lambda: "1 options changed" in journal(system), what="the reload")
    main = show(system, "MainPID")
    system.run(f"kill -9 {main}")
    eventually(lambda: show(system, "NRestarts") == "1" and show(system, "ActiveState") == "active", what="the restart")
    assert show(system, "MainPID") != main


def test_an_upgrade_restarts_the_service_after_the_backup(system, packages):
    version, old = debian.older()
    system.install(old["steward"])
    assert f"steward {version} " in journal(system)
    main = show(system, "MainPID")
    system.install(packages["steward"])
    assert show(system, "MainPID") != main
    assert show(system, "ActiveState") == "active"
    assert f"steward {debian.version()} " in journal(system)
    assert len(system.run("ls /var/lib/steward/backups").split()) == 1


def test_an_upgrade_whose_backup_fails_leaves_the_old_server_running(system, packages):
    _, old = debian.older()
    system.install(old["steward"])
    main = show(system, "MainPID")
    system.write("/var/lib/steward/backups", "no folder")
    assert system.install(packages["steward"], check=False).returncode != 0
    assert show(system, "MainPID") == main
    assert show(system, "ActiveState") == "active"


def test_a_plugin_package_restarts_the_server_and_removing_steward_stops_it(system, packages):
    system.install(packages["steward"])
    system.write("/etc/steward/conf.d/plugins.conf", "[plugins]\nenabled = auth, users, messages, chat, feishu\n",
                 mode=0o640, owner="root:steward")
    main = show(system, "MainPID")
    system.install(packages["steward-plugin-feishu"])
    assert show(system, "MainPID") != main
    assert "5 plugins" in journal(system)

    system.run("apt-get remove -y -q steward")
    assert system.run("systemctl is-active steward", check=False).stdout.strip() == "inactive"
    assert system.run("ls /var/lib/steward/steward.db")


def block_of_readme(kind, word):
    """The one block of packaging/README.md, of that kind, that has the word."""
    text = (debian.ROOT / "packaging" / "README.md").read_text(encoding="utf-8")
    [found] = [block for block in re.findall(rf"^```{kind}\n(.*?)^```", text, re.S | re.M) if word in block]
    return found


def test_the_drop_ins_of_the_readme_open_a_low_port_and_another_folder(system, packages):
    system.install(packages["steward"])
    port = low_port()
    system.write("/etc/steward/conf.d/port.conf", f"[server]\nport = {port}\ndata_dir = /srv/steward\n")
    system.run("install -d -o steward -g steward -m 0700 /srv/steward")
    assert system.run("systemctl restart steward", check=False).returncode != 0
    for name, directive in (("port", "AmbientCapabilities"), ("data", "ReadWritePaths")):
        system.write(f"/etc/systemd/system/steward.service.d/{name}.conf", block_of_readme("ini", directive))
    system.run("systemctl daemon-reload; systemctl reset-failed steward; systemctl restart steward")
    assert address_now(system) == f"http://127.0.0.1:{port}"
    assert system.run("ls /srv/steward/steward.db")


def low_port():
    for port in range(1023, 512, -1):
        with socket.socket() as attempt, contextlib.suppress(OSError):
            attempt.bind(("127.0.0.1", port))
            return port
    return pytest.skip("no free port below 1024")


def test_a_backup_is_restored_and_a_plugin_enabled_as_the_readme_says(system, packages):
    system.install(packages["steward"], packages["steward-plugin-feishu"])
    service = Client(address_now(system))
    password = system.run(["cat", PASSWORD_FILE]).strip()
    service.login(password)
    service.add_agent("early")
    backup = re.search(r"^/var/lib/steward/backups/(\S+): ", system.run("steward db backup"), re.M).group(1)
    service.add_agent("late")
    assert service.agents() >= {"early", "late"}
    system.run("set -e\n" + re.sub(r"steward-\d+T\d+Z\.db", backup, block_of_readme("", "backups/steward-")))
    service.url = address_now(system)
    service.login(password)  # a token of before is for the store of before
    assert "early" in service.agents() and "late" not in service.agents()

    system.run("set -e\n" + block_of_readme("", "conf.d/plugins.conf"))
    service.url = address_now(system)
    assert service.states()["feishu"] == "enabled"
