"""The commands of an operator, as root types them on a Debian with the packages."""
import subprocess

import pytest
import requests

from support import debian
from support.root import Root
from support.service import Service, any_port

BANG = """
#include <steward/plugin.h>
#include <stdlib.h>
static sw_status bang(sw_request *req) { (void)req; abort(); }
static const sw_route ROUTES[] = {{.method = SW_POST, .path = "/api/bang", .access = SW_PUBLIC, .lane = SW_LANE_WORKER,
                                   .handle = bang, .summary = "Crashes."}};
const sw_plugin sw_plugin_v1 = {SW_PLUGIN_HEAD, .name = "bang", .version = "1.0.0", .license = "MIT",
                                .summary = "Crashes.", .routes = SW_TABLE(ROUTES)};
"""
ENABLED = "[plugins]\nenabled = auth, users, messages, chat, bang\n"


@pytest.fixture
def root():
    packages = debian.build()
    with Root(packages=debian.dependencies(packages["steward"])) as root:
        root.install(packages["steward"])
        any_port(root)
        yield root


class Safe(Service):
    """Started with one more word."""

    def __init__(self, root):
        super().__init__(root)
        self.unit["ExecStart"] += " --safe-mode"


def signs_in(service, password):
    answer = requests.post(f"{service.url}/api/auth/login", json={"username": "admin", "password": password}, timeout=60)
    return answer.status_code == 200


def passwd(root, password):
    root.run(["steward", "user", "passwd", "admin"], input=password + "\n")


def add_bang(root, folder):
    """A module that others wrote, enabled."""
    (folder / "bang.c").write_text(BANG, encoding="utf-8")
    subprocess.run(["cc", "-std=c11", "-shared", "-fPIC", "-fvisibility=hidden", "-I", debian.ROOT / "include",
                    folder / "bang.c", "-o", folder / "bang.so"], check=True)
    place = next(root.path("/usr/lib").glob("*/steward/plugins")) / "bang.so"
    place.write_bytes((folder / "bang.so").read_bytes())
    root.write("/etc/steward/conf.d/bang.conf", ENABLED)


def crash(root):
    service = Service(root)
    service.__enter__()
    with pytest.raises(requests.ConnectionError):
        service.request("POST", "/api/bang", token="none")
    assert service.process.wait() != 0


def test_root_gives_the_admin_another_password_while_the_server_runs_and_when_it_does_not(root):
    with Service(root) as service:
        service.login(service.initial_password())
        passwd(root, "while it runs")
        assert signs_in(service, "while it runs")
    passwd(root, "while it rests")
    assert root.run("stat -c %U:%G /var/lib/steward/steward.db").strip() == "steward:steward"
    with Service(root) as service:
        assert signs_in(service, "while it rests") and not signs_in(service, "while it runs")


def test_a_plugin_that_crashes_three_times_is_put_aside_until_it_is_released(root, tmp_path):
    add_bang(root, tmp_path)
    for _ in range(3):
        crash(root)
    passwd(root, "a long password")
    with Service(root) as service:
        service.login("a long password")
        assert service.states()["bang"] == "quarantined" and service.states()["messages"] == "enabled"
    assert "bang" in root.run("steward plugin release bang")
    with Service(root) as service:
        service.login("a long password")
        assert service.states()["bang"] == "enabled"


def test_safe_mode_starts_with_auth_and_users_alone(root, tmp_path):
    add_bang(root, tmp_path)
    with Safe(root) as service:
        service.login(service.initial_password())
        assert {name for name, state in service.states().items() if state == "enabled"} - {"core"} == {"auth", "users"}
        assert service.request("POST", "/api/bang").status_code == 404
