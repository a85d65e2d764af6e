"""The functions that the server exports, and the version node that each is in."""
import pathlib
import re
import subprocess

from support import abi_corpus, abi_guard
from support.steward import BINARY, ROOT

INCLUDE = pathlib.Path(ROOT) / "include"
MAP = pathlib.Path(ROOT) / "core/plugin/symbols.map"
MAJOR, MINOR = abi_corpus.version(INCLUDE)


def since():
    """{function: node}: the oldest minor version whose baseline has it, or the one in the making."""
    minors = {}
    for minor, file in reversed(abi_guard.baselines()):
        for name in re.findall(r"<function-decl name='(sw_\w+)' mangled-name", file.read_text(encoding="utf-8")):
            minors[name] = minor
    return {name: f"STEWARD_{MAJOR}.{minors.get(name, MINOR)}" for name in abi_corpus.functions(INCLUDE)}


def nodes():
    """[(node, functions, the node it follows)] of symbols.map, in its order."""
    text = re.sub(r"/\*.*?\*/", "", MAP.read_text(encoding="utf-8"), flags=re.S)
    return [(name, re.findall(r"\b(sw_\w+);", body), after)
            for name, body, after in re.findall(r"(\S+) \{(.*?)\}\s*(\S*);", text, flags=re.S)]


def test_every_function_is_in_the_node_of_the_minor_version_that_brought_it():
    listed = {function: node for node, functions, _ in nodes() for function in functions}
    assert listed == since()


def test_nodes_stand_oldest_first_and_each_follows_the_one_before():
    """A plugin is not linked with the server, so its references name no version, and the oldest node serves them."""
    minors = [int(name.removeprefix(f"STEWARD_{MAJOR}.")) for name, _, _ in nodes()]
    assert minors == sorted(set(minors)) and minors[0] == 0
    names = [name for name, _, _ in nodes()]
    assert [after for _, _, after in nodes()] == [""] + names[:-1]


def test_within_a_node_names_are_in_order_and_stand_once():
    functions = [function for _, listed, _ in nodes() for function in listed]
    assert len(functions) == len(set(functions))
    for _, listed, _ in nodes():
        assert listed == sorted(listed)


def test_the_server_exports_these_and_nothing_else():
    shown = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", BINARY], capture_output=True, text=True,
                           check=True).stdout
    exported = dict(line.split()[-1].split("@@") for line in shown.splitlines() if "@@" in line)
    others = {line.split()[-1] for line in shown.splitlines() if "@@" not in line}
    assert exported == since()
    # The nodes themselves, and the C library's own variables, of which an executable has the copy.
    assert {name for name in others if "@GLIBC" not in name} <= {name for name, _, _ in nodes()}
