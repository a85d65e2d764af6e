"""Modules that readers of steward-plugin(7) wrote from that page and the headers alone: they go on building, passing, working."""
import http.server
import os
import shutil
import threading
import time

import pytest
from support import out_of_tree
from support.author import Author
from support.sockets import Socket
from support.steward import ROOT, eventually

STRICT = "-Wall -Wextra -Wpedantic -Wconversion -Werror"
FOLDERS = {"duty-roster": "reader-roster", "status-page": "reader-status", "status-light": "reader-status"}


@pytest.fixture(scope="module")
def author(tmp_path_factory):
    return Author(out_of_tree.install(tmp_path_factory.mktemp("install")), tmp_path_factory.mktemp("tools"))


def copy(name, where):
    """The module with its neighbours, in a folder where it may be built."""
    folder = where / FOLDERS[name]
    shutil.copytree(os.path.join(ROOT, "tests/abi", FOLDERS[name]), folder)
    return folder


# ---- building, and their own tests ----

@pytest.mark.parametrize("name", FOLDERS)
def test_make_builds_a_readers_module_without_a_warning_and_its_tests_pass(author, tmp_path, name):
    folder = copy(name, tmp_path)
    with author.flags(STRICT):
        if name == "status-light":  # its tests load the other as a file
            author.sh("make", folder / "status-page")
        shown = author.sh(f"make\nmake test\nsteward plugin inspect {name}.so", folder / name)
    lines = shown.splitlines()
    assert "0 failed" in lines and f"name        {name}" in lines


@pytest.mark.parametrize("name", FOLDERS)
def test_cmake_builds_a_readers_module_without_a_warning_and_its_tests_pass(author, tmp_path, name):
    folder = copy(name, tmp_path)
    with author.flags(STRICT):
        shown = author.sh("cmake -B build\ncmake --build build\nctest --test-dir build", folder / name)
    assert "100% tests passed" in shown
    assert (folder / name / "build" / f"{name}.so").is_file()


# ---- in a real server ----

@pytest.fixture(scope="module")
def prefix(author, tmp_path_factory):
    """The install tree, with the three among its plugins."""
    for reader in sorted(set(FOLDERS.values())):
        folder = tmp_path_factory.mktemp("built") / reader
        shutil.copytree(os.path.join(ROOT, "tests/abi", reader), folder)
        for name in (name for name, its in FOLDERS.items() if its == reader):
            author.sh(f"make\ncp {name}.so $(pkg-config --variable=plugindir steward)/", folder / name)
    return author.prefix


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def test_a_shift_is_taken_listed_and_cannot_overlap(prefix):
    with out_of_tree.server(prefix, "auth, users, duty-roster", {"plugin:duty-roster": {"max_shift": "8h"}}) as server:
        agent, token = server.agent("scout")
        shift = {"agent_id": agent, "person": "Ann", "from": stamp(-60), "to": stamp(3600), "note": "by phone"}
        answer = server.post("/api/duty", shift)
        assert answer.status_code == 201 and answer.json()["created_by"] == "admin"
        clash = server.post("/api/duty", {**shift, "person": "Bob", "note": None})
        assert (clash.status_code, clash.json()["code"]) == (409, "shift_overlaps") and "Ann" in clash.json()["error"]
        assert server.post("/api/duty", {**shift, "from": stamp(4000), "to": stamp(4000 + 9 * 3600)}).status_code == 400
        assert server.post("/api/duty", shift, token=token).status_code == 403

        [item] = server.get("/api/duty/now").json()["items"]
        assert (item["person"], item["note"]) == ("Ann", "by phone")
        assert server.get(f"/api/duty/{item['id']}").json() == item
        assert server.get("/api/health").json()["checks"]["duty-roster"]["on_duty"] == 1
        assert server.delete(f"/api/users/agents/{agent}").status_code in (200, 204)
        assert server.get("/api/duty").json()["items"] == []


def test_an_error_of_an_agent_becomes_an_incident_that_dashboards_hear_of(prefix):
    with out_of_tree.server(prefix, "auth, users, messages, chat, duty-roster") as server:
        agent, token = server.agent("scout")
        shift = {"agent_id": agent, "person": "Ann", "from": stamp(-60), "to": stamp(3600)}
        assert server.post("/api/duty", shift).status_code == 201
        with Socket(server, server.admin()) as dashboard:
            for level in ("INFO", "ERROR"):
                message = {"agent_id": "scout", "level": level, "content": "the disk is full"}
                answer = server.post("/api/messages", message, token=token)
                assert answer.status_code == 201, answer.text
            payload = dashboard.get("DUTY_INCIDENT")["payload"]
            assert payload["message_id"] == answer.json()["id"]
            assert (payload["person"], payload["agent_name"], payload["agent_id"]) == ("Ann", "scout", agent)


class Target:
    """What is probed: a server whose answers a test chooses."""

    def __init__(self):
        self.status = 200
        self.keys = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.keys.append(self.headers.get("X-Api-Key"))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def status_server(prefix, target, plugins):
    return out_of_tree.server(prefix, plugins, {"plugin:status-page": {
        "targets": f"web={target.url}", "interval": "1h", "api_key": "an-api-key"}})


def lamp(server):
    return server.get("/api/light?name=web", token=None)


def test_a_target_is_probed_shown_and_its_change_told_to_dashboards(prefix):
    # In the order in which they must not start: needs decide.
    with Target() as target, status_server(prefix, target, "auth, users, status-light, status-page") as server:
        eventually(lambda: server.get("/api/status", token=None).json()["targets"][0]["state"] == "up", what="the first round")
        assert target.keys == ["an-api-key"] and "an-api-key" not in server.log()
        assert lamp(server).json() == {"light": "green"}
        with Socket(server, server.admin()) as asking, Socket(server, server.admin()) as other:
            asking.send({"type": "STATUS_QUERY"})
            assert asking.get("STATUS_PAGE")["payload"]["targets"][0]["name"] == "web"

            target.status = 500
            answer = server.post("/api/status/web/probe", {})
            assert (answer.status_code, answer.json()["state"], answer.json()["changed"]) == (200, "down", True)
            for socket in (asking, other):
                payload = socket.get()["payload"]  # nothing came before it: the page was for `asking` alone
                assert (payload["name"], payload["state"], payload["previous"]) == ("web", "down", "up")
        assert lamp(server).json() == {"light": "red"}
        items = server.get("/api/status/web/history").json()["items"]
        assert [item["state"] for item in items] == ["down", "up"]
        assert server.get("/api/status/none/history").status_code == 404
        assert server.get("/api/status/web/history", token=None).status_code == 401


def test_the_light_does_not_run_without_the_page(prefix):
    with Target() as target, status_server(prefix, target, "auth, users, status-light") as server:
        assert lamp(server).status_code == 404
        [row] = [row for row in server.get("/api/plugins").json() if row["name"] == "status-light"]
        assert row["state"] == "quarantined" and "status/1" in row["error"]
        assert target.keys == []
