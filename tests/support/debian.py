"""The Debian packages of this tree, and those that an upgrade begins with."""
import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import warnings

from support.releases import is_here, releases, unpack
from support.steward import ROOT

ROOT = pathlib.Path(ROOT)
UPGRADED = ("steward", "steward-plugin-feishu", "steward-plugin-dev-mock")


def version(tree=ROOT):
    return re.search(r"project\(steward VERSION ([0-9.]+)", (tree / "CMakeLists.txt").read_text(encoding="utf-8")).group(1)


def build(tree=ROOT, **env):
    """{name: path} of what packaging/build deb makes of the tree."""
    done = subprocess.run([tree / "packaging" / "build", "deb"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, **env}, check=False)
    assert done.returncode == 0, done.stderr[-6000:]
    return {os.path.basename(path).split("_")[0]: tree / path for path in done.stdout.split()}


def older():
    """(version, {name: path}) of packages to upgrade from: the latest release before this tree's version, else, while
    there is none, this very tree under a lower version."""
    for number, commit in reversed(releases()):
        if _numbers(number) >= _numbers(version()):
            continue
        if is_here(commit):
            with _lock(f"deb-{number}"):
                return number, _release(number, commit)
        warnings.warn(f"the commit of release {number} is not in this clone")
    warnings.warn("no release to upgrade from: the upgrade is from this tree under a lower version")
    return "0.9.0", build_copy("older", lambda tree: _set_version(tree, "0.9.0"))


def build_copy(name, change=lambda tree: None, make=build, **env):
    """Builds the tree's files, without git's, in another place. That is kept: the same need not be built again."""
    with _lock(name):
        tree = ROOT / "build" / "trees" / name
        _copy(tree)
        change(tree)
        return make(tree, **env)


@contextlib.contextmanager
def _lock(name):
    folder = ROOT / "build" / "trees"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy(tree):
    tree.mkdir(exist_ok=True)
    for entry in tree.iterdir():
        if entry.name != "build":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    packed = subprocess.Popen(["tar", "-c", "--exclude=./build", "--exclude=./data", "--exclude=./.git",
                               "--exclude=__pycache__", "."], cwd=ROOT, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", tree], stdin=packed.stdout, check=True)
    packed.stdout.close()
    assert packed.wait() == 0


def _set_version(tree, number):
    for path, pattern in ((tree / "CMakeLists.txt", r"(?<=project\(steward VERSION )[0-9.]+"),
                          (tree / "packaging" / "debian" / "changelog", r"(?<=^steward \()[0-9.]+")):
        path.write_text(re.sub(pattern, number, path.read_text(encoding="utf-8"), count=1), encoding="utf-8")


def _release(number, commit):
    kept = ROOT / "build" / "packages" / f"deb-{number}-{commit}"
    if not kept.is_dir():
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder) / "tree"
            tree.mkdir()
            unpack(commit, tree)
            made = build(tree)
            new = pathlib.Path(tempfile.mkdtemp(dir=kept.parent))
            for path in made.values():
                shutil.copy(path, new)
            new.rename(kept)
    return {path.name.split("_")[0]: path for path in kept.glob("*.deb")}


def _numbers(text):
    return [int(part) for part in text.split(".")]


def field(package, name):
    return subprocess.run(["dpkg-deb", "--field", package, name], capture_output=True, text=True, check=True).stdout.strip()


def dependencies(package):
    """The names that it depends on, without versions."""
    return [re.match(r"[a-z0-9.+-]+", part.strip()).group() for part in field(package, "Depends").split(",")]
