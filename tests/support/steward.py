"""A Steward of a test's own: the real binary, a temporary folder, a free port, nothing left behind."""
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import requests

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("STEWARD_BUILD", os.path.join(ROOT, "build", "dev")))
BINARY = os.path.join(BUILD, "bin", "steward")
ADMIN_PASSWORD = "correct horse battery"
PLUGINS = "auth, users, messages, chat, dev-mock"
REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|UndefinedBehavior|"
                    r"^==\d+== (?:Invalid|Conditional|Use of|Syscall param|Source and dest|.* definitely lost)", re.M)
WRAPPER = shlex.split(os.environ.get("STEWARD_WRAPPER", ""))  # "valgrind -q --error-exitcode=97", say
START_SECONDS = 60
_running = []


def sanitizer(build=BUILD):
    """"thread", "address,undefined" or ""."""
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
        found = re.search(r"^STEWARD_SANITIZE:\w+=(.*)$", cache.read(), re.M)
    return found.group(1) if found else ""


def outer_environment(**more):
    """Of this program, without what would configure a server, and with `more`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STEWARD_", "SERVER_", "JWT_", "DB_PATH"))}
    return {**kept, **more}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_steward(*words, cwd, env=None):
    """A command to its end: returncode, stdout, stderr."""
    return subprocess.run([BINARY, *words], cwd=cwd, env=outer_environment(**(env or {})), capture_output=True, text=True,
                          timeout=60, check=False)


def running_servers():
    _running[:] = [server for server in _running if server.process is not None]
    return list(_running)


class Steward:
    """with Steward() as s: s.get("/api/ping"); options become lines of the config file, by section."""

    def __init__(self, options=None, env=None, plugins=PLUGINS, folder=None, wrapper=()):
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="steward-test-")
        self.data = os.path.join(self.folder, "data")
        self.env = dict(env or {})
        self.wrapper = list(wrapper) or WRAPPER
        self.serve_options = []
        self.config_mode = 0o644 if wrapper else 0o600  # it holds a password, and a wrapper may make it another user's
        self.process = None
        self.tokens = {}
        self.checked = 0
        self.options = {
            "server": {"host": "127.0.0.1", "port": "0", "env": "development", "data_dir": self.data, "loops": "2",
                       "workers": "4"},
            "auth": {"bcrypt_cost": "4", "initial_admin_pass": ADMIN_PASSWORD},
            "plugins": {"enabled": plugins},
            "log": {"level": "debug"},
        }
        if sanitizer() == "thread" or self.wrapper:  # ten times slower and more: large write steps would be cut off
            self.options["limits"] = {"write_step": "5s"}
        elif sanitizer():  # three times slower, on a machine that may be slow itself
            self.options["limits"] = {"write_step": "1s"}
        for section, values in (options or {}).items():
            self.options.setdefault(section, {}).update(values)

    # ---- life ----

    @property
    def config(self):
        return os.path.join(self.folder, "steward.conf")

    def write_config(self):
        with open(self.config, "w", encoding="utf-8") as out:
            os.chmod(self.config, self.config_mode)
            for section, values in self.options.items():
                out.write(f"[{section}]\n")
                for key, value in values.items():
                    out.write(f"{key} = {value}\n")
        return self.config

    def reload(self):
        """Has it read its options again, and waits until it has."""
        said = "configuration read again"
        before = self.log().count(said)
        self.write_config()
        self.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.log().count(said) > before, what="the reload")

    @property
    def log_path(self):
        return os.path.join(self.folder, "stderr.log")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def start(self):
        environment = outer_environment()
        environment.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:exitcode=99")
        environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        environment.setdefault("TSAN_OPTIONS", "exitcode=98:second_deadlock_stack=1:suppressions=" +
                               os.path.join(ROOT, "tests", "support", "tsan.supp"))
        environment.update(self.env)
        with open(self.log_path, "ab") as stderr:
            command = [*self.wrapper, BINARY, "serve", *self.serve_options, "-c", self.write_config()]
            if threading.current_thread() is threading.main_thread():
                # It ends with the test program, however that ends: with the thread that started it, in fact.
                command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
            self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=stderr)
        self.url = self._listening()
        self.host, port = self.url.removeprefix("http://").rsplit(":", 1)
        self.port = int(port)
        self.ws_url = "ws" + self.url.removeprefix("http") + "/api/ws"
        _running.append(self)
        return self

    def _listening(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self.process.stdout], [], [], 0.5)
            if ready:
                line = self.process.stdout.readline().decode()
                found = re.match(r"listening on (http://\S+)", line)
                if found:
                    return found.group(1)
                if not line:
                    break
        code = self.process.poll()
        self.kill()
        raise AssertionError(f"the server did not start (exit {code}):\n{self.log()[-4000:]}")

    def stop(self, expect=0):
        """SIGTERM, the exit code, and no sanitizer report."""
        if self.process is None:
            return
        process = self._let_go()
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not stop on SIGTERM:\n{self.log()[-4000:]}") from None
        finally:
            process.stdout.close()
        self.check_reports()
        if expect is not None:
            assert code == expect, f"exit code {code}:\n{self.log()[-4000:]}"

    def _let_go(self):
        process, self.process = self.process, None
        return process

    def check_reports(self):
        text = self.log()[self.checked:]
        found = REPORT.search(text)
        assert not found, text[max(0, found.start() - 500): found.start() + 6000]
        self.checked += len(text)

    def kill(self):
        """kill -9."""
        if self.process is not None:
            process = self._let_go()
            process.kill()
            process.wait()
            process.stdout.close()

    def restart(self):
        self.stop()
        self.tokens.clear()
        return self.start()

    def close(self):
        try:
            self.stop()
        finally:
            self.kill()
            if self.own_folder:
                shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.kill()
            if self.own_folder:
                shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.close()
            return
        self.kill()
        print(self.log()[-6000:])
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- talking ----

    def request(self, method, path, body=None, token="admin", headers=None, **more):
        """token: "admin" logs in by itself, None sends none, anything else is sent as it is."""
        headers = dict(headers or {})
        if token == "admin":
            token = self.admin()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None and "data" not in more:
            more["data"] = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        return requests.request(method, self.url + path, headers=headers, timeout=60, **more)

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def patch(self, path, body=None, **more):
        return self.request("PATCH", path, body, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    def login(self, username="admin", password=ADMIN_PASSWORD):
        answer = self.post("/api/auth/login", {"username": username, "password": password}, token=None)
        assert answer.status_code == 200, answer.text
        return answer.json()["token"]

    def admin(self):
        if "admin" not in self.tokens:
            self.tokens["admin"] = self.login()
        return self.tokens["admin"]

    def butler_token(self):
        """A fresh api token for the Butler (id 2)."""
        answer = self.patch("/api/users/agents/2/token", {})
        assert answer.status_code == 200, answer.text
        return answer.json()["api_token"]

    def agent(self, username="scout"):
        """(id, api token) of a new agent."""
        answer = self.post("/api/users/agents", {"username": username})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"], answer.json()["api_token"]

    def member(self, username="mia", password="member password"):
        """(id, JWT) of a new MEMBER."""
        answer = self.post("/api/users", {"username": username, "password": password})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"], self.login(username, password)

    # ---- looking in from outside ----

    def database(self):
        return os.path.join(self.data, "steward.db")

    def rss_anon_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"RssAnon:\s+(\d+)", file.read()).group(1))


def eventually(check, seconds=20, what="it"):
    """Waits until check() is true; gives its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)


def fails(answer, status, error, code=None):
    """It is that error, in the one form that errors have; gives the body."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["error"] == error, body
    assert code is None or body["code"] == code, body
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return body
