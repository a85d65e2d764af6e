"""Idempotency-Key: once, whatever happens at once or again."""
import concurrent.futures
import json
import sqlite3
import time

import pytest
import requests

from support.steward import Steward

BODY = {"agent_id": "builder", "level": "info", "content": "once"}


def post(server, key, body=None, token="admin"):
    text = body if isinstance(body, str) else json.dumps(BODY if body is None else body)
    return server.request("POST", "/api/messages", token=token, data=text.encode(),
                          headers={"Idempotency-Key": key, "Content-Type": "application/json"})


def count(server):
    rows = server.get("/api/messages?limit=1").json()
    return rows[0]["id"] if rows else 0


def test_a_repeat_is_answered_with_the_first_answer(server):
    first = post(server, "k1")
    before = count(server)
    again = post(server, "k1")
    assert first.status_code == again.status_code == 201
    assert first.text == again.text
    assert "Idempotency-Replayed" not in first.headers and again.headers["Idempotency-Replayed"] == "true"
    assert count(server) == before


def test_an_array_is_replayed_whole(server):
    body = [{**BODY, "content": f"line {i}"} for i in range(500)]
    first, again = post(server, "array", body), post(server, "array", body)
    assert first.text == again.text and len(again.json()) == 500
    empty = post(server, "empty", [])
    assert post(server, "empty", []).text == empty.text == "[]"


@pytest.mark.parametrize("other", [{**BODY, "content": "twice"}, [BODY], json.dumps(BODY) + " "])
def test_another_body_is_a_conflict(server, other):
    post(server, "k2")
    before = count(server)
    answer = post(server, "k2", other)
    assert answer.status_code == 409 and answer.json()["error"] == "idempotency key reused with another body"
    assert answer.json()["code"] == "conflict" and count(server) == before


def test_keys_are_each_users_own(server):
    _, member = server.member("idem")
    first, other = post(server, "shared"), post(server, "shared", {**BODY, "content": "mine"}, token=member)
    assert first.status_code == other.status_code == 201 and first.json()["id"] != other.json()["id"]


def test_failures_are_not_remembered(server):
    assert post(server, "k3", {**BODY, "level": ""}).status_code == 400
    assert post(server, "k3").status_code == 201


@pytest.mark.parametrize("key", ["x" * 129, "a b", "tab\there", "é"])
def test_bad_keys_are_refused(server, key):
    before = count(server)
    answer = post(server, key.encode())
    assert answer.status_code == 400, answer.text
    assert count(server) == before


def test_the_longest_and_the_oddest_key_work(server):
    for key in ("x" * 128, "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~"):
        assert post(server, key).status_code == 201
        assert post(server, key).headers["Idempotency-Replayed"] == "true"


def test_of_many_at_once_one_stores(server):
    before = count(server)
    token = server.admin()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for round_number in range(5):
            answers = list(pool.map(lambda _: post(server, f"race-{round_number}", token=token), range(16)))
            assert {a.status_code for a in answers} == {201}
            assert len({a.text for a in answers}) == 1
            assert sum("Idempotency-Replayed" in a.headers for a in answers) == 15
    assert count(server) == before + 5


def test_of_two_bodies_at_once_one_wins(server):
    token = server.admin()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: post(server, "two", {**BODY, "content": f"body {i % 2}"}, token=token), range(8)))
    good = [a for a in answers if a.status_code == 201]
    assert len(good) == 4 and len({a.text for a in good}) == 1
    assert {a.status_code for a in answers} == {201, 409}


def test_a_key_survives_a_restart_and_expires_after_a_day():
    with Steward() as server:
        first = post(server, "kept")
        server.kill()
        server.start()
        assert post(server, "kept").text == first.text
        server.stop()
        with sqlite3.connect(server.database()) as db:
            db.execute("UPDATE messages_keys SET at_ms = at_ms - 24 * 3600 * 1000 - 1")
        server.tokens.clear()
        server.start()
        later = post(server, "kept", {**BODY, "content": "a day later"})
        assert later.status_code == 201 and later.json()["id"] == first.json()["id"] + 1
        assert post(server, "kept").status_code == 409
