"""The directory module, built out of tree, and a directory."""
import pytest
from support import out_of_tree
from support.directory import Directory


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    """An install tree that has it."""
    prefix = out_of_tree.install(tmp_path_factory.mktemp("install"))
    out_of_tree.install_module(prefix, "directory", tmp_path_factory.mktemp("directory"))
    return prefix


@pytest.fixture
def directory():
    with Directory() as running:
        yield running
