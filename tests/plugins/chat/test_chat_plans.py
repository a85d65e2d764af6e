"""No query of chat scans the table of messages; unions are merged, not sorted."""
import os
import re
import sqlite3

import pytest

CHAT = os.path.join(os.path.dirname(__file__), "..", "..", "..", "plugins", "chat")
WHOLE = {"clear_rows", "clear_pruned", "clear_threads", "clear_pairs", "clear_guests", "clear_copies", "clear_approvals", "clear_ids", "clear_rules", "clear_inputs", "clear_pauses",
         "last_id"}
STATEMENT = re.compile(r"""\.name = "(\w+)",\s*\.sql =\s*((?:"(?:[^"\\]|\\.)*"|\w+|\s)+)(?:,\s*\.clauses = (\w+))?\}""")


def source(name):
    with open(os.path.join(CHAT, name), encoding="utf-8") as file:
        return file.read()


def sources(*ends):
    return [source(os.path.relpath(os.path.join(folder, name), CHAT))
            for folder, _, names in sorted(os.walk(CHAT)) for name in sorted(names) if name.endswith(ends)]


def literals(text):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))


def macros_of(text):
    return {name: body.replace("\\\n", " ")
            for name, body in re.findall(r"#define (\w+)((?:[^\n]*\\\n)*[^\n]*)", text)}


def statements():
    """Every SQL text of the plugin by name, its macros and clauses put in."""
    shared = macros_of("\n".join(sources(".h")))
    declared = set(re.findall(r"&(\w+_STATEMENTS)\b", source("plugin.c")))
    for text in sources(".c"):
        tables = re.findall(r"const sw_table (\w+) = SW_TABLE\(STATEMENTS\)", text)
        rows = STATEMENT.findall(text)
        assert len(rows) == text.count(".sql =") and len(tables) == (1 if rows else 0)
        assert declared.issuperset(tables), "every table is in plugin.c"
        declared.difference_update(tables)
        macros = shared | macros_of(text)
        clauses = {n: re.findall(r'"([^"]*)"', body) for n, body in re.findall(r"\*const (\w*CLAUSES)\[\] = \{([^}]*)\}", text)}

        def expand(body):
            outside = re.split(r'("(?:[^"\\]|\\.)*")', body)
            for i in range(0, len(outside), 2):
                outside[i] = re.sub(r"\b\w+\b", lambda m: expand(macros[m[0]]), outside[i])
            return "".join(outside)

        for name, body, its in rows:
            sql = literals(expand(body))
            if not its:
                yield name, sql
            for mask in range(1 << len(clauses[its]) if its else 0):
                chosen = " ".join(c for i, c in enumerate(clauses[its]) if mask >> i & 1)
                yield f"{name}:{mask}", sql.replace("{clauses}", chosen)
    assert not declared


@pytest.fixture(scope="module")
def database():
    db = sqlite3.connect(":memory:")
    core = macros_of(source(os.path.join("..", "..", "core", "db", "db_internal.h")))
    db.executescript(literals(core["STORE_SUCCESSION_TABLES"]))
    for name in sorted(os.listdir(os.path.join(CHAT, "migrations"))):
        db.executescript(source(os.path.join("migrations", name)))
    yield db
    db.close()


@pytest.mark.parametrize("name,sql", list(statements()), ids=lambda value: value if " " not in value else "")
def test_no_statement_scans(database, name, sql):
    count = max([int(n) for n in re.findall(r"\?(\d+)", sql)], default=0)
    plan = [row[3] for row in database.execute("EXPLAIN QUERY PLAN " + sql, [None] * count)]
    few = "USING INDEX chat_approvals_undelivered"  # a partial index that is all but empty
    if name not in WHOLE:
        scans = [line for line in plan if re.match(r"SCAN (chat|chat_copies|chat_guests|chat_threads|chat_approvals|chat_pairs|a|c)\b", line)]
        assert not [line for line in scans if few not in line], plan
    if name.startswith(("ids_", "approval_", "threads_of")):
        assert not [line for line in plan if "TEMP B-TREE" in line], plan


def test_sql_is_never_built_by_printf():
    for folder, _, names in os.walk(CHAT):
        for name in names:
            if name.endswith(".c"):
                assert not re.search(r"(printf|sw_printf)\([^;]*\b(SELECT|INSERT|UPDATE|DELETE)\b",
                                     source(os.path.join(os.path.relpath(folder, CHAT), name))), name
