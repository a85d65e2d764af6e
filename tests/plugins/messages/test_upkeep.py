"""Query plans, retention, and what the clock does."""
import os
import pathlib
import re
import sqlite3
import time

import pytest

from support.steward import ROOT, Steward, eventually


def posts(server, contents, **fields):
    kept = []
    for start in range(0, len(contents), 1000):
        kept += server.post("/api/messages", [{"agent_id": "a", "level": "INFO", "content": c, **fields}
                                              for c in contents[start:start + 1000]]).json()
    return kept


def database(server):
    return sqlite3.connect(f"file:{server.database()}?mode=ro", uri=True)


# ---- plans ----

def statements():
    """name -> (sql, clauses), as the plugin has them."""
    source = "".join(path.read_text(encoding="utf-8") for path in pathlib.Path(ROOT, "plugins/messages").rglob("*.c"))
    columns = re.search(r'#define MESSAGE_COLUMNS (".*")', source).group(1)
    indexed = re.search(r'#define INDEXED_TEXT (".*")', source).group(1)
    holds = re.search(r'#define HOLDS_TEXT (".*")', source).group(1)
    source = source.replace("MESSAGE_COLUMNS", columns).replace("HOLDS_TEXT", holds).replace("INDEXED_TEXT", indexed)
    join = lambda text: "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))
    rows = re.findall(r'^    \[(\w+)\] =\s+\{\.name = "\w+",\s+\.sql =(.*?)(?:,\s+\.clauses = \w+)?\},\n', source, re.S | re.M)
    found = {name: join(text) for name, text in rows}
    clauses = re.search(r"FIND_CLAUSES\[\] = \{(.*?)NULL", source, re.S).group(1)
    return found, re.findall(r'"([^"]*)"', clauses)


def plan(db, sql):
    db.create_function("sw_text_holds", 2, lambda text, part: part in text.lower(), deterministic=True)
    numbers = [int(n) for n in re.findall(r"\?(\d+)", sql)]
    return [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql, [""] * max(numbers, default=0))]


def test_no_statement_scans_messages(server):
    found, clauses = statements()
    assert len(found) == 35 and len(clauses) == 3
    with database(server) as db:
        for name, sql in found.items():
            if name.startswith("CLEAR_"):
                continue
            for mask in range(8 if "{clauses}" in sql else 1):
                if name == "COUNT" and mask > 3:
                    continue
                text = sql.replace("{clauses}", "".join(c for bit, c in enumerate(clauses) if mask & 1 << bit))
                steps = plan(db, text)
                assert not any(re.match(r"SCAN (messages|m)\b(?!.*VIRTUAL)", s) for s in steps), (name, mask, steps)
                assert not any("TEMP B-TREE" in s for s in steps), (name, mask, steps)


@pytest.mark.parametrize("mask,index", [(0, "INTEGER PRIMARY KEY"), (1, "messages_by_agent "), (2, "messages_by_level "),
                                        (3, "messages_by_agent_level "), (11, "messages_by_agent_level ")])
def test_every_filter_has_its_index(server, mask, index):
    found, clauses = statements()
    text = found["FIND"].replace("{clauses}", "".join(c for bit, c in enumerate(clauses) if mask & 1 << bit))
    with database(server) as db:
        steps = plan(db, text)
    assert len(steps) == 1 and index in steps[0] and "rowid>? AND rowid<?" in steps[0], steps


# ---- the search index ----

def test_less_than_a_step_is_left_to_the_scan_and_more_is_indexed(fresh):
    posts(fresh, ["short"] * 10)
    posts(fresh, ["x" * 200 for _ in range(1000)])
    with database(fresh) as db:
        eventually(lambda: db.execute("SELECT indexed_to FROM messages_search").fetchone()[0] > 850, 60)
        assert db.execute("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH '\"xxx\"'").fetchone()[0] > 800


# ---- retention ----

def retention(**options):
    return Steward(options={"plugin:messages": options})


def test_retention_by_age_removes_rows_and_their_trigrams():
    with Steward() as server:
        posts(server, [f"old needle {i} " + "x" * 100 for i in range(600)])
        posts(server, [f"new thread {i} " + "y" * 100 for i in range(600)])
        with database(server) as db:
            eventually(lambda: db.execute("SELECT indexed_to FROM messages_search").fetchone()[0] > 700, 60)
        server.stop()
        with sqlite3.connect(server.database()) as db:
            db.execute("UPDATE messages SET at_ms = at_ms - 3 * 24 * 3600 * 1000 WHERE id <= 600")
        server.options["plugin:messages"] = {"retention_days": "2"}
        server.tokens.clear()
        server.start()
        with database(server) as db:
            eventually(lambda: db.execute("SELECT min(id) FROM messages").fetchone()[0] == 601, 120, "retention")
            eventually(lambda: db.execute("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH '\"nee\"'").fetchone()[0] == 0, 10)
        assert server.get("/api/messages?q=needle").json() == []
        assert len(server.get("/api/messages?q=thread&limit=200").json()) == 200
        assert posts(server, ["next"])[0]["id"] == 1201


def test_retention_by_count_keeps_the_newest():
    with retention(retention_count="700") as server:
        posts(server, [f"row {i} " + "z" * 100 for i in range(1500)])
        with database(server) as db:
            eventually(lambda: db.execute("SELECT min(id), max(id) FROM messages").fetchone() == (801, 1500), 120, "retention")
        assert [m["content"].split(" z")[0] for m in server.get("/api/messages?limit=3&q=row").json()] == [
            "row 1499", "row 1498", "row 1497"]
        assert server.get("/api/messages", params={"q": "row 100 z"}).json() == []
        eventually(lambda: "info messages retention removed " in server.log(), what="a line of the log that says so")


def test_everything_too_old_still_leaves_the_newest_row():
    with retention(retention_days="1") as server:
        posts(server, ["one", "two", "three"])
        server.stop()
        with sqlite3.connect(server.database()) as db:
            db.execute("UPDATE messages SET at_ms = at_ms - 9 * 24 * 3600 * 1000")
        server.tokens.clear()
        server.start()
        with database(server) as db:
            eventually(lambda: db.execute("SELECT min(id), max(id) FROM messages").fetchone() == (3, 3), 120, "retention")
        assert posts(server, ["four"])[0]["id"] == 4


# ---- the clock ----

def test_a_clock_set_back_between_two_runs_hides_nothing():
    with Steward() as server:
        posts(server, [f"before {i}" for i in range(40)])
        server.stop()
        with sqlite3.connect(server.database()) as db:
            db.execute("UPDATE messages SET at_ms = at_ms + 3600 * 1000 + id")
        server.tokens.clear()
        server.start()
        time.sleep(0.01)
        posts(server, [f"after {i}" for i in range(40)])
        rows = server.get("/api/messages?limit=200").json()
        with database(server) as db:
            assert db.execute("SELECT from_id FROM messages_clock").fetchall() == [(41,)]
        for since, until in ((rows[79]["timestamp"], rows[40]["timestamp"]), (rows[39]["timestamp"], rows[0]["timestamp"]),
                             (rows[60]["timestamp"], rows[50]["timestamp"]), (rows[20]["timestamp"], rows[60]["timestamp"])):
            wanted = [m for m in rows if since <= m["timestamp"] <= until]
            assert server.get("/api/messages", params={"since": since, "until": until, "limit": 200}).json() == wanted
            assert server.get("/api/messages", params={"since": since, "until": until, "limit": 200, "q": "e"}).json() == wanted
