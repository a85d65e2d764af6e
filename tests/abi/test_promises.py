"""What steward-plugin(7) and the headers promise in a sentence: built against an install tree, and looked at one by one."""
import os
import shutil

import pytest
from support import out_of_tree
from support.author import Author
from support.steward import ROOT

STRICT = "-Wall -Wextra -Wpedantic -Wconversion -Werror"


@pytest.fixture(scope="module")
def author(tmp_path_factory):
    return Author(out_of_tree.install(tmp_path_factory.mktemp("install")), tmp_path_factory.mktemp("tools"))


def test_what_the_manual_promises_in_a_sentence_is_so(author, tmp_path):
    folder = tmp_path / "promises"
    shutil.copytree(os.path.join(ROOT, "tests/abi/promises-plugin"), folder)
    with author.flags(STRICT):
        author.sh("cc -std=c11 $(pkg-config --cflags steward) test_promises.c promises.c"
                  " $(pkg-config --libs steward-testhost) -o test_promises", folder)
    shown = author.sh("./test_promises", folder)
    assert shown.splitlines()[-1] == "0 failed", shown
