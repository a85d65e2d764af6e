"""Failed logins are refused for ever longer; right ones from elsewhere never are."""
import concurrent.futures
import threading
import time

import pytest
import requests
from requests.adapters import HTTPAdapter

from support.steward import ADMIN_PASSWORD, Steward, eventually


NO_LIMITS = {"failures": "0", "address_failures": "0", "user_failures": "0"}


class From(HTTPAdapter):
    """Connections from one local address."""

    def __init__(self, address):
        self.address = address
        super().__init__(pool_maxsize=64)

    def init_poolmanager(self, *args, **more):
        super().init_poolmanager(*args, source_address=(self.address, 0), **more)


def session(address):
    made = requests.Session()
    made.mount("http://", From(address))
    return made


def login(server, who, username="admin", password=ADMIN_PASSWORD):
    return who.post(server.url + "/api/auth/login", json={"username": username, "password": password}, timeout=60)


def post(server, who, data):
    return who.post(server.url + "/api/auth/login", data=data, headers={"Content-Type": "application/json"}, timeout=60)


@pytest.fixture(scope="module")
def server():
    with Steward() as running:
        yield running


def test_after_five_failures_come_refusals_of_one_two_four_seconds(server):
    who = session("127.0.1.1")
    for _ in range(5):
        assert login(server, who, password="wrong").status_code == 401
    for seconds in (1, 2, 4):
        begun = time.monotonic()
        answer = login(server, who)
        assert answer.status_code == 429 and answer.headers["Retry-After"] == str(seconds)
        body = answer.json()
        assert body["code"] == "rate_limited" and "too many login attempts" in body["error"]
        assert time.monotonic() - begun < 0.5
        time.sleep(seconds + 0.05)
        assert login(server, who, password="wrong").status_code == 401


def test_a_refused_attempt_does_not_lengthen_the_refusal(server):
    who = session("127.0.1.2")
    for _ in range(5):
        login(server, who, password="wrong")
    end = time.monotonic() + 1.05
    while time.monotonic() < end:
        login(server, who)
        time.sleep(0.02)
    assert login(server, who).status_code == 200


def test_a_right_password_from_another_address_is_never_refused(server):
    who, other = session("127.0.1.3"), session("127.0.1.4")
    for _ in range(8):
        login(server, who, password="wrong")
    assert login(server, who).status_code == 429
    for _ in range(8):
        assert login(server, other).status_code == 200


def test_failures_of_one_address_count_together_whatever_the_names(server):
    who = session("127.0.1.5")
    for i in range(5):
        assert login(server, who, username=f"guess{i}", password="wrong").status_code == 401
    assert login(server, who).status_code == 429


def test_case_does_not_make_another_user():
    with Steward({"plugin:auth": {"address_failures": "0"}}) as server:
        who = session("127.0.1.6")
        for name in ("admin", "Admin", "ADMIN", "aDMIN", "admiN"):
            assert login(server, who, username=name, password="wrong").status_code == 401
        assert login(server, who).status_code == 429
        assert login(server, who, username="other", password="wrong").status_code == 401


def test_success_clears_what_the_pair_had(server):
    who = session("127.0.1.7")
    for _ in range(2):
        for _ in range(2):
            assert login(server, who, password="wrong").status_code == 401
        assert login(server, who).status_code == 200


def test_bodies_that_are_no_login_count_as_failures(server):
    who = session("127.0.1.8")
    for data in (b"{", b"", b"[]", b'{"username":"admin"}', b'{"username":"admin","password":7}'):
        assert post(server, who, data).status_code == 400
    for data in (b"{", b'{"username":"admin"}'):
        answer = post(server, who, data)
        assert answer.status_code == 429 and answer.headers["Retry-After"] == "1"
    assert login(server, who).status_code == 429


def test_where_somebody_signed_in_lately_a_broken_script_locks_nobody_out(server):
    who = session("127.0.1.14")
    assert login(server, who).status_code == 200
    for _ in range(20):
        assert post(server, who, b"{").status_code == 400
    for i in range(5):
        assert login(server, who, username=f"guess{i}", password="wrong").status_code == 401
    assert login(server, who, username="guess9", password="wrong").status_code == 429
    assert login(server, who).status_code == 200


def test_one_user_is_not_guessed_from_everywhere_but_who_is_known_comes_in():
    with Steward({"plugin:auth": {"user_failures": "20"}}) as server:
        home = session("127.0.2.1")
        assert login(server, home).status_code == 200
        codes = [login(server, session(f"127.0.3.{i}"), username="ADMIN", password=f"guess {i}").status_code for i in range(1, 31)]
        assert codes == [401] * 20 + [429] * 10
        assert login(server, session("127.0.3.50")).status_code == 429
        assert login(server, session("127.0.3.51"), username="other", password="wrong").status_code == 401
        assert login(server, home).status_code == 200


def test_sixty_addresses_that_guess_keep_no_known_user_waiting():
    options = {"auth": {"bcrypt_cost": "10"}, "server": {"hash_workers": "1"}, "plugin:auth": {"user_failures": "0"}}
    with Steward(options) as server:
        home = session("127.0.2.2")
        assert login(server, home).status_code == 200
        with concurrent.futures.ThreadPoolExecutor(120) as pool:
            guesses = [pool.submit(login, server, session(f"127.0.4.{i % 60 + 1}"), "admin", f"guess {i}") for i in range(120)]
            eventually(lambda: sum(f.done() for f in guesses) >= 3, what="the first answers to guesses")
            for _ in range(3):
                assert login(server, home).status_code == 200
            still_waiting = sum(not f.done() for f in guesses)
            assert all(f.result().status_code in (401, 503) for f in guesses)
        # Each login had one guess before it, the one that was running; other answers may come in between.
        assert still_waiting >= 60, "it waited behind the crowd"


def test_trying_in_parallel_does_not_get_past_the_limit():
    with Steward({"auth": {"bcrypt_cost": "8"}}) as server:
        who = session("127.0.1.9")
        start = threading.Barrier(40)

        def attempt(_):
            start.wait()
            return login(server, who, password="wrong").status_code

        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            codes = list(pool.map(attempt, range(40)))
        assert codes.count(401) == 5 and codes.count(429) == 35, codes


def test_one_address_does_not_keep_others_from_logging_in():
    with Steward({"auth": {"bcrypt_cost": "10"}, "plugin:auth": NO_LIMITS}) as server:
        crowd, other = session("127.0.1.10"), session("127.0.1.11")
        with concurrent.futures.ThreadPoolExecutor(60) as pool:
            busy = [pool.submit(login, server, crowd, "admin", "wrong") for _ in range(60)]
            eventually(lambda: any(f.done() for f in busy), what="the crowd's first answer")
            assert login(server, other).status_code == 200
            still_waiting = sum(not f.done() for f in busy)
            assert all(f.result().status_code in (401, 429, 503) for f in busy)
        assert still_waiting >= 30, "it waited behind the crowd"


def test_a_line_that_is_full_refuses():
    with Steward({"auth": {"bcrypt_cost": "10"}, "plugin:auth": {"at_once": "1", "waiting": "2"}}) as server:
        who = session("127.0.1.12")
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            codes = list(pool.map(lambda _: login(server, who).status_code, range(20)))
        assert set(codes) <= {200, 429} and codes.count(200) >= 3 and codes.count(429) >= 1


def test_clients_that_leave_while_they_wait_do_no_harm():
    with Steward({"auth": {"bcrypt_cost": "9"}, "plugin:auth": NO_LIMITS}) as server:
        who = session("127.0.1.13")

        def leave(_):
            try:
                who.post(server.url + "/api/auth/login", json={"username": "admin", "password": "wrong"}, timeout=0.05)
            except requests.exceptions.RequestException:
                pass

        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            list(pool.map(leave, range(30)))
        assert login(server, who).status_code == 200
