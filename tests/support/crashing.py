"""A server with a plugin that crashes as it is told to, and what the server has written down about that."""
import glob
import os
import platform
import re
import shutil
import signal
import subprocess
import time

import pytest
import requests
from support.steward import BINARY, BUILD, ROOT, Steward, sanitizer

SOURCES = os.path.join(ROOT, "tests/abi/crashing-plugin")
MINE = "crashing"
EXIT = {"thread": 98, "address,undefined": 99}.get(sanitizer())  # of a sanitizer that reports a fault; None: the signal
SECRET = "s3cr3t-t0k3n-of-a-client"

WAYS = {"null": signal.SIGSEGV, "overflow": signal.SIGSEGV, "abort": signal.SIGABRT, "jump": signal.SIGSEGV,
        "nonsense": signal.SIGSEGV, "copy": signal.SIGSEGV, "trap": signal.SIGILL, "divide": signal.SIGFPE}
if platform.machine() != "x86_64":  # where dividing is no fault, and a trap is another one
    del WAYS["trap"], WAYS["divide"]


def compile_plugin(folder, name, *flags):
    so = os.path.join(str(folder), f"{name}.so")
    sources = sorted(glob.glob(f"{SOURCES}/{name}*.c"))
    done = subprocess.run(["cc", "-std=c11", "-g", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-I", f"{ROOT}/include",
                           *flags, *sources, "-o", so, "-pthread"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return so


def compile_all(folder):
    """Builds of the plugins by name: copying keeps their bytes."""
    made = {}
    for key, name, flags in (("crashing", "crashing", []), ("newer", "crashing", ['-DVERSION="1.0.1"']),
                             ("auth", "crashing", ["-DAUTH"]), ("caller", "caller", []),
                             ("caller-auth", "caller", ["-DAUTH"])):
        (folder / key).mkdir()
        made[key] = compile_plugin(folder / key, name, *flags)
    return made


class Hub:
    """A server with the plugin, that may crash and be started again on the same data."""

    def __init__(self, tmp_path, built, plugins="auth, users, messages, crashing", build="crashing", env=None, safe=False,
                 **options):
        self.plugin_dir = tmp_path / "plugins"
        self.plugin_dir.mkdir(exist_ok=True)
        for so in glob.glob(f"{BUILD}/lib/steward/plugins/*.so"):
            os.symlink(so, self.plugin_dir / os.path.basename(so))
        self.built = built
        self.install(build)
        shutil.copy(built["caller"], self.plugin_dir)
        settings = {"plugins": {"dir": str(self.plugin_dir), **options.pop("plugin_options", {})}, **options}
        (tmp_path / "hub").mkdir()
        self.server = Steward(plugins=plugins, options=settings, folder=str(tmp_path / "hub"), env=env)
        self.server.serve_options = ["--safe-mode"] if safe else []

    def install(self, build):
        shutil.copy(self.built[build], self.plugin_dir / "crashing.so.new")
        os.replace(self.plugin_dir / "crashing.so.new", self.plugin_dir / "crashing.so")

    def start(self):
        self.server.tokens.clear()
        self.server.start()
        return self

    def fails_to_start(self):
        with pytest.raises(AssertionError, match="did not start"):
            self.server.start()
        self.forget_reports()

    def forget_reports(self):
        """What a sanitizer said about a crash that was wanted."""
        self.server.checked = len(self.server.log())

    def ended(self, seconds=60):
        """The exit code of a server that ends by itself."""
        process = self.server.process
        code = process.wait(timeout=seconds)
        process.stdout.close()
        self.server.process = None
        self.forget_reports()
        return code

    def crash(self, where="handler", how="null", path="crash", token=SECRET):
        query = f"?token={token}" if token else ""
        try:
            self.server.post(f"/api/{path}/{where}/{how}{query}", {"password": SECRET}, token=token)
        except requests.RequestException:
            pass  # it crashed before it answered
        return self.ended()

    def crash_often(self, times):
        for _ in range(times):
            self.start()
            self.crash()

    def state(self):
        row = self.row()
        return row["state"]

    def row(self, name=MINE):
        return next(p for p in self.server.get("/api/plugins").json() if p["name"] == name)

    def file(self):
        return os.path.join(self.server.data, "crash.log")

    def records(self, word="crash"):
        with open(self.file(), encoding="ascii") as file:
            lines = [line.split() for line in file if line.strip()]
        return [dict(pair.split("=", 1) for pair in line[2:]) for line in lines if line[1] == word]

    def steward(self, *words):
        # Looking for leaks needs rights that root gives up when it acts for the owner of the data.
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        done = subprocess.run([BINARY, *words, "-c", self.server.write_config()], capture_output=True, text=True, check=False,
                              cwd=self.server.folder, env=env)
        return done.returncode, done.stdout + done.stderr


def line(word, at_ms, **fields):
    """A line of the file as the server writes it."""
    body = " ".join(["2026-01-01T00:00:00.000Z", word, f"at={at_ms}", *(f"{k}={v}" for k, v in fields.items())])
    total = 14695981039346656037
    for byte in body.encode():
        total = ((total ^ byte) * 1099511628211) % 2**64
    return f"{body} sum={total:016x}\n"


def build_of(so):
    with open(so, "rb") as file:
        found = re.search(rb"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0(.{8})", file.read(), re.S)
    return found.group(1).hex()


def write_crashes(hub, ages, **fields):
    os.makedirs(hub.server.data, mode=0o700, exist_ok=True)
    now = int(time.time() * 1000)
    fields = {"plugin": MINE, "build": build_of(hub.plugin_dir / "crashing.so"), "signal": 11, **fields}
    with open(hub.file(), "a", encoding="ascii") as file:
        for age in ages:
            file.write(line("crash", now - int(age * 1000), **fields))


def as_crashed(code, number):
    """As without the handler: ended by that signal, or by the sanitizer that reports it."""
    assert code in (-number, EXIT)
