"""What a server that runs says of itself: plugins, the API, metrics; and what the tools say."""
import os

import requests
from support.steward import BINARY, Steward, free_port, run_steward


def test_plugins_can_be_switched_off_and_on(server):
    states = {p["name"]: p["state"] for p in server.get("/api/plugins").json()}
    assert states["messages"] == "enabled"
    refused = server.post("/api/plugins/users/disable")
    assert refused.status_code == 409 and "needed by" in refused.json()["error"]
    assert server.post("/api/plugins/messages/disable").status_code in (200, 409)
    assert server.post("/api/plugins/nobody/disable").status_code == 404
    assert server.post("/api/plugins/dev-mock/disable").json() == {"name": "dev-mock", "state": "disabled"}
    assert server.get("/api/dev/mock/agent-token/x").status_code == 404
    assert server.get("/api/health").json()["checks"]["plugins"]["dev-mock"] == "disabled"
    assert server.post("/api/plugins/dev-mock/enable").json() == {"name": "dev-mock", "state": "enabled"}
    assert server.post("/api/plugins/messages/enable").status_code == 200
    assert server.get("/api/plugins", token=None).status_code == 401


def test_the_api_describes_itself(server):
    document = server.get("/api/openapi.json", token=None).json()
    assert document["openapi"] == "3.1.0"
    get = document["paths"]["/api/users/agents/{id}/token"]["patch"]
    assert get["parameters"] == [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}]
    assert "/api/ping" in document["paths"] and "/metrics" in document["paths"]


def test_metrics_are_prometheus_text_for_admins(server):
    assert server.get("/metrics", token=None).status_code == 401
    server.post("/api/auth/login", {"username": "admin", "password": "wrong password"}, token=None)
    answer = server.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in answer.text.splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2
    assert 'steward_http_requests_total{route="/api/auth/login",method="POST",status="401"} ' in answer.text
    assert "steward_login_failures_total 1" in answer.text


def test_a_collector_on_this_machine_needs_no_token():
    port = free_port()
    with Steward(options={"server": {"metrics_port": str(port)}}, plugins="auth, users") as server:
        answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5)
        assert answer.status_code == 200 and "steward_sockets_by_role" in answer.text
        for path in ("/api/users", "/api/ping", "/user/passwd", "/"):
            assert requests.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code == 404
        assert requests.post(f"http://127.0.0.1:{port}/metrics", timeout=5).status_code == 405
        assert 'steward_http_requests_total{route="/metrics"' not in answer.text
        assert server.get("/metrics", token=None).status_code == 401
        assert server.get("/metrics").status_code == 200


def test_tools_say_what_a_plugin_is(server):
    folder = os.path.join(os.path.dirname(os.path.dirname(BINARY)), "lib/steward/plugins")
    done = run_steward("plugin", "inspect", os.path.join(folder, "auth.so"), cwd=server.folder)
    assert done.returncode == 0 and "provides    auth/1" in done.stdout and "POST /api/auth/login" in done.stdout
    assert run_steward("plugin", "inspect", "/nowhere/x.so", cwd=server.folder).returncode == 1
    assert "/api/auth/login" in run_steward("routes", cwd=server.folder).stdout
    assert "limits.body" in run_steward("options", "limits", cwd=server.folder).stdout
    wrong = run_steward("srve", cwd=server.folder)
    assert wrong.returncode == 2 and "try: steward help" in wrong.stderr
    for command in ("serve", "check", "routes", "options", "plugin", "version", "help"):
        done = run_steward(command, "--help", cwd=server.folder)
        assert done.returncode == 0 and f"usage: steward {command}" in done.stdout
