"""What the rows need: pinned processes that end with the run, a server of their own, a large store, CPU time."""
import contextlib
import glob
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BENCH_BUILD", os.path.join(ROOT, "build", "bench")))
STORE_ROWS = int(os.environ.get("BENCH_ROWS", 1000000))
SECONDS = int(os.environ.get("BENCH_SECONDS", 4))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", 3))
SCHEMA = os.path.join(ROOT, "plugins", "messages", "migrations", "0001_messages.sql")
PASSWORD = "correct horse battery"

_CORES = sorted(os.sched_getaffinity(0))
_HALF = max(1, len(_CORES) // 2)
SERVER_CORES = _CORES[:_HALF]
LOAD_CORES = _CORES[_HALF:] or _CORES
PINNED = SERVER_CORES != LOAD_CORES


def cores(which):
    return ",".join(str(c) for c in which)


def how(kind):
    return f"{kind}; server {cores(SERVER_CORES)}, load {cores(LOAD_CORES)}" if PINNED else f"{kind}; shared cores"


def build():
    """The bench preset, unless another build is named."""
    if "BENCH_BUILD" not in os.environ:
        if not os.path.exists(os.path.join(BUILD, "build.ninja")):
            subprocess.run(["cmake", "--preset", "bench"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", BUILD], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def tool(name):
    return os.path.join(BUILD, "bench", name)


@contextlib.contextmanager
def process(arguments, on, **more):
    """A pinned process; ended, by its own pid, when the block ends."""
    running = subprocess.Popen(["taskset", "-c", cores(on), *map(str, arguments)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, **more)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.terminate()
            try:
                running.wait(15)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
        running.stdin.close()
        running.stdout.close()


def run_tool(name, *arguments, on):
    """Its last line, as JSON."""
    done = subprocess.run(["taskset", "-c", cores(on), tool(name), *map(str, arguments)], stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def load_http(port, *arguments, on=None, **options):
    """load http: options as keywords; a list gives one several times."""
    words = []
    for name, value in options.items():
        for item in value if isinstance(value, list) else [value]:
            words += [f"--{name.replace('_', '-')}", item]
    return run_tool("load", "http", "--port", port, *words, *arguments, on=on or LOAD_CORES)


def cpu_ns(pid):
    """CPU time of all threads that live."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with contextlib.suppress(FileNotFoundError), open(path, encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total


def rss_kib(pid, field="RssAnon"):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(rf"{field}:\s+(\d+)", file.read()).group(1))


def median(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def scratch():
    """A temporary folder beside the build: on the same disk as everything that is measured."""
    os.makedirs(os.path.join(BUILD, "bench"), exist_ok=True)
    return tempfile.TemporaryDirectory(dir=os.path.join(BUILD, "bench"), prefix="run-")


class Server:
    """with Server(folder, options) as s: s.port, s.pid, s.token."""

    def __init__(self, folder, options=None, on=None):
        self.folder, self.on = folder, on or SERVER_CORES
        self.data = os.path.join(folder, "data")
        self.options = {
            "server": {"host": "127.0.0.1", "port": "0", "data_dir": self.data, "loops": str(len(self.on)),
                       "workers": str(2 * len(self.on))},
            "auth": {"bcrypt_cost": "4", "initial_admin_pass": PASSWORD},
            "plugins": {"enabled": "auth, users, messages, chat"},
            "log": {"level": "info"},
            "ws": {"rate_frames": "10000000", "rate_bytes": "4G"},
        }
        for section, values in (options or {}).items():
            self.options.setdefault(section, {}).update(values)

    def start(self):
        path = os.path.join(self.folder, "steward.conf")
        with open(path, "w", encoding="utf-8") as out:
            for section, values in self.options.items():
                out.write(f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in values.items()))
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("STEWARD_", "SERVER_", "JWT_"))}
        self._ending = contextlib.ExitStack()
        self.process = self._ending.enter_context(
            process([os.path.join(BUILD, "bin", "steward"), "serve", "-c", path], self.on, env=environment,
                    stderr=open(os.path.join(self.folder, "log"), "ab")))
        line = self.process.stdout.readline()
        found = re.match(r"listening on http://\S+:(\d+)", line)
        if not found:
            self._ending.close()
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
                raise RuntimeError("the server did not start: " + log.read()[-500:])
        self.port, self.pid = int(found.group(1)), self.process.pid
        return self

    def stop(self):
        self._ending.close()

    def __enter__(self):
        self.start()
        self.token = self.call("POST", "/api/auth/login", {"username": "admin", "password": PASSWORD}, token=None)["token"]
        return self

    def __exit__(self, *_):
        self.stop()

    def call(self, method, path, body=None, token=""):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token or self.token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def raw(self, path):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    @property
    def bearer(self):
        return f"Authorization: Bearer {self.token}"

    def rss_mib(self):
        return rss_kib(self.pid, "VmRSS") / 1024

    def wait_indexed(self, seconds=120):
        """Until less than a step of the search index is left to do."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/steward.db?mode=ro", uri=True)) as db:
            until = time.monotonic() + seconds
            while True:
                last, done = db.execute("SELECT (SELECT max(id) FROM messages), indexed_to FROM messages_search").fetchone()
                if (last or 0) - done < 400:
                    return
                if time.monotonic() > until:
                    raise RuntimeError(f"the search index is {last - done} rows behind")
                time.sleep(0.02)


def large_store(rows=STORE_ROWS):
    """A data folder with so many messages, made once per schema."""
    digest = hashlib.sha256()
    for path in sorted(glob.glob(os.path.join(ROOT, "plugins", "**", "migrations", "*.sql"), recursive=True)):
        with open(path, "rb") as file:
            digest.update(file.read())
    folder = os.path.join(BUILD, "bench", f"store-{rows}-{digest.hexdigest()[:12]}")
    if not os.path.exists(os.path.join(folder, "ready")):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        with Server(folder):
            pass
        run_tool("fill", "--db", os.path.join(folder, "data", "steward.db"), "--rows", rows, on=_CORES)
        with open(os.path.join(folder, "ready"), "w", encoding="ascii"):
            pass
    return folder


@contextlib.contextmanager
def copied_store(rows=STORE_ROWS):
    """A folder with a copy of it."""
    with scratch() as folder:
        subprocess.run(["cp", "-a", "--reflink=auto", os.path.join(large_store(rows), "data"), folder], check=True)
        yield folder


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write(folder, name, value):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return path
