"""After steward db restore nobody is taken for another: tokens of before are void, no id is given twice, and an answer to what was
asked before decides nothing else."""
import base64
import hashlib
import json
import os

import pytest
from support.approvals import answer, ask, frame, furnish, heard_status, listed
from support.backups import backup, change, db
from support.sockets import Socket
from support.steward import Steward, eventually

PLACES = ("users", "messages", "chat", "threads", "approvals")


@pytest.fixture
def house():
    with Steward() as server:
        furnish(server)
        yield server


def restored(house, path, lost=False):
    """The token of before the restore."""
    old = house.admin()
    house.stop()
    if lost:
        for end in ("", "-wal", "-shm"):
            if os.path.exists(house.database() + end):
                os.unlink(house.database() + end)
    result = db(house.config, "restore", path)
    assert result.returncode == 0, result.stderr
    house.tokens.clear()
    house.start()
    return old


def made(house, name):
    """Something in every place, by its id."""
    user = house.post("/api/users", {"username": f"human-{name}", "password": "a long password"}).json()["id"]
    message = house.post("/api/messages", {"agent_id": "worker", "level": "INFO", "content": name}, token=house.agent_token)
    thread = house.post("/api/chat/threads", {"peer_id": 2, "channel_kind": "butler_direct"}).json()["id"]
    chat = ask(house, f"action-{name}")
    return {"users": user, "messages": message.json()["id"], "chat": chat, "threads": thread,
            "approvals": listed(house, f"action-{name}")["id"]}


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_token_of_before_is_refused_and_one_of_after_is_not(house):
    assert "epoch" not in claims(house.admin())
    path = backup(house.config)
    first = restored(house, path)
    assert house.get("/api/approvals", token=first).status_code == 401
    second = house.admin()
    assert house.get("/api/approvals").status_code == 200 and len(claims(second)["epoch"]) == 32
    assert house.get("/api/approvals", token=restored(house, path)).status_code == 401
    assert house.get("/api/approvals", token=first).status_code == 401
    assert claims(house.admin())["epoch"] != claims(second)["epoch"]
    assert house.get("/api/users/butler", token=house.agent_token).status_code == 200, "an agent's token names nobody by id"
    house.restart()
    assert house.get("/api/approvals").status_code == 200


def test_no_id_is_given_twice(house):
    kept = made(house, "kept")
    path = backup(house.config)
    lost = [made(house, f"lost-{n}") for n in range(3)]
    restored(house, path)
    again = [made(house, f"again-{n}") for n in range(2)]
    for place in PLACES:
        given = [kept[place], *(l[place] for l in lost), *(a[place] for a in again)]
        assert given == sorted(set(given)), place
        assert again[0][place] < lost[-1][place] + 100, "the replaced store said how far it came"
    restored(house, path)
    third = made(house, "third")
    assert all(third[place] > again[1][place] for place in PLACES)
    house.restart()
    fourth = made(house, "fourth")
    assert all(fourth[place] == third[place] + 1 for place in ("messages", "approvals"))


def test_when_the_replaced_store_is_lost_ids_leap(house):
    made(house, "kept")
    path = backup(house.config)
    lost = made(house, "lost")
    restored(house, path, lost=True)
    after = made(house, "after")
    assert all(after[place] > lost[place] + 900000 for place in PLACES)
    assert answer(house, "action-after").status_code == 409, "nobody knows which ids were given before"
    sha = listed(house, "action-after")["command_sha256"]
    done = house.post("/api/chat/auth/response", {"action_id": "action-after", "approved": True, "command_sha256": sha})
    assert done.status_code == 200


def test_a_backup_by_an_older_server_is_restored_as_well(house):
    kept = made(house, "kept")
    path = backup(house.config)
    change(path, "DROP TABLE steward_gaps", "DROP TABLE steward_before", "DELETE FROM steward_core WHERE key = 'clock'",
           "DROP VIEW chat_before_restore",
           "DELETE FROM steward_migrations WHERE plugin = 'chat' AND name = '0008_before_restore'")
    lost = made(house, "lost")
    assert house.get("/api/approvals", token=restored(house, path)).status_code == 401
    after = made(house, "after")
    assert all(kept[place] < lost[place] < after[place] for place in PLACES)


def test_who_read_what_was_lost_is_told_so_and_who_did_not_goes_on(house):
    kept = ask(house, "kept", house.mia_id)
    path = backup(house.config)
    lost = ask(house, "lost", house.mia_id)
    restored(house, path)
    mia = house.login("mia", "mia's password")

    def hello(since):
        with Socket(house, mia, query=f"&since_id={since}") as page:
            return page.get("HELLO")["payload"]

    assert hello(lost)["recovered"] is False
    assert hello(kept)["recovered"] is True
    last = hello(kept)["last_id"]
    assert last > lost and hello(last)["recovered"] is True
    assert ask(house, "new", house.mia_id) > last
    assert hello(last)["recovered"] is True and hello(lost)["recovered"] is False


def test_ids_that_are_missing_are_no_rows_that_retention_counts(house):
    for n in range(5):
        house.post("/api/messages", {"agent_id": "worker", "level": "INFO", "content": f"kept {n}"}, token=house.agent_token)
    path = backup(house.config)
    house.options["plugin:messages"] = {"retention_count": "4"}
    house.options["plugin:chat"] = {"retention_count": "1000"}
    restored(house, path, lost=True)
    house.post("/api/messages", {"agent_id": "worker", "level": "INFO", "content": "new"}, token=house.agent_token)

    def contents():
        return [m["content"] for m in house.get("/api/messages").json()]

    eventually(lambda: len(contents()) == 4, 120, "the retention")
    assert contents() == ["new", "kept 4", "kept 3", "kept 2"]


def test_an_answer_to_an_id_that_stood_for_another_command_decides_nothing(house):
    path = backup(house.config)
    ask(house, "deploy", command="ls")
    restored(house, path)
    ask(house, "deploy", command="rm -rf /")
    old = hashlib.sha256(b"ls").hexdigest()
    for body in ({"command_sha256": old}, {}):
        refused = house.post("/api/chat/auth/response", {"action_id": "deploy", "approved": True, **body})
        assert refused.status_code == 409 and refused.json()["error"] == "another command under this id"
    with Socket(house, house.admin()) as admin:
        admin.send({"type": "AUTH_RESPONSE", "local_id": "x", "payload": {"action_id": "deploy", "approved": True}})
        assert admin.get("ERROR")["payload"] == {"code": "action_conflict", "error": "another command under this id"}
    assert listed(house, "deploy")["status"] == "PENDING"
    sha = listed(house, "deploy")["command_sha256"]
    with Socket(house, house.admin()) as admin:
        admin.send({"type": "AUTH_RESPONSE", "payload": {"action_id": "deploy", "approved": False, "command_sha256": sha}})
        assert heard_status(admin, "deploy")["status"] == "REJECTED"


def test_an_old_client_answers_what_was_asked_after_a_restore_and_nothing_of_before(house):
    ask(house, "of-before")
    path = backup(house.config)
    restored(house, path)
    ask(house, "of-after")
    assert answer(house, "of-after").status_code == 200
    assert answer(house, "of-before").status_code == 409
    sha = listed(house, "of-before")["command_sha256"]
    body = {"action_id": "of-before", "approved": True, "command_sha256": sha}
    assert house.post("/api/chat/auth/response", body).status_code == 200
    with Socket(house, house.admin(), query="&hello=1") as admin, Socket(house, house.butler) as butler:
        butler.send(frame(house, "shown"))
        assert admin.get("AUTH_REQUEST")["payload"]["command_sha256"] == hashlib.sha256(b"reboot").hexdigest()
