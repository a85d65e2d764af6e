"""Node's ws, which checks every rule of RFC 6455, against the server."""
import os
import subprocess

import pytest
from support.steward import ROOT, Steward


@pytest.fixture(scope="module")
def server():
    with Steward(options={"ws": {"compression": "true", "errors_per_minute": "1000"}}) as running:
        running.agent_id, running.agent_token = running.agent("agent")
        yield running


@pytest.mark.parametrize("deflate", ["plain", "deflate"])
@pytest.mark.parametrize("size", [10, 200, 60000])
def test_frames_pings_and_closing(server, size, deflate):
    url = f"{server.ws_url}?token={server.agent_token}"
    done = subprocess.run(["node", os.path.join(ROOT, "tests/ws/echo.mjs"), url, "100", str(size), deflate],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
