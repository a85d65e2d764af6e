"""A Debian of a test's own, in a folder: nothing of it is left behind, neither a mount nor a process.

    with Root(packages=["gcc", "make"]) as root:
        root.install("build/packages/deb/steward_1.0.0-1_amd64.deb")
        assert root.run("steward version").startswith("steward")

What debootstrap made is kept in build/roots, one folder for each list of packages; a Root is a layer above it. It has a
mount and a process namespace, which end with the test, and the machine's network. The mirror and how to reach it are the
machine's own. A machine that cannot do this skips the test and says why.
"""
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

CACHE = pathlib.Path(__file__).resolve().parents[2] / "build" / "roots"
RECIPE = "2"  # counts when the way a root is made changes
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STALE = re.compile(r"^E: (?:Failed to fetch|Unable to fetch|Unable to locate|Package .* no installation candidate)", re.M)
PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

# Runs as process 1 of the root; it and all others end when its standard input is closed.
HOLDER = r"""
set -eu
cd "$1"
if ! mount -t overlay overlay -o lowerdir="$2",upperdir="$1/upper",workdir="$1/work" root 2>/dev/null; then
  cp -a --reflink=auto "$2/." root
  mount --bind root root
fi
mount -t proc proc root/proc
mount -t tmpfs -o mode=755 dev root/dev
for node in null zero full random urandom tty; do
  touch "root/dev/$node"
  mount --bind "/dev/$node" "root/dev/$node"
done
mkdir root/dev/pts root/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts root/dev/pts
mount -t tmpfs -o mode=1777 shm root/dev/shm
ln -s pts/ptmx root/dev/ptmx
ln -s /proc/self/fd root/dev/fd
ln -s /proc/self/fd/0 root/dev/stdin
ln -s /proc/self/fd/1 root/dev/stdout
ln -s /proc/self/fd/2 root/dev/stderr
cd root
pivot_root . . # the machine's root lies above the new one then, and goes
umount -l .
cd /
echo ready
exec cat
"""


class Failed(AssertionError):
    """A command in the root that was to succeed did not."""


class Running:
    """A process in the root, begun by Root.popen; `popen` has its streams."""

    def __init__(self, popen):
        self.popen = popen

    @property
    def pid(self):
        """Its number on the machine: popen's own is that of the program that brought it into the root."""
        while self.popen.poll() is None:
            with open(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children", encoding="ascii") as file:
                children = file.read().split()
            if children:
                return int(children[0])
        raise ProcessLookupError(f"ended with {self.popen.returncode}")

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout=60):
        return self.popen.wait(timeout)


class Root:
    """packages: what it has beyond a minimal system. environment: variables of every command in it."""

    def __init__(self, packages=(), environment=None):
        self.packages = sorted(set(packages))
        self.environment = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb",
                            "DEBIAN_FRONTEND": "noninteractive", **(environment or {})}
        self.environment.update({name: os.environ[name] for name in PASSED_ON if name in os.environ})

    # ---- life ----

    def __enter__(self):
        _need_what_it_takes()
        base = _base(self.packages)
        # Not where the test's other files are: a folder there may itself be a layer, which overlays refuse.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="steward-root-"))
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir()
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--", "sh", "-c", HOLDER, "sh", self.folder, base],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            why = self.holder.communicate()[1].strip()
            shutil.rmtree(self.folder)
            pytest.skip(f"no root of a test's own: {why}")
        with open(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children", encoding="ascii") as file:
            self.first = int(file.read())
        # The root too: that of the namespace is another where the machine is itself a folder of a larger one.
        self.enter = ["nsenter", f"--target={self.first}", "--mount", "--pid", "--root"]
        return self

    def __exit__(self, *_):
        self.holder.communicate()
        shutil.rmtree(self.folder)

    # ---- commands ----

    def _command(self, command, user, env, cwd):
        shell = ["bash", "-c", command] if isinstance(command, str) else [os.fspath(word) for word in command]
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        values = [f"{name}={value}" for name, value in {**self.environment, **(env or {})}.items()]
        return [*self.enter, "--", "env", "-i", "-C", cwd, *values, *become, *shell]

    def run(self, command, user=None, env=None, cwd="/", check=True, timeout=300, **options):
        """What it printed, both streams in one. check=False: the CompletedProcess instead. A string is run by bash."""
        done = subprocess.run(self._command(command, user, env, cwd), text=True, timeout=timeout, check=False,
                              **{"stdin": None if "input" in options else subprocess.DEVNULL,
                                 "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options})
        if not check:
            return done
        if done.returncode:
            raise Failed(f"{command}: exit status {done.returncode}\n{(done.stdout or '')[-6000:]}")
        return done.stdout

    def popen(self, command, user=None, env=None, cwd="/", **options):
        """A process that goes on, as Running; options are those of subprocess.Popen."""
        options.setdefault("stdin", subprocess.DEVNULL)
        return Running(subprocess.Popen(self._command(command, user, env, cwd), **options))

    # ---- files ----

    def path(self, name):
        """Where the machine sees a file of the root, for open(), stat() and the like. Absolute links in it lead astray."""
        return pathlib.Path(f"/proc/{self.first}/root") / os.fspath(name).lstrip("/")

    def copy_in(self, source, name, mode=None, owner=None):
        """A file or a folder of the machine into the root, under this very name."""
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.isdir(source):
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
        if mode is not None:
            target.chmod(mode)
        self.run(["chown", "-R", owner or "root:root", "/" + os.fspath(name).lstrip("/")])

    def write(self, name, text, mode=0o644, owner=None):
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)
        if owner:
            self.run(["chown", owner, "/" + os.fspath(name).lstrip("/")])

    # ---- packages ----

    def install(self, *packages, check=True):
        """.deb files of the machine, or names; what they depend on comes from the mirror. Gives what run() gives."""
        names = []
        for package in map(os.fspath, packages):
            if package.endswith(".deb"):
                self.copy_in(package, f"/var/tmp/{os.path.basename(package)}")
                package = f"/var/tmp/{os.path.basename(package)}"
            names.append(package)
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "--allow-downgrades",
                   "-o", "Dpkg::Use-Pty=0", "-o", "Dpkg::Options::=--force-confold",
                   "-o", "Dpkg::Options::=--force-unsafe-io", *names]
        done = self.run(command, check=False)
        if done.returncode and STALE.search(done.stdout):  # what the mirror has is newer than the cached root
            _reach_mirror(self)
            done = self.run(command, check=False)
        if not check:
            return done
        if done.returncode:
            raise Failed(f"{command}: exit status {done.returncode}\n{done.stdout[-6000:]}")
        return done.stdout


# ---- making what they all lie upon ----

def _need_what_it_takes():
    if os.geteuid() != 0:
        pytest.skip("a root of a test's own needs the administrator")
    for tool in ("debootstrap", "unshare", "nsenter", "apt-get"):
        if not shutil.which(tool):
            pytest.skip(f"a root of a test's own needs {tool}")


def _codename():
    with open("/etc/os-release", encoding="utf-8") as file:
        values = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    if values.get("ID") != "debian":
        pytest.skip("a root of a test's own is made on Debian")
    return values["VERSION_CODENAME"]


def _sources(codename):
    """[(address, suite, component)] of Debian itself, as this machine has them."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)",
                             "Created-By: Packages"], capture_output=True, text=True, check=True).stdout
    wanted = (codename, f"{codename}-updates", f"{codename}-security")
    found = []
    for line in listed.splitlines():
        uri, suite, component, origin = (line.split(" ") + ["$(ORIGIN)"])[:4]
        if suite in wanted and origin in ("Debian", "$(ORIGIN)"):  # the latter: apt has not been there yet
            found.append((uri, suite, component))
    if not any(suite == codename for _, suite, _ in found):
        pytest.skip(f"no mirror of {codename} in the machine's /etc/apt")
    return found


def lower(packages=()):
    """The folder that such a root lies upon, for copies of it: nothing in it may be changed."""
    _need_what_it_takes()
    return _base(sorted(set(packages)))


def _base(packages):
    """The folder that a Root with these packages lies upon: made once, by whoever comes first."""
    codename = _codename()
    sources = _sources(codename)
    key = hashlib.sha256(repr((RECIPE, codename, sources, packages)).encode()).hexdigest()[:16]
    base = CACHE / key
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{key}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not base.is_dir():
            made = CACHE / f"{key}.new"
            shutil.rmtree(made, ignore_errors=True)
            if packages:
                _make_with(packages, made)
            else:
                _make(made, codename, sources)
            made.rename(base)
    return base


def _make(folder, codename, sources):
    mirror = next(uri for uri, suite, _ in sources if suite == codename)
    done = subprocess.run(["debootstrap", "--variant=minbase", codename, folder, mirror], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"debootstrap failed: {(done.stdout.strip().splitlines() or ['without a word'])[-1]}")
    _take_settings(folder, sources)


def _make_with(packages, folder):
    with Root() as root:
        _reach_mirror(root)
        root.install(*packages)
        root.run("apt-get clean")
        folder.mkdir()
        subprocess.run(["cp", "-a", "--one-file-system", f"{root.path('/')}/.", folder], check=True)


def _take_settings(folder, sources):
    """The machine's mirrors, name servers, and how apt is told to reach them."""
    apt = folder / "etc" / "apt"
    lines = [f"deb {uri} {suite} {component}\n" for uri, suite, component in sources]
    (apt / "sources.list").write_text("".join(lines), encoding="utf-8")
    dumped = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True).stdout
    settings = [line for line in dumped.splitlines() if line.startswith("Acquire::") and "IndexTargets" not in line]
    (apt / "apt.conf.d" / "00machine").write_text("\n".join(settings) + "\n", encoding="utf-8")
    for name in ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt", "/etc/apt/auth.conf"):
        if os.path.exists(name):
            target = folder / name.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copy(name, target)
    for name in ("/etc/apt/auth.conf.d", "/etc/apt/trusted.gpg.d"):
        if os.path.isdir(name):
            shutil.copytree(name, folder / name.lstrip("/"), dirs_exist_ok=True)


def _reach_mirror(root):
    done = root.run(["apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any"], check=False)
    if done.returncode:
        pytest.skip(f"the mirror is not reached: {(done.stdout.strip().splitlines() or ['without a word'])[-1]}")
