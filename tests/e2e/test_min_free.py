"""A floor of free disk: log lines stop, people go on."""
import pytest
from support.approvals import answer, ask, furnish
from support.sockets import Socket
from support.steward import ADMIN_PASSWORD, Steward

LINE = {"agent_id": "a", "level": "INFO", "content": "x"}


@pytest.fixture(scope="module")
def full():
    """No disk of a test has so much free."""
    with Steward(options={"storage": {"min_free": "1000000G"}}) as server:
        furnish(server)
        yield server


@pytest.mark.parametrize("body", [LINE, [LINE, LINE]])
def test_log_lines_are_refused_and_say_why(full, body):
    refusal = full.post("/api/messages", body)
    assert refusal.status_code == 503 and refusal.json()["code"] == "unavailable"
    assert "storage.min_free" in refusal.json()["error"] and int(refusal.headers["Retry-After"]) > 0


def test_log_frames_are_refused_and_say_why(full):
    with Socket(full, full.agent_token) as agent:
        agent.send({"type": "SYSTEM_LOG", "local_id": "l1", "payload": {"level": "INFO", "content": "x"}})
        error = agent.get("ERROR")
        assert error["local_id"] == "l1" and error["payload"]["code"] == "storage_unavailable"
        assert "storage.min_free" in error["payload"]["error"]


def test_chats_approvals_logins_and_lists_go_on(full):
    assert full.login("admin", ADMIN_PASSWORD)
    assert full.get("/api/messages").json() == []
    with Socket(full, full.admin()) as admin, Socket(full, full.agent_token) as agent:
        admin.send({"type": "CHAT", "target_id": full.agent_id, "payload": "hello", "ack": True})
        assert agent.get("CHAT")["payload"] == "hello"
    ask(full, "low")
    assert answer(full, "low").status_code == 200


def test_the_log_says_it_once(full):
    assert full.log().count("storage.min_free") == 1


def test_zero_is_no_floor():
    with Steward(options={"storage": {"min_free": "0"}}) as server:
        assert server.post("/api/messages", LINE).status_code == 201
