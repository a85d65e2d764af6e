"""Fixtures of every Python test."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support.steward import Steward, running_servers  # noqa: E402


# Files that take long, the longest first: begun last, one of them would run on alone at the end.
LONG = ["test_debian_files.py", "test_debian.py", "test_debian_upgrades.py", "test_debian_systemd.py",
        "test_rpm_life.py", "test_rpm.py", "test_container.py", "test_feishu_connect.py", "test_feishu_rest.py",
        "test_feishu_restart.py", "test_upkeep.py", "test_feishu_cards.py", "test_heartbeat.py", "test_chat_recovery.py",
        "test_chat_approval_delivery.py", "test_slow.py", "test_closing.py", "test_delivery.py"]


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    """A failed test shows what the servers that still run have logged: most of them outlive the test."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and report.when != "teardown":
        for server in running_servers():
            report.sections.append((f"log of {server.url}", server.log()[-6000:]))


@pytest.fixture(scope="module")
def server():
    """One server per test file."""
    with Steward() as running:
        yield running


@pytest.fixture
def fresh():
    """A server of this test alone."""
    with Steward() as running:
        yield running
