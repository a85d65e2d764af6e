"""A server of another user's, and commands as that user: nobody, whom every system has."""
import atexit
import contextlib
import os
import pathlib
import shutil
import tempfile

import pytest
from support.steward import BINARY, BUILD, outer_environment

NOBODY = 65534


def _open_to_others(path):
    return all(os.stat(folder).st_mode & 0o001 for folder in pathlib.Path(path).parents)


def _copy_for_others():
    """In front of the server's path: runs a copy of it instead. A clone may lie where only root gets in."""
    tree = pathlib.Path(tempfile.mkdtemp(prefix="steward-copy-", dir="/tmp"))
    atexit.register(shutil.rmtree, tree, ignore_errors=True)
    tree.chmod(0o755)
    (tree / "bin").mkdir()
    shutil.copy(BINARY, tree / "bin")
    shutil.copytree(os.path.join(BUILD, "lib/steward/plugins"), tree / "lib/steward/plugins")
    run = tree / "run"
    run.write_text(f'#!/bin/sh\nshift\nexec {tree}/bin/steward "$@"\n', encoding="ascii")
    run.chmod(0o755)
    return [str(run)]


AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
if os.geteuid() == 0 and not _open_to_others(BINARY):
    AS_NOBODY += _copy_for_others()
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="acting for another user needs root")


def without_leaks():
    """An environment for a command that gives up root's rights: such a process may not be looked at, and so not be searched
    for leaks."""
    return outer_environment(ASAN_OPTIONS="detect_leaks=0:exitcode=99")


@contextlib.contextmanager
def folder_of_nobody(data_mode=0o700):
    """A folder that every user can enter, with a data folder of nobody's."""
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
