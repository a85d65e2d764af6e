"""Rules that answer in a human's stead: who may make them, what they hold, and that a change counts at once."""
import threading

import pytest
from support.approvals import furnish
from support.steward import Steward, eventually

RULE = ["id", "agent_id", "tool", "pattern", "effect", "expires_at", "session_id", "note", "created_by", "created_at",
        "hits", "last_hit_at"]


@pytest.fixture(scope="module")
def house():
    with Steward(options={"plugin:chat": {"rules_max": 50, "shell_tools": "terminal"}}) as server:
        furnish(server)
        yield server


@pytest.fixture(autouse=True)
def no_rules(house):
    for rule in house.get("/api/approvals/rules").json():
        house.delete(f"/api/approvals/rules/{rule['id']}")


def make(house, pattern, effect="allow", tool="Bash", **more):
    answer = house.post("/api/approvals/rules", {"tool": tool, "pattern": pattern, "effect": effect, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def tried(house, command, tool="Bash", **more):
    answer = house.post("/api/approvals/rules/test", {"agent_id": house.agent_id, "tool": tool, "command": command, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_rule_is_made_read_changed_and_removed(house):
    rule = make(house, "git *", agent_id=house.agent_id, note="harmless", session_id="s1", expires_in_s=3600)
    assert list(rule) == RULE
    assert rule == {**rule, "agent_id": house.agent_id, "tool": "Bash", "pattern": "git *", "effect": "allow",
                    "session_id": "s1", "note": "harmless", "created_by": "admin", "hits": 0, "last_hit_at": None}
    assert rule["expires_at"] > rule["created_at"]
    plain = make(house, "ls", "deny", "*")
    assert plain["agent_id"] is None and plain["expires_at"] is None and plain["session_id"] is None
    assert house.get("/api/approvals/rules").json() == [rule, plain]
    assert house.get(f"/api/approvals/rules?agent_id={house.agent_id}").json() == [rule]
    assert house.get(f"/api/approvals/rules?after_id={rule['id']}").json() == [plain]
    changed = house.patch(f"/api/approvals/rules/{rule['id']}", {"agent_id": None, "expires_at": None, "effect": "ask",
                                                                 "session_id": None, "pattern": "git push*"}).json()
    assert changed == {**rule, "agent_id": None, "expires_at": None, "effect": "ask", "session_id": None,
                       "pattern": "git push*"}
    assert house.delete(f"/api/approvals/rules/{rule['id']}").status_code == 204
    assert house.delete(f"/api/approvals/rules/{rule['id']}").json()["error"] == "no such rule"
    assert house.patch(f"/api/approvals/rules/{rule['id']}", {"note": "x"}).status_code == 404
    assert house.get("/api/approvals/rules").json() == [plain]


@pytest.mark.parametrize("method,path,body", [
    ("GET", "/api/approvals/rules", None), ("POST", "/api/approvals/rules", {"tool": "*", "pattern": "*", "effect": "allow"}),
    ("PATCH", "/api/approvals/rules/1", {"effect": "allow"}), ("DELETE", "/api/approvals/rules/1", None),
    ("POST", "/api/approvals/rules/test", {"agent_id": 3, "tool": "Bash", "command": "ls"}),
])
def test_only_an_admin_sees_makes_changes_or_tries_rules(house, method, path, body):
    for token in (house.mia, house.agent_token, house.butler):
        answer = house.request(method, path, body, token=token)
        assert answer.status_code == 403 and answer.json()["error"] == "admin access required"
    assert house.request(method, path, body, token=None).status_code == 401


@pytest.mark.parametrize("change,status,error", [
    ({"tool": None}, 400, "tool is required"), ({"pattern": ""}, 400, "pattern is required"),
    ({"effect": None}, 400, "effect is required"), ({"effect": "maybe"}, 400, "effect must be allow, deny or ask"),
    ({"tool": "t" * 129}, 400, "tool must be at most 128 bytes"),
    ({"pattern": "p" * 16385}, 400, "pattern must be at most 16384 bytes"),
    ({"pattern": "*?" + "a" * 64 + "*"}, 400, "pattern has too many ? between two *"),
    ({"agent_id": 4711}, 404, "no such agent: agent_id"), ({"agent_id": 1}, 404, "no such agent: agent_id"),
    ({"agent_id": 2}, 404, "no such agent: agent_id"), ({"agent_id": "3"}, 400, "invalid agent_id"),
    ({"expires_at": "2001-01-01T00:00:00Z"}, 400, "expires_at must be in the future"),
    ({"expires_at": "soon"}, 400, "invalid expires_at"), ({"expires_in_s": 0}, 400, "invalid expires_in_s"),
    ({"expires_in_s": 9, "expires_at": "2999-01-01T00:00:00Z"}, 400, "expires_at and expires_in_s exclude each other"),
    ({"note": "n" * 1025}, 400, "note must be at most 1024 bytes"), ({"session_id": "s" * 129}, 400,
                                                                     "session_id must be at most 128 bytes"),
])
def test_what_is_wrong_with_a_rule_is_named_and_makes_none(house, change, status, error):
    answer = house.post("/api/approvals/rules", {"tool": "Bash", "pattern": "ls", "effect": "allow", **change})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert house.get("/api/approvals/rules").json() == []


def test_a_trial_says_what_each_part_meets(house):
    allow, deny = make(house, "git *")["id"], make(house, "git push --force*", "deny")["id"]
    assert tried(house, "git status") == {"effect": "allow", "rule_id": allow, "reason": "a rule allows it",
                                          "parts": [{"text": "git status", "effect": "allow", "rule_id": allow}]}
    assert tried(house, "git status;  curl  x") == {
        "effect": "ask", "rule_id": None, "reason": "no rule matches every part of it",
        "parts": [{"text": "git status", "effect": "allow", "rule_id": allow},
                  {"text": "curl x", "effect": "ask", "rule_id": None}]}
    assert tried(house, "git push '--force'")["rule_id"] == deny
    assert tried(house, "git $(id)")["reason"] == "no wildcard allows it: it holds a substitution"
    assert tried(house, "python3 x")["reason"] == "no wildcard allows it: it holds a command that runs what its arguments say"
    assert tried(house, "git status", input={"command": "rm x"})["effect"] == "ask"
    assert tried(house, "git status", input={"command": "git status"})["effect"] == "allow"
    assert house.post("/api/approvals/rules/test", {"tool": "Bash"}).json()["error"] == "command is required"
    assert house.get("/api/approvals/rules").json()[0]["hits"] == 0, "a trial counts nothing"


def test_tools_of_the_option_and_those_without_a_name_are_shells(house):
    make(house, "git *", tool="*")
    for tool in ("Bash", "bash", "shell", "exec", "terminal", ""):
        assert tried(house, "git a; rm b", tool)["effect"] == "ask"
    assert tried(house, "git a; rm b", "Read")["effect"] == "allow"


def test_every_change_counts_for_the_next_who_asks(house):
    rule = make(house, "ls")["id"]
    for _ in range(20):
        assert tried(house, "ls")["effect"] == "allow"
        house.patch(f"/api/approvals/rules/{rule}", {"effect": "deny"})
        assert tried(house, "ls")["effect"] == "deny"
        house.patch(f"/api/approvals/rules/{rule}", {"effect": "allow"})
    house.delete(f"/api/approvals/rules/{rule}")
    assert tried(house, "ls")["effect"] == "ask"


def test_a_change_counts_while_others_keep_asking(house):
    rule = make(house, "ls")["id"]
    over = threading.Event()

    def ask():
        while not over.is_set():
            tried(house, "ls")

    crowd = [threading.Thread(target=ask) for _ in range(4)]
    for one in crowd:
        one.start()
    try:
        for effect in ("deny", "ask", "allow") * 15:
            house.patch(f"/api/approvals/rules/{rule}", {"effect": effect})
            assert tried(house, "ls")["effect"] == effect
    finally:
        over.set()
        for one in crowd:
            one.join()


def test_an_expired_rule_does_not_exist(house):
    rule = make(house, "ls", expires_in_s=1)["id"]
    kept = make(house, "pwd", expires_in_s=3600)["id"]
    eventually(lambda: tried(house, "ls")["effect"] == "ask")
    assert [r["id"] for r in house.get("/api/approvals/rules").json()] == [kept]
    assert house.patch(f"/api/approvals/rules/{rule}", {"note": "x"}).status_code == 404
    assert house.delete(f"/api/approvals/rules/{rule}").status_code == 404


def test_rules_of_an_agent_that_is_removed_go_with_it(house):
    agent, _ = house.agent("passing")
    make(house, "ls", agent_id=agent)
    kept = make(house, "ls")
    assert house.delete(f"/api/users/agents/{agent}").status_code == 204
    assert house.get("/api/approvals/rules").json() == [kept]


def test_there_are_so_many_rules_and_no_more(house):
    for i in range(50):
        make(house, f"ls {i}")
    answer = house.post("/api/approvals/rules", {"tool": "Bash", "pattern": "ls", "effect": "allow"})
    assert (answer.status_code, answer.json()["error"]) == (409, "there are 50 rules already")


def test_rules_survive_a_kill(house):
    rule = make(house, "git *", expires_in_s=3600)
    house.kill()
    house.start()
    assert house.get("/api/approvals/rules").json() == [rule]
    assert tried(house, "git status")["rule_id"] == rule["id"]
