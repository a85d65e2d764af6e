"""Fixtures of every Python test."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support.steward import Steward  # noqa: E402


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
