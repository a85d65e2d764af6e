"""q: a literal substring, checked against a brute search in Python while the index is empty, half filled and full."""
import random
import sqlite3

import pytest

from support.steward import Steward, eventually

LETTERS = list("abcABC  ..--\"\"''**%%__\\()^:+") + list("中文分词中文") + ["é", "É", "e\u0301", "ß", "İ", "🤖", "👩‍🚀", "\uffff", "\ufffe",
                                                                     "\ufffd", "𝔘", "\u0001", "\n"]
AGENTS = ["ant", "bee", "cat"]
LEVELS = ["INFO", "ERROR"]
ROWS = 9000


def fold(text):
    return text.encode().lower()  # bytes: ASCII alone


def expected(rows, q, **filters):
    wanted = fold(q)
    found = [m for m in rows if wanted in fold(m["content"])]
    for name, value in filters.items():
        if name in ("agent_id", "level"):
            found = [m for m in found if m[name] == value]
        elif name == "before_id":
            found = [m for m in found if m["id"] < value]
        elif name == "after_id":
            found = [m for m in found if m["id"] > value]
    return found


def text(generator, longest):
    return "".join(generator.choice(LETTERS) for _ in range(generator.randint(1, longest)))


def some_query(generator, rows):
    """Of what is there, with letters in other cases; sometimes of what is not."""
    if generator.random() < 0.25:
        q = text(generator, 4)
    else:
        content = generator.choice(rows)["content"]
        start = generator.randrange(len(content))
        q = content[start:start + generator.choice([1, 1, 2, 2, 3, 3, 4, 5, 8, 20, 60])]
    q = "".join(c.swapcase() if c.isascii() and generator.random() < 0.3 else c for c in q).strip(" \t\r\n\v\f")
    return q if len(q.encode()) <= 256 else q[:40]


def indexed_to(server):
    with sqlite3.connect(f"file:{server.database()}?mode=ro", uri=True) as db:
        return db.execute("SELECT indexed_to FROM messages_search").fetchone()[0]


def check(server, rows, generator, rounds):
    for _ in range(rounds):
        q = some_query(generator, rows)
        if not q:
            continue
        filters = {}
        if generator.random() < 0.4:
            filters["agent_id"] = generator.choice(AGENTS)
        if generator.random() < 0.3:
            filters["level"] = generator.choice(LEVELS)
        if generator.random() < 0.4:
            filters["before_id"] = generator.choice(rows)["id"]
        if generator.random() < 0.2:
            filters["after_id"] = generator.choice(rows)["id"]
        offset, limit = generator.choice([0, 0, 0, 3, 100, 4000]), generator.choice([1, 10, 200])
        answer = server.get("/api/messages", params={"q": q, "offset": offset, "limit": limit, **filters})
        assert answer.status_code == 200, (q, answer.text)
        wanted = [m["id"] for m in expected(rows, q, **filters)]
        if "after_id" in filters and "before_id" not in filters:
            wanted = wanted[::-1][offset:offset + limit][::-1]
        wanted = wanted[offset:offset + limit] if "before_id" in filters or "after_id" not in filters else wanted
        assert [m["id"] for m in answer.json()] == wanted, (q, filters, offset, limit)


def add(server, contents):
    kept = []
    generator = random.Random(len(contents))
    for start in range(0, len(contents), 1000):
        kept += server.post("/api/messages", [
            {"agent_id": generator.choice(AGENTS), "level": generator.choice(LEVELS), "content": content}
            for content in contents[start:start + 1000]]).json()
    return list(reversed(kept))


@pytest.fixture(scope="module")
def searched():
    with Steward(options={"plugin:messages": {"search_time": "60s"}}) as server:  # whole pages, with sanitizers too
        generator = random.Random(11)
        contents = [text(generator, 80) for _ in range(ROWS - 6)]
        contents += ["x" * 65536, "名" * 20000 + "末", "Zqx needle qxZ", "tail of the OLD row", "龘", "a龘"]
        generator.shuffle(contents)
        rows = add(server, contents)
        check(server, rows, random.Random(1), 60)   # hardly anything is indexed yet
        eventually(lambda: indexed_to(server) > ROWS // 2, 120, "half of the index")
        check(server, rows, random.Random(2), 60)
        eventually(lambda: indexed_to(server) > ROWS - 400, 120, "the index")
        yield server, rows


def test_a_full_index_finds_what_a_scan_finds(searched):
    server, rows = searched
    check(server, rows, random.Random(3), 400)


def test_what_comes_later_is_found_at_once(searched):
    server, rows = searched
    rows[:0] = add(server, ["the latest Zqx needle", "另一个词语", "龘靐"])
    check(server, rows, random.Random(4), 60)
    for q in ("zqx needle", "词语", "靐", "龘", "龘靐"):
        got = server.get("/api/messages", params={"q": q}).json()
        assert got == expected(rows, q) != []


@pytest.mark.parametrize("q", ['"', '""', '"a', "*", "a*", "a *", "%", "_", "a%b", "a_b", "\\", "'", "''", "(", ")", "^a", "a:b",
                               "-a", "+a", "a AND b", "NOT", "a OR", "NEAR(a b)", "{a}", "text:a", '"*"', '" OR "', "; DROP TABLE",
                               "a\"b\"c", "\u0001", "..", "--", "___", "%%%", "'''", '"""'])
def test_nothing_in_a_query_means_anything(searched, q):
    server, rows = searched
    assert server.get("/api/messages", params={"q": q, "limit": 200}).json() == expected(rows, q)[:200]


@pytest.mark.parametrize("q", ["é", "É", "e\u0301", "\u0301", "İ", "ı", "ß", "SS", "🤖", "👩‍🚀", "👩", "\u200d", "🚀", "\uffff", "\ufffe",
                               "\ufffd", "\uffff\ufffe", "𝔘", "𝔲", "中", "中文", "文中", "中文分", "分词中文", "末", "名末", "名名", "丂"])
def test_other_letters_match_exactly(searched, q):
    server, rows = searched
    assert server.get("/api/messages", params={"q": q, "limit": 200}).json() == expected(rows, q)[:200]


def test_ascii_letters_match_in_any_case(searched):
    server, rows = searched
    for q in ("ZQX NEEDLE", "zqx needle", "Old Row", "NEEDLE Q"):
        assert server.get("/api/messages", params={"q": q}).json() == expected(rows, q) != []


def test_the_last_characters_of_a_row_are_found(searched):
    server, rows = searched
    for m in random.Random(6).sample(rows, 60):
        for size in (1, 2, 3):
            q = m["content"][-size:].strip(" \t\r\n\v\f")
            if q:
                before = m["id"] + 1
                got = server.get("/api/messages", params={"q": q, "before_id": before, "limit": 1}).json()
                assert got and got[0]["id"] == expected(rows, q, before_id=before)[0]["id"]


def test_every_page_by_id_meets(searched):
    server, rows = searched
    for q in ("中", "ab", "中文分", "abc"):
        got, before = [], None
        while page := server.get("/api/messages", params={"q": q, "limit": 97, **({"before_id": before} if before else {})}).json():
            got += page
            before = page[-1]["id"]
        assert got == expected(rows, q)


def test_the_longest_query(searched):
    server, rows = searched
    for q in ("x" * 256, "名" * 85, "X" * 200):
        assert server.get("/api/messages", params={"q": q}).json() == expected(rows, q) != []
    assert server.get("/api/messages", params={"q": "x" * 255 + "y"}).json() == []


def test_times_and_text_together(searched):
    server, rows = searched
    since, until = rows[6000]["timestamp"], rows[1500]["timestamp"]
    wanted = [m for m in expected(rows, "ab") if since <= m["timestamp"] <= until]
    got = server.get("/api/messages", params={"q": "ab", "since": since, "until": until, "limit": 200}).json()
    assert got == wanted[:200]


def test_the_index_survives_kill_and_goes_on(searched):
    server, rows = searched
    server.kill()
    server.tokens.clear()
    server.start()
    check(server, rows, random.Random(8), 60)
