"""What the WebSocket tests share."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support.steward import Steward  # noqa: E402


@pytest.fixture(scope="module")
def server():
    """One server per test file, with an agent."""
    with Steward(options={"quota": {"sockets": "0"}}) as running:
        running.agent_id, running.agent_token = running.agent("agent")
        yield running
