"""What has been released: packaging/releases, and the trees of those releases, from git."""
import pathlib
import subprocess

from support.steward import ROOT

LIST = pathlib.Path(ROOT) / "packaging" / "releases"


def releases():
    """[(version, commit)], the latest last."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return [tuple(line.split()[:2]) for line in lines if line.strip() and not line.startswith("#")]


def is_here(commit):
    """A clone may be shallow, and a tarball has no history."""
    return _git("cat-file", "-e", f"{commit}^{{commit}}").returncode == 0


def unpack(commit, folder):
    """The release's tree in a folder that is there."""
    tree = _git("archive", commit)
    assert tree.returncode == 0, tree.stderr.decode()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=tree.stdout, check=True)


def _git(*words):
    return subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), *words], capture_output=True, check=False)
