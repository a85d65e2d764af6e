"""steward db backup, check and restore, run beside a server or without one; and stores to run them on."""
import os
import pathlib
import re
import sqlite3
import subprocess

from support.steward import BINARY, outer_environment

BACKUP_NAME = re.compile(r"steward-\d{8}T\d{6}Z(-\d\d)?\.db")


def db(config, *words, wrapper=(), **more):
    """`config`: the path of a configuration. `words`: what stands behind "steward db"."""
    more.setdefault("env", outer_environment())
    return subprocess.run([*wrapper, BINARY, "db", words[0], "-c", config, *map(str, words[1:])], capture_output=True,
                          text=True, timeout=120, check=False, **more)


def made(result):
    """The path of a backup, as the command has printed it with its size."""
    assert result.returncode == 0, result.stderr
    found = re.fullmatch(r"(.+): (\d+) bytes\n", result.stdout)
    assert found, result.stdout
    path = pathlib.Path(found.group(1))
    assert path.stat().st_size == int(found.group(2))
    return path


def backup(config, *words, **more):
    """The path of one that must succeed."""
    return made(db(config, "backup", *words, **more))


def write(server, content):
    answer = server.post("/api/messages", {"agent_id": "x", "level": "INFO", "content": content})
    assert answer.status_code == 201, answer.text


def rows(path, query="SELECT content FROM messages ORDER BY id"):
    """The first column, of a store that is whole."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [row[0] for row in connection.execute(query)]
    finally:
        connection.close()


def plain_config(folder, *lines):
    path = pathlib.Path(folder) / "steward.conf"
    path.write_text(f"[server]\ndata_dir = {folder}/data\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def small_store(path):
    """A store of today's identity, without a server."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA application_id = 1398231620; PRAGMA user_version = 1; CREATE TABLE things (x TEXT);"
                             "INSERT INTO things VALUES ('old');")
    connection.close()


def spoil(path, table, size):
    """Overwrites so many bytes of the table's first page."""
    connection = sqlite3.connect(path)
    page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    connection.close()
    with open(path, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * size)


def store_files(server):
    """The names of the store and of what was left or put aside with it."""
    return sorted(name for name in os.listdir(server.data) if name.startswith("steward.db"))


def change(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
