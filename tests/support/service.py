"""The server of a Root as its unit starts it, without systemd: the unit's own command, user, folders and mask."""
import re
import shlex
import signal
import socket

import requests

from support.steward import eventually

UNIT = "/lib/systemd/system/steward.service"
START_SECONDS = 60
FOLDERS = {"StateDirectory": "/var/lib", "LogsDirectory": "/var/log", "ConfigurationDirectory": "/etc"}
PASSWORD_FILE = "/var/lib/steward/initial-admin-password"


def read_unit(text):
    """{key: value} of every section; the last of a key counts, as with those that systemd would start by."""
    return dict(re.findall(r"^([A-Za-z]+)=(.*)$", text, re.M))


def any_port(root):
    """In place of the one that another server of the machine may have."""
    root.write("/etc/steward/conf.d/port.conf", "[server]\nport = 0\n")


def address(log):
    """Where the server that wrote the log, the last if there were several, says that it answers."""
    return eventually(lambda: re.findall(r"^.*\blistening on (http://\S+)$", log(), re.M), what="an address")[-1]


class Client:
    """One who logs in."""

    def __init__(self, url=None):
        self.url = url
        self.token = None

    def login(self, password):
        answer = requests.post(f"{self.url}/api/auth/login", json={"username": "admin", "password": password}, timeout=60)
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["token"]
        return self.token

    def request(self, method, path, body=None, token=None):
        return requests.request(method, self.url + path, json=body, timeout=60,
                                headers={"Authorization": f"Bearer {token or self.token}"})

    def get(self, path, token=None):
        answer = self.request("GET", path, token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def add_agent(self, name):
        answer = self.request("POST", "/api/users/agents", {"username": name})
        assert answer.status_code == 201, answer.text

    def agents(self):
        return {row["username"] for row in self.get("/api/users/agents")}

    def states(self):
        """Of every plugin: enabled, disabled, quarantined."""
        return {row["name"]: row["state"] for row in self.get("/api/plugins")}


class Service(Client):
    """with Service(root) as s: s.get("/api/ping"). It is ready, by sd_notify, when the block begins."""

    def __init__(self, root):
        super().__init__()
        self.root = root
        self.unit = read_unit(root.path(UNIT).read_text(encoding="utf-8"))

    def __enter__(self):
        unit = self.unit
        environment = {re.sub("(?<!^)(?=[A-Z])", "_", key).upper(): f"{parent}/{unit[key]}"
                       for key, parent in FOLDERS.items()}
        environment["NOTIFY_SOCKET"] = "/run/steward-test-notify"
        command = ["sh", "-c", 'umask "$1"; shift; exec "$@"', "sh", unit["UMask"], "setpriv", f"--reuid={unit['User']}",
                   f"--regid={unit['Group']}", "--init-groups", "--no-new-privs", "--bounding-set=-all",
                   *shlex.split(unit["ExecStart"])]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told, open(self.log_path, "ab") as log:
            before = len(self.log())
            place = self.root.path(environment["NOTIFY_SOCKET"])
            place.unlink(missing_ok=True)
            told.bind(str(place))
            place.chmod(0o666)
            self.process = self.root.popen(command, env=environment, stdout=log, stderr=log)
            try:
                self._await_ready(told)
                self.url = address(lambda: self.log()[before:])
            except BaseException:
                self._kill()
                raise
        return self

    @property
    def log_path(self):
        return self.root.folder / "steward.log"

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def _await_ready(self, told):
        told.settimeout(1)
        for _ in range(START_SECONDS):
            try:
                if "READY=1" in told.recv(4096).decode().splitlines():
                    return
            except TimeoutError:
                pass
            if self.process.popen.poll() is not None:
                break
        raise AssertionError(f"the server is not ready (exit {self.process.popen.poll()}):\n{self.log()[-4000:]}")

    def _kill(self):
        if self.process.popen.poll() is None:
            self.process.signal(signal.SIGKILL)
        self.process.wait()

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print(self.log()[-6000:])
            self._kill()
            return
        self.process.signal(signal.SIGTERM)
        try:
            assert self.process.wait() == 0, self.log()[-4000:]
        finally:
            self._kill()

    def initial_password(self):
        return self.root.path(PASSWORD_FILE).read_text(encoding="utf-8").strip()
