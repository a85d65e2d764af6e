"""Sessions of people whom a directory let in, and how they end."""
import base64
import json
import sqlite3
import threading
import time

from support.directory import ADMINS, ada, claims, status_of, steward, try_login
from support.sockets import Socket
from support.steward import ADMIN_PASSWORD, eventually


def test_sessions_go_on_for_the_grace_and_are_suspended_behind_it(prefix, directory):
    with steward(prefix, directory, recheck="1s", grace="5s", timeout="500ms") as server:
        token = ada(server)
        _, agent = server.agent()
        with Socket(server, token, query="&hello=1") as socket:
            socket.get("HELLO")
            directory.status = 500
            began = time.monotonic()
            eventually(lambda: "the directory gives no answer" in server.log())
            assert status_of(server, token) == 200
            socket.closed.wait(20)
            assert socket.close_code == 4003 and time.monotonic() - began > 2
        assert status_of(server, token) == 503
        assert status_of(server, agent) == 200
        directory.status = None
        eventually(lambda: status_of(server, token) == 200)  # the same token: nobody was signed out


def test_after_a_restart_old_sessions_are_asked_about_and_agents_do_not_wait(prefix, directory):
    server = steward(prefix, directory, recheck="20s", timeout="20s").start()
    try:
        token, gone = ada(server), server.login("root", "root's password")
        _, agent = server.agent()
        server.kill()
        with sqlite3.connect(server.database()) as store:  # both sessions have missed their turn
            store.execute("UPDATE directory_sessions SET checked_ms = checked_ms - 60000")
        store.close()
        del directory.people["root"]
        directory.asked.clear()
        directory.hold.clear()
        server.start()
        waiting = []
        threads = [threading.Thread(target=lambda t=t: waiting.append((t, status_of(server, t)))) for t in (token, gone)]
        for thread in threads:
            thread.start()
        eventually(lambda: directory.finds("ada") and directory.finds("root"))
        for _ in range(5):
            assert status_of(server, agent) == 200  # the first of them is asked about, too, but not there
        assert waiting == []
        directory.hold.set()
        for thread in threads:
            thread.join()
        assert dict(waiting) == {token: 200, gone: 401}
    finally:
        server.close()


def test_who_is_removed_from_the_directory_loses_access_within_the_recheck(prefix, directory):
    with steward(prefix, directory, recheck="1s") as server:
        token, other = ada(server), server.login("root", "root's password")
        with Socket(server, token) as socket, Socket(server, other) as still:
            del directory.people["ada"]
            socket.closed.wait(20)
            assert socket.close_code == 4003
            assert status_of(server, token) == 401
            assert status_of(server, other) == 200 and not still.closed.is_set()
        assert try_login(server, "ada", "ada's password").status_code == 401
        directory.people["ada"] = ("ada's password", ["staff"])
        assert status_of(server, token) == 401  # that session is over
        assert status_of(server, ada(server)) == 200


def test_who_changes_groups_gets_another_role_and_signs_in_anew(prefix, directory):
    with steward(prefix, directory, recheck="1s", member_groups="staff") as server:
        token = ada(server)
        directory.people["ada"] = ("ada's password", ADMINS)
        eventually(lambda: status_of(server, token) == 401)
        user = try_login(server, "ada", "ada's password").json()
        assert user["user"]["role"] == "ADMIN" and claims(user["token"])["ver"] == 2
        directory.people["ada"] = ("ada's password", ["visitors"])
        eventually(lambda: status_of(server, user["token"]) == 401)
        assert try_login(server, "ada", "ada's password").status_code == 403


def test_the_last_admin_stays_one_but_does_not_come_in_without_the_group(prefix, directory):
    with steward(prefix, directory, recheck="1s") as server:
        token = server.admin()
        directory.people["admin"] = (ADMIN_PASSWORD, ["staff"])
        eventually(lambda: status_of(server, token) == 401)
        assert try_login(server, "admin", ADMIN_PASSWORD).status_code == 403
        root = server.login("root", "root's password")
        assert [u["role"] for u in server.get("/api/users", token=root).json() if u["username"] == "admin"] == ["ADMIN"]
        assert try_login(server, "admin", ADMIN_PASSWORD).json()["user"]["role"] == "MEMBER"  # there is another now


def test_a_logout_ends_one_session_and_an_admin_ends_all(prefix, directory):
    with steward(prefix, directory) as server:
        one, two = ada(server), ada(server)
        assert server.post("/api/auth/logout", token=one).status_code == 204
        assert status_of(server, one) == 401 and status_of(server, two) == 200
        user_id = claims(two)["user_id"]
        assert server.delete(f"/api/directory/sessions/{user_id}", token=two).status_code == 403
        with Socket(server, two) as socket:
            assert server.delete(f"/api/directory/sessions/{user_id}").status_code == 204
            socket.closed.wait(20)
            assert socket.close_code == 4003
        assert status_of(server, two) == 401
        assert server.post("/api/auth/logout", token=None).status_code == 401
        _, agent = server.agent()
        assert server.post("/api/auth/logout", token=agent).status_code == 403


def test_a_removed_user_and_a_changed_one_lose_their_sessions(prefix, directory):
    with steward(prefix, directory) as server:
        token = ada(server)
        first_id = claims(token)["user_id"]
        assert server.patch(f"/api/users/{first_id}", {"role": "ADMIN"}).status_code == 200
        assert status_of(server, token) == 401
        token = ada(server)  # and the directory's role is stored again
        assert claims(token)["role"] == "MEMBER"
        assert server.delete(f"/api/users/{first_id}").status_code == 204
        assert status_of(server, token) == 401
        assert claims(ada(server))["user_id"] > first_id


def test_a_session_ends_when_its_token_says(prefix, directory):
    with steward(prefix, directory, core={"auth": {"token_lifetime": "2s"}}) as server:
        token = ada(server)
        assert status_of(server, token) == 200
        eventually(lambda: status_of(server, token) == 401)
        assert time.time() >= claims(token)["exp"] - 1


def test_a_token_that_was_touched_is_nobodys(prefix, directory):
    with steward(prefix, directory) as server:
        token = ada(server)
        head, body, signature = token.split(".")
        forged = base64.urlsafe_b64encode(json.dumps({**claims(token), "role": "ADMIN"}).encode()).decode().rstrip("=")
        for touched in (f"{head}.{forged}.{signature}", token[:-1], f"{head}.{body}.", token + "A"):
            assert status_of(server, touched) == 401
