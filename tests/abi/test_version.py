"""The number of the ABI is in one place, include/steward/plugin.h; everything else that says it agrees."""
import pathlib
import re
import shutil
import subprocess

import pytest
from support import abi_corpus
from support.steward import BINARY, BUILD, ROOT

TREE = pathlib.Path(ROOT)
MAJOR, MINOR = abi_corpus.version(TREE / "include")


def abi_of(build):
    """What the pkg-config file and the CMake package of a build folder say."""
    made = pathlib.Path(build) / "packaging"
    return (re.search(r"^abi=(\d+)$", (made / "steward.pc").read_text(encoding="utf-8"), re.M).group(1),
            re.search(r"^set\(STEWARD_ABI (\d+)\)$", (made / "stewardConfig.cmake").read_text(encoding="utf-8"),
                      re.M).group(1))


def test_the_server_says_which_abi_it_has():
    shown = subprocess.run([BINARY, "version"], capture_output=True, text=True, check=True).stdout
    assert f"(plugin ABI {MAJOR}.{MINOR})" in shown


def test_the_pkg_config_file_and_the_cmake_package_say_the_major_version():
    assert abi_of(BUILD) == (str(MAJOR), str(MAJOR))


def test_they_have_it_from_the_header(tmp_path):
    tree = tmp_path / "tree"
    for folder in ("core", "plugins", "config", "include", "packaging"):
        shutil.copytree(TREE / folder, tree / folder, ignore=shutil.ignore_patterns("build"))
    for file in ("CMakeLists.txt", "README.md"):
        shutil.copy(TREE / file, tree / file)
    header = tree / "include/steward/plugin.h"
    text = header.read_text(encoding="utf-8")
    header.write_text(re.sub(r"SW_ABI_MAJOR( +)\d+u", r"SW_ABI_MAJOR\g<1>7u", text), encoding="utf-8")
    done = subprocess.run(["cmake", "-S", str(tree), "-B", str(tmp_path / "build"), "-DSTEWARD_TESTS=OFF"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert abi_of(tmp_path / "build") == ("7", "7")


@pytest.mark.parametrize("file", ["packaging/debian/control", "packaging/rpm/steward.spec"])
def test_packages_carry_the_major_version(file):
    text = (TREE / file).read_text(encoding="utf-8")
    named = re.findall(r"^(Provides|Requires|Depends):.*\bsteward-plugin-abi-(\d+)", text, re.M)
    assert {number for _, number in named} == {str(MAJOR)}, named
    assert sum(word == "Provides" for word, _ in named) == 1, "the server alone provides it"
    assert sum(word != "Provides" for word, _ in named) == 2, "feishu and dev-mock need it"
    assert re.findall(r"^Provides: +steward-plugin-abi = (\d+)$", text, re.M) in ([], [str(MAJOR)])


def test_the_symbol_that_a_plugin_exports_has_the_major_version_in_its_name():
    text = (TREE / "include/steward/plugin.h").read_text(encoding="utf-8")
    assert f"SW_EXPORT extern const sw_plugin sw_plugin_v{MAJOR};" in text
    for plugin in ("auth", "feishu"):
        so = next(pathlib.Path(BUILD).rglob(f"{plugin}.so"))
        listed = subprocess.run(["nm", "-D", "--defined-only", str(so)], capture_output=True, text=True, check=True).stdout
        names = [line.split()[-1] for line in listed.splitlines()]
        assert [name for name in names if not name.startswith("__")] == [f"sw_plugin_v{MAJOR}"]  # of sanitizers
