"""A server of another user's, and commands as that user: nobody, whom every system has."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from support.steward import BINARY, outer_environment

NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="acting for another user needs root")


def without_leaks():
    """An environment for a command that gives up root's rights: such a process may not be looked at, and so not be searched
    for leaks."""
    return outer_environment(ASAN_OPTIONS="detect_leaks=0:exitcode=99")


@contextlib.contextmanager
def folder_of_nobody(data_mode=0o700):
    """A folder that every user can enter, with a data folder of nobody's."""
    if subprocess.run([*AS_NOBODY, BINARY, "version"], capture_output=True, check=False, cwd="/").returncode != 0:
        pytest.skip("the build is closed to other users")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="steward-test-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        (folder / "data").mkdir(mode=data_mode)
        os.chown(folder / "data", NOBODY, NOBODY)
        yield folder
    finally:
        shutil.rmtree(folder)


def owners(folder):
    """{name: user id} of what lies in it."""
    return {name: os.lstat(os.path.join(folder, name)).st_uid for name in os.listdir(folder)}
