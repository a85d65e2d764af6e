"""A wall clock that is wrong for a while, set forward and set back: what was asked still expires, rows carry the right time."""
import os
import struct
import time
from datetime import datetime, timezone

import pytest
from support.approvals import answer, ask, furnish, listed
from support.sockets import Socket
from support.steward import BUILD, WRAPPER, Steward, eventually, sanitizer

CLIENTS = os.environ.get("STEWARD_CLIENTS", os.path.join(BUILD, "tests", "clients"))
HOUR = 3600

pytestmark = pytest.mark.skipif(bool(WRAPPER) or sanitizer() == "thread", reason="takes the clock from the program itself")


class Shifted(Steward):
    """A server whose wall clock the test moves."""

    def __init__(self, folder):
        self.shift_file = os.path.join(folder, "shift")
        with open(self.shift_file, "wb") as file:
            file.write(bytes(8))
        asan = "detect_leaks=1:abort_on_error=0:exitcode=99:verify_asan_link_order=0"
        super().__init__(env={"LD_PRELOAD": os.path.join(CLIENTS, "clock_shift.so"), "CLOCK_SHIFT": self.shift_file,
                              "ASAN_OPTIONS": asan})

    def shift(self, seconds):
        with open(self.shift_file, "r+b") as file:
            file.write(struct.pack("<q", seconds))
        self.tokens.clear()


@pytest.fixture
def house(tmp_path):
    with Shifted(str(tmp_path)) as server:
        furnish(server)
        yield server


def ahead(timestamp):
    """Seconds by which a time is ahead of ours."""
    return (datetime.fromisoformat(timestamp.replace("Z", "+00:00")) - datetime.now(timezone.utc)).total_seconds()


def posted(house, content):
    answer = house.post("/api/messages", {"agent_id": "worker", "level": "INFO", "content": content}, token=house.agent_token)
    assert answer.status_code == 201, answer.text
    return answer.json()


def expired(house, action):
    eventually(lambda: listed(house, action)["status"] == "EXPIRED", 120, f"the end of {action}")
    assert answer(house, action).status_code == 410


def test_a_clock_set_back_prolongs_no_approval_and_rows_follow_it(house):
    house.shift(HOUR)
    assert ahead(posted(house, "ahead")["timestamp"]) > HOUR / 2
    ask(house, "asked-ahead", expires_in_s=10)
    house.shift(0)
    assert abs(ahead(posted(house, "right")["timestamp"])) < HOUR / 2
    began = time.monotonic()
    ask(house, "asked-after", expires_in_s=10)
    ask(house, "asked-for-long", expires_in_s=HOUR // 2)
    house.shift(-HOUR)
    assert ahead(posted(house, "behind")["timestamp"]) < -HOUR / 2
    for action in ("asked-ahead", "asked-after"):
        expired(house, action)
    assert time.monotonic() - began < HOUR / 4
    house.shift(0)
    assert answer(house, "asked-for-long").status_code == 200, "nobody's clock was ahead since it was asked"
    ids = [m["id"] for m in house.get("/api/messages").json()]
    assert ids == sorted(ids, reverse=True) and len(ids) == 3


def test_a_clock_set_back_while_the_server_is_down_prolongs_no_approval(house):
    house.shift(HOUR)
    ask(house, "over-a-stop", expires_in_s=10)
    house.stop()
    house.shift(0)
    house.start()
    expired(house, "over-a-stop")
    ask(house, "over-a-kill", expires_in_s=10)
    house.kill()
    house.shift(-HOUR)
    house.start()
    expired(house, "over-a-kill")


def test_rows_of_a_clock_that_went_back_and_forth_are_found_by_their_time(house):
    shifts = (0, HOUR, -HOUR, 2 * HOUR, 0, HOUR)
    for shift in shifts:
        house.shift(shift)
        for n in range(3):
            posted(house, f"{shift} {n}")
    house.shift(0)
    rows = house.get("/api/messages?limit=200").json()
    assert [m["content"] for m in rows] == [f"{shift} {n}" for shift in reversed(shifts) for n in (2, 1, 0)]
    for since in rows:
        for until in rows:
            wanted = [m for m in rows if since["timestamp"] <= m["timestamp"] <= until["timestamp"]]
            query = {"since": since["timestamp"], "until": until["timestamp"], "limit": 200}
            assert house.get("/api/messages", params=query).json() == wanted


def test_a_clock_that_is_corrected_by_a_moment_takes_no_row_back(house):
    before = posted(house, "before")["timestamp"]
    house.shift(-1)
    assert posted(house, "after")["timestamp"] >= before


def test_a_page_that_recovers_hears_what_was_decided_after_the_clock_was_set_back(house):
    house.shift(HOUR)
    ask(house, "back", house.mia_id)
    with Socket(house, house.admin(), query="&hello=1&since_id=0") as admin:
        house.shift(0)
        assert answer(house, "back").status_code == 200
        assert {f["payload"]["status"] for f in admin.drain("q") if f["type"] == "AUTH_STATUS_UPDATE"} == {"APPROVED"}
