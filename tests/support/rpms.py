"""The RPMs of this tree, and what rpm says about them. A machine that cannot build them skips the test and says why."""
import os
import re
import shutil
import subprocess

import pytest

from support import debian
from support.steward import ROOT

PLUGINS = "/usr/lib64/steward/plugins"


def run(*command, **more):
    done = subprocess.run([os.fspath(word) for word in command], capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, f"{command}: exit status {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def tree_version(tree=ROOT):
    with open(os.path.join(tree, "CMakeLists.txt"), encoding="utf-8") as file:
        return re.search(r"^project\(steward VERSION (\S+)", file.read(), re.M).group(1)


def build(folder, tree=ROOT, **env):
    """{name of the package: its file}, made by packaging/build; copied into `folder`, since a next build replaces them."""
    if not shutil.which("rpmbuild") and os.geteuid() != 0:
        pytest.skip("no rpmbuild here, and not the administrator who could install it")
    printed = run(os.path.join(tree, "packaging", "build"), "rpm", env={**os.environ, **env}).splitlines()
    copies = [shutil.copy(os.path.join(tree, line), folder) for line in printed]
    found = {query(file, "%{NAME}"): file for file in copies}
    assert len(found) == len(printed) > 0, printed
    return found


def build_elsewhere(folder, version=None, **env):
    """The same of a copy of the tree, without its history; it may call itself another version."""
    own = tree_version()

    def change(tree):
        path = tree / "CMakeLists.txt"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f"project(steward VERSION {own}", f"project(steward VERSION {version or own}"),
                        encoding="utf-8")

    return debian.build_copy(f"rpm-{version or 'again'}", change, make=lambda tree: build(folder, tree, **env))


def query(file, form):
    return run("rpm", "-qp", "--qf", form, file)


def files(file):
    """{path: (mode, user, group)} of a package, without the folders and links of build-ids."""
    rows = [line.split(" ", 3) for line in
            query(file, "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]").splitlines()]
    return {path: (mode, user, group) for mode, user, group, path in rows if not path.startswith("/usr/lib/.build-id")}


def relations(file, kind):
    """The lines of "provides", "requires" and the like, but for what rpm asks of itself."""
    return [line for line in run("rpm", "-qp", f"--{kind}", file).splitlines() if not line.startswith("rpmlib(")]


SCRIPTS = {"pre": "PREIN", "post": "POSTIN", "preun": "PREUN", "postun": "POSTUN",
           "transfiletriggerin": "TRANSFILETRIGGERSCRIPTS"}


def scripts(file):
    """{kind: text} of the scripts that a package brings."""
    found = {kind: query(file, f"%{{{tag}}}") for kind, tag in SCRIPTS.items()}
    return {kind: text for kind, text in found.items() if text != "(none)"}


def extract(file, folder):
    """What the package puts on a machine, below `folder`, owned by who runs this."""
    os.makedirs(folder, exist_ok=True)
    with subprocess.Popen(["rpm2cpio", file], stdout=subprocess.PIPE) as archive:
        run("cpio", "--extract", "--make-directories", "--quiet", "--no-preserve-owner", cwd=folder, stdin=archive.stdout)
    assert archive.returncode == 0
    return folder


def libraries(folder):
    """Debian's packages of the libraries that what lies in `folder` needs."""
    programs = [os.path.join(folder, "usr/bin/steward")]
    programs += [os.path.join(folder, PLUGINS[1:], name) for name in os.listdir(folder + PLUGINS)]
    found = {path.removeprefix("/usr") for path in re.findall(r"=> (/\S+)", run("ldd", *programs))}
    owners = run("dpkg-query", "--search", *(f"*{path}" for path in sorted(found)))
    return sorted({line.split(":")[0] for line in owners.splitlines()})
