"""The official Node SDK, installed once to build/node-sdk, run as a child that talks JSON lines."""
import fcntl
import json
import os
import queue
import subprocess
import threading
import time

import pytest

from .feishu import APP_ID, APP_SECRET
from .steward import ROOT

VERSION = "1.74.0"
FOLDER = os.path.join(ROOT, "build", "node-sdk")
PROXIES = {"http_proxy", "https_proxy", "all_proxy"}
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "CERT_IN_CHAIN", "UNABLE_TO_GET_ISSUER")


def installed():
    """The folder. Without a way to the registry the tests that need it are skipped, and counted as such."""
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        package = os.path.join(FOLDER, "node_modules", "@larksuiteoapi", "node-sdk", "package.json")
        if not os.path.exists(package):
            done = subprocess.run(
                ["npm", "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund",
                 f"@larksuiteoapi/node-sdk@{VERSION}"], cwd=FOLDER, capture_output=True, text=True, timeout=300)
            if done.returncode != 0 and any(word in done.stderr for word in UNREACHABLE):
                pytest.skip("npm cannot reach its registry")
            assert done.returncode == 0, f"npm could not install the official Feishu SDK:\n{done.stderr[-2000:]}"
    return FOLDER


class OfficialClient:
    def __init__(self, feishu, app_id=APP_ID, app_secret=APP_SECRET):
        env = {k: v for k, v in os.environ.items() if k.lower() not in PROXIES}
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "feishu_sdk.mjs")
        self.process = subprocess.Popen(["node", script, installed(), feishu.url, app_id, app_secret], env=env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.events, self.results, self.log = queue.Queue(), queue.Queue(), []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                said = {"log": "plain", "text": line.decode("utf-8", "replace").strip()}
            if "event" in said:
                self.events.put(said)
            elif "result" in said:
                self.results.put(said)
            else:
                self.log.append((said["log"], said["text"]))

    def call(self, name, **args):
        self.process.stdin.write(json.dumps({"call": name, "args": args}).encode() + b"\n")
        self.process.stdin.flush()
        return self.results.get(timeout=20)["result"]

    def event(self, kind="message", seconds=15):
        deadline = time.monotonic() + seconds
        while True:
            said = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            if said["event"] == kind:
                return said

    def errors(self):
        return [text for level, text in self.log if level == "error"]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print("sdk:", self.log[-20:])
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
