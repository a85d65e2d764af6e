"""Fixtures of every Python test."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support.steward import Steward, running_servers  # noqa: E402


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
