"""Names that a plugin may have as far as the server goes, and that its build, its tables or its routes cannot bear."""
import os
import subprocess

import pytest
from support.steward import BINARY


@pytest.mark.parametrize("name, why", [("test", "CMake"), ("all", "CMake"), ("install", "CMake"), ("run", "CMake"),
                                       ("sqlite", "SQLite"), ("sqlite-notes", "SQLite"),
                                       ("plugins", "the server"), ("approvals", "the server")])
def test_a_name_that_would_not_build_or_run_is_refused_with_the_reason(tmp_path, name, why):
    done = subprocess.run([BINARY, "plugin", "new", name], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and why in done.stderr
    assert os.listdir(tmp_path) == []
