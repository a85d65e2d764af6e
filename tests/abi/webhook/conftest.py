"""The webhook module, built out of tree."""
import pytest
from support import out_of_tree


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    """An install tree that has it."""
    prefix = out_of_tree.install(tmp_path_factory.mktemp("install"))
    out_of_tree.install_module(prefix, "webhook", tmp_path_factory.mktemp("webhook"))
    return prefix
