"""Statements in several tables of one module (ABI 1.2), with rows of an older, of this and of a later header."""
import pathlib
import shutil
import subprocess

import pytest
from support.steward import BINARY, BUILD, ROOT, Steward

SOURCE = pathlib.Path(ROOT) / "tests/abi/statement-tables/tables.c"


@pytest.fixture(scope="module", name="folder")
def plugin_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-shared", "-fPIC",
                    "-fvisibility=hidden", "-I", f"{ROOT}/include", str(SOURCE), "-o", str(folder / "tables.so")], check=True)
    for name in ("auth", "users"):
        shutil.copy(next(pathlib.Path(BUILD).rglob(f"plugins/{name}.so")), folder)
    return folder


@pytest.fixture(scope="module", name="server")
def running_server(folder):
    with Steward(plugins="auth, users, tables", options={"plugins": {"dir": str(folder)}}) as running:
        yield running


@pytest.mark.parametrize("name, text", [("first", "of the first table"), ("older", "of older rows"),
                                        ("present", "of present rows with a clause"),
                                        ("later", "of later rows with a clause")])
def test_a_statement_is_found_in_any_table_by_its_address(server, name, text):
    for _ in range(2):
        assert server.get(f"/api/tables/{name}", token=None).json() == {"text": text}


@pytest.mark.parametrize("name", ["elsewhere", "inside"])
def test_what_is_not_a_row_of_a_table_is_not_run(server, name):
    assert server.get(f"/api/tables/{name}", token=None).status_code == 500
    assert "a query names a statement that is in no plugin's statement table" in server.log()


def test_inspect_counts_the_statements_of_all_tables(folder):
    shown = subprocess.run([BINARY, "plugin", "inspect", str(folder / "tables.so")], capture_output=True, text=True, check=True)
    assert "statements  7\n" in shown.stdout
