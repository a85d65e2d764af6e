"""A search has a budget: what it looks through is bounded, its page ends early, and a cursor goes on."""
import sqlite3
import urllib.parse

import pytest

from support.steward import Steward, eventually

Q = "needle in the haystack"
# Every trigram of the text and not the text: the index takes such a row for a hit, and only its content tells.
DECOY = " ".join(Q[i:i + 3] for i in range(len(Q) - 2))
ROWS = 400
HITS = {3, 4, 90, 200, 201, 202, 350, 399}


@pytest.fixture(scope="module")
def hay():
    with Steward(options={"plugin:messages": {"search_bytes": "1M", "search_time": "60s"}}) as server:
        contents = [(Q if i in HITS else DECOY) + " " + "x" * 30000 for i in range(ROWS)]
        kept = []
        for start in range(0, ROWS, 100):
            kept += server.post("/api/messages", [{"agent_id": "a", "level": "INFO", "content": c}
                                                  for c in contents[start:start + 100]]).json()
        assert [m["id"] for m in kept] == list(range(1, ROWS + 1))
        yield server


def indexed_to(server):
    with sqlite3.connect(f"file:{server.database()}?mode=ro", uri=True) as db:
        return db.execute("SELECT indexed_to FROM messages_search").fetchone()[0]


def pages(server, **query):
    """Every page until one is whole, by the cursor alone."""
    found = []
    while True:
        answer = server.get("/api/messages", params=query)
        assert answer.status_code == 200, answer.text
        assert isinstance(answer.json(), list)
        found.append([m["id"] for m in answer.json()])
        if "X-Truncated" not in answer.headers:
            assert "X-Next-Page" not in answer.headers
            return found
        assert answer.headers["X-Truncated"] == "true"
        query |= dict(urllib.parse.parse_qsl(answer.headers["X-Next-Page"], strict_parsing=True))
        assert len(found) < ROWS


def ids(newest_first=True):
    return sorted((i + 1 for i in HITS), reverse=newest_first)


@pytest.mark.parametrize("indexed", [False, True])
def test_a_search_ends_with_a_partial_page_and_its_cursor_goes_on_to_every_hit(hay, indexed):
    if indexed:
        eventually(lambda: indexed_to(hay) > ROWS - 10, 120, "the index")
    got = pages(hay, q=Q, limit=200)
    assert len(got) >= ROWS * 30000 // 2**20, "each page looked through about a megabyte"
    assert sum(got, []) == ids()
    assert [] in got, "a page without a hit is an empty array, with its cursor"


def test_a_poller_goes_on_from_the_oldest_row(hay):
    got = pages(hay, q=Q, after_id=0, limit=200)
    assert [page[::-1] for page in got if page] and sum((page[::-1] for page in got), []) == ids(newest_first=False)
    assert all(page == sorted(page, reverse=True) for page in got)


@pytest.mark.parametrize("q", [Q, "ne"])
def test_an_offset_that_was_not_reached_stands_in_the_cursor(hay, q):
    whole = sum(pages(hay, q=q, limit=200), []) if q == Q else list(range(ROWS, 0, -1))
    for offset in (1, 5, 300):
        got = pages(hay, q=q, offset=offset, limit=200)
        assert sum(got, [])[:200] == whole[offset:][:200]


def test_filters_hold_on_every_page(hay):
    assert sum(pages(hay, q=Q, agent_id="a", level="info", limit=200), []) == ids()
    assert sum(pages(hay, q=Q, agent_id="b", limit=200), []) == []
    assert sum(pages(hay, q=Q, before_id=202, after_id=4, limit=200), []) == [i for i in ids() if 4 < i < 202]


def test_a_page_that_is_full_is_not_called_truncated(hay):
    answer = hay.get("/api/messages", params={"q": "x" * 50, "limit": 5})
    assert [m["id"] for m in answer.json()] == [400, 399, 398, 397, 396]
    assert "X-Truncated" not in answer.headers and "X-Next-Page" not in answer.headers


def test_a_list_that_grew_too_large_has_a_cursor_as_well(hay):
    assert sum(pages(hay, limit=200, before_id=ROWS + 1), [])[:200] == list(range(ROWS, ROWS - 200, -1))
    answer = hay.get("/api/messages", params={"limit": 200})
    last = answer.json()[-1]["id"]
    assert answer.headers["X-Next-Page"] == f"before_id={last}&offset=0"


def test_the_time_of_a_search_is_bounded_too(hay):
    with Steward(options={"plugin:messages": {"search_time": "1ms"}}) as server:
        for _ in range(3):
            server.post("/api/messages", [{"agent_id": "a", "level": "INFO", "content": DECOY + " " + "x" * 60000}
                                          for _ in range(100)])
        answer = server.get("/api/messages", params={"q": Q})
        assert answer.json() == [] and answer.headers["X-Truncated"] == "true"


def test_a_page_of_another_origin_may_read_the_cursor(hay):
    answer = hay.get("/api/messages", params={"q": Q}, headers={"Origin": "http://localhost:3000"})
    assert "X-Next-Page" in answer.headers["Access-Control-Expose-Headers"].split(", ")
