"""GET /api/messages: filters, pages, times. Checked against the same rows in Python."""
import datetime
import itertools
import random

import pytest
import requests

LEVELS = ["INFO", "ERROR", "DEBUG"]
AGENTS = ["ant", "bee", "cat", "dög"]


@pytest.fixture(scope="module")
def rows(server):
    """All rows, newest first."""
    random.seed(5)
    kept = []
    for _ in range(20):
        array = [{"agent_id": random.choice(AGENTS), "level": random.choice(LEVELS), "content": f"row {i}"} for i in range(25)]
        kept += server.post("/api/messages", array).json()
    return list(reversed(kept))


def fetch(server, **params):
    answer = server.get("/api/messages", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_newest_first_fifty_by_default(server, rows):
    assert fetch(server) == rows[:50]


@pytest.mark.parametrize("agent,level", itertools.product(["", "ant", "dög", "nobody"], ["", "error", "Info", "NONE"]))
def test_filters_in_every_mix(server, rows, agent, level):
    expected = [m for m in rows if (not agent or m["agent_id"] == agent) and (not level or m["level"] == level.upper())]
    assert fetch(server, agent_id=agent, level=level, limit=200) == expected[:200]
    assert fetch(server, agent_id=agent, level=level, limit=7, offset=5) == expected[5:12]
    middle = rows[240]["id"]
    assert fetch(server, agent_id=agent, level=level, before_id=middle, limit=200) == [
        m for m in expected if m["id"] < middle][:200]
    later = [m for m in expected if m["id"] > middle]
    assert fetch(server, agent_id=agent, level=level, after_id=middle, limit=200) == later[-200:]
    assert fetch(server, agent_id=agent, level=level, after_id=middle, limit=3, offset=2) == later[:-2][-3:]
    low = rows[300]["id"]
    assert fetch(server, agent_id=agent, level=level, after_id=low, before_id=middle, limit=200) == [
        m for m in expected if low < m["id"] < middle]
    assert fetch(server, agent_id=agent, level=level, q="ROW 1", limit=200) == [
        m for m in expected if "row 1" in m["content"]][:200]


def test_pages_by_id_meet_without_a_gap(server, rows):
    got, before = [], None
    while page := fetch(server, limit=33, **({"before_id": before} if before else {})):
        got += page
        before = page[-1]["id"]
    assert got == rows


@pytest.mark.parametrize("filters", [{}, {"agent_id": "ant"}, {"level": "error"}, {"q": "row 1"}, {"q": "w", "level": "info"}])
def test_a_poller_that_goes_on_from_the_highest_id_misses_nothing(server, rows, filters):
    wanted = [m for m in rows if m["agent_id"] == filters.get("agent_id", m["agent_id"]) and
              m["level"] == filters.get("level", m["level"]).upper() and filters.get("q", "") in m["content"]]
    got, last = [], 0
    while page := fetch(server, after_id=last, limit=7, **filters):
        assert [m["id"] for m in page] == sorted((m["id"] for m in page), reverse=True)
        got = page + got
        last = page[0]["id"]
    assert got == wanted


def test_after_id_and_a_time_give_the_first_rows_of_that_time(server, rows):
    since, after = rows[300]["timestamp"], rows[450]["id"]
    wanted = [m for m in rows if m["timestamp"] >= since and m["id"] > after]
    assert fetch(server, since=since, after_id=after, limit=20) == wanted[-20:]
    assert fetch(server, since=since, after_id=after, before_id=rows[0]["id"] + 1, limit=20) == wanted[:20]


def test_a_page_that_is_cut_by_its_bytes_is_cut_behind_the_first_rows(fresh):
    ids = []
    for _ in range(5):
        large = [{"agent_id": "a", "level": "INFO", "content": f"{n}" + "\u0001" * 60000} for n in range(8)]
        ids += [m["id"] for m in fresh.post("/api/messages", large).json()]
    got, last, cut = [], 0, 0
    while page := (answer := fresh.get(f"/api/messages?after_id={last}&limit=200")).json():
        cut += answer.headers.get("X-Truncated") == "true"
        got += sorted(m["id"] for m in page)
        last = page[0]["id"]
    assert got == ids and cut > 0


def test_a_page_past_the_end_is_empty(server, rows):
    assert fetch(server, offset=len(rows)) == []
    assert fetch(server, offset=10**30) == []
    assert fetch(server, before_id=1) == []
    assert fetch(server, after_id=rows[0]["id"]) == []
    assert fetch(server, after_id=10**25) == []
    assert server.get("/api/messages?offset=100000").text == "[]"


def test_times_bound_inclusively(server, rows):
    for newest, oldest in ((0, 499), (100, 300), (60, 60)):
        since, until = rows[oldest]["timestamp"], rows[newest]["timestamp"]
        expected = [m for m in rows if since <= m["timestamp"] <= until]
        assert fetch(server, since=since, until=until, limit=200) == expected[:200]
        assert fetch(server, since=since, limit=200) == [m for m in rows if since <= m["timestamp"]][:200]
        assert fetch(server, until=until, limit=200) == [m for m in rows if m["timestamp"] <= until][:200]
        assert fetch(server, since=since, until=until, agent_id="bee", offset=3, limit=200) == [
            m for m in expected if m["agent_id"] == "bee"][3:203]


def test_times_in_other_zones_and_as_numbers(server, rows):
    stamp = datetime.datetime.fromisoformat(rows[100]["timestamp"].replace("Z", "+00:00"))
    expected = [m for m in rows if m["timestamp"] <= rows[100]["timestamp"]][:200]
    abroad = stamp.astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30))).isoformat(timespec="milliseconds")
    assert fetch(server, until=abroad, limit=200) == expected
    assert fetch(server, until=round(stamp.timestamp() * 1000), limit=200) == expected


def test_times_with_nothing_between(server, rows):
    assert fetch(server, since="2099-01-01T00:00:00Z") == []
    assert fetch(server, until="2001-01-01T00:00:00Z") == []
    assert fetch(server, since=rows[0]["timestamp"], until=rows[499]["timestamp"]) in (
        [], [m for m in rows if m["timestamp"] == rows[0]["timestamp"] == rows[499]["timestamp"]])


@pytest.mark.parametrize("query,error", [
    ("limit=0", "invalid limit"), ("limit=-1", "invalid limit"), ("limit=x", "invalid limit"), ("limit=1.5", "invalid limit"),
    ("offset=-1", "invalid offset"), ("offset=x", "invalid offset"), ("before_id=0", "invalid before_id"),
    ("before_id=x", "invalid before_id"), ("after_id=-1", "invalid after_id"), ("since=yesterday", "invalid since"),
    ("until=x", "invalid until"), ("q=%ff", "invalid q"), ("limit=9x", "invalid limit")])
def test_bad_parameters_are_named(server, query, error):
    answer = server.get(f"/api/messages?{query}")
    assert answer.status_code == 400 and answer.json()["error"] == error, answer.text


def test_a_limit_above_the_maximum_is_cut(server, rows):
    for limit in (201, 100000, 10**25):
        assert fetch(server, limit=limit) == rows[:200]


def test_empty_parameters_count_as_absent_and_values_are_trimmed(server, rows):
    assert server.get("/api/messages?agent_id=&level=&q=&limit=&offset=&before_id=&since=&until=").json() == rows[:50]
    assert server.get("/api/messages?agent_id=%20ant%20&level=%20info&limit=%205%20").json() == [
        m for m in rows if m["agent_id"] == "ant" and m["level"] == "INFO"][:5]


@pytest.mark.parametrize("name,longest", [("agent_id", 128), ("level", 32), ("q", 256)])
def test_texts_have_a_limit(server, name, longest):
    assert server.get("/api/messages", params={name: "x" * longest}).status_code == 200
    assert server.get("/api/messages", params={name: "x" * (longest + 1)}).status_code == 400


def test_head_works(server):
    answer = requests.head(server.url + "/api/messages", headers={"Authorization": f"Bearer {server.admin()}"}, timeout=10)
    assert answer.status_code == 200 and answer.content == b""


def test_a_page_ends_when_it_is_large(fresh):
    content = "\u0001" * 60000  # six times as long in JSON
    ids = []
    for _ in range(3):
        ids += [m["id"] for m in fresh.post("/api/messages", [
            {"agent_id": "a", "level": "INFO", "content": content} for _ in range(12)]).json()]
    got, before = [], None
    for page_number in range(10):
        answer = fresh.get("/api/messages", params={"limit": 200, **({"before_id": before} if before else {})})
        page = answer.json()
        got += [m["id"] for m in page]
        assert len(answer.content) < (4 << 20) + (1 << 19)
        if "X-Truncated" not in answer.headers:
            break
        assert answer.headers["X-Truncated"] == "true" and page
        before = page[-1]["id"]
    assert got == list(reversed(ids)) and page_number > 1
    whole = fresh.get("/api/messages?limit=3")
    assert "X-Truncated" not in whole.headers and len(whole.json()) == 3
