"""No query of chat scans the table of messages; unions are merged, not sorted."""
import os
import re
import sqlite3

import pytest

CHAT = os.path.join(os.path.dirname(__file__), "..", "..", "..", "plugins", "chat")
WHOLE = {"SQL_CLEAR_ROWS", "SQL_CLEAR_PRUNED", "SQL_CLEAR_THREADS", "SQL_CLEAR_PAIRS", "SQL_CLEAR_APPROVALS",
         "SQL_CLEAR_IDS", "SQL_LAST_ID"}


def source(name):
    with open(os.path.join(CHAT, name), encoding="utf-8") as file:
        return file.read()


def literals(text):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))


def statements():
    """Every SQL text of the plugin by name, its macros and clauses put in."""
    text = "\n".join(source(os.path.relpath(os.path.join(folder, name), CHAT))
                     for folder, _, names in sorted(os.walk(CHAT)) for name in sorted(names) if name.endswith((".c", ".h")))
    macros = {}
    for name, body in re.findall(r"#define (\w+)((?:[^\n]*\\\n)*[^\n]*)", text):
        macros[name] = body.replace("\\\n", " ")
    clauses = {n: re.findall(r'"([^"]*)"', body) for n, body in re.findall(r"\*const (\w+_CLAUSES)\[\] = \{([^}]*)\}", text)}

    def expand(body, depth=0):
        outside = re.split(r'("(?:[^"\\]|\\.)*")', body)
        for i in range(0, len(outside), 2):
            outside[i] = re.sub(r"\b\w+\b", lambda m: expand(macros[m[0]], depth + 1) if m[0] in macros else "", outside[i])
        return "".join(outside)

    found = {}
    for name, body in re.findall(r"const char (SQL_\w+)\[\] =\s*(.*?);\n", text, re.S):
        found[name] = literals(expand(body))
    rows = re.findall(r"\[ST_\w+\] = \{\"\w+\", (SQL_\w+), (\w+)\}", text)
    assert {n for n, _ in rows} == set(found), "every text is in the table"
    for name, its in rows:
        sql = found.pop(name)
        if its == "NULL":
            yield name, sql
        else:
            for mask in range(1 << len(clauses[its])):
                chosen = " ".join(c for i, c in enumerate(clauses[its]) if mask >> i & 1)
                yield f"{name}:{mask}", sql.replace("{clauses}", chosen)


@pytest.fixture(scope="module")
def database():
    db = sqlite3.connect(":memory:")
    for name in sorted(os.listdir(os.path.join(CHAT, "migrations"))):
        db.executescript(source(os.path.join("migrations", name)))
    yield db
    db.close()


@pytest.mark.parametrize("name,sql", list(statements()), ids=lambda value: value if value.startswith("SQL_") else "")
def test_no_statement_scans(database, name, sql):
    count = max([int(n) for n in re.findall(r"\?(\d+)", sql)], default=0)
    plan = [row[3] for row in database.execute("EXPLAIN QUERY PLAN " + sql, [None] * count)]
    few = "USING INDEX chat_approvals_undelivered"  # a partial index that is all but empty
    if name not in WHOLE:
        scans = [line for line in plan if re.match(r"SCAN (chat|chat_threads|chat_approvals|chat_pairs|a|c)\b", line)]
        assert not [line for line in scans if few not in line], plan
    if name.startswith(("SQL_IDS_", "SQL_APPROVAL", "SQL_THREADS_OF")):
        assert not [line for line in plan if "TEMP B-TREE" in line], plan


def test_sql_is_never_built_by_printf():
    for folder, _, names in os.walk(CHAT):
        for name in names:
            if name.endswith(".c"):
                assert not re.search(r"(printf|sw_printf)\([^;]*\b(SELECT|INSERT|UPDATE|DELETE)\b",
                                     source(os.path.join(os.path.relpath(folder, CHAT), name))), name
