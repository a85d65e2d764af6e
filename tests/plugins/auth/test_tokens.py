"""What the server takes for a token: forged, expired, misshapen and void ones are 401, everywhere."""
import base64
import hashlib
import hmac
import json
import time

import pytest

from support.steward import Steward, eventually

SECRET = "a secret of the tests, long enough for HS256"


@pytest.fixture(scope="module")
def server():
    with Steward({"auth": {"jwt_secret": SECRET}}) as running:
        yield running


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(payload, header=None, secret=SECRET, digest=hashlib.sha256):
    """A token over the exact payload, which may be text."""
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    text = payload if isinstance(payload, str) else json.dumps(payload)
    head = b64(json.dumps(header).encode()) + "." + b64(text.encode())
    return head + "." + b64(hmac.new(secret.encode(), head.encode(), digest).digest())


def good(**changes):
    now = int(time.time())
    payload = {"user_id": 1, "role": "ADMIN", "iss": "steward", "iat": now, "exp": now + 600, "jti": "x", "ver": 1}
    payload.update(changes)
    return {k: v for k, v in payload.items() if v is not ...}


def status(server, token):
    answer = server.get("/api/users", token=token)
    if answer.status_code == 401:
        assert answer.json()["error"] == "invalid token" and answer.json()["code"] == "unauthenticated"
    return answer.status_code


def test_a_token_of_our_own_making_is_taken(server):
    assert status(server, sign(good())) == 200
    assert status(server, sign(good(ver=...))) == 200, "without ver: 1"
    assert status(server, sign(good(iat=..., jti=...))) == 200


def wrong_claims(now):
    """Each changes one claim of a good token; the times are counted from the test's own now."""
    return {
        "expired": {"exp": now - 1}, "exp missing": {"exp": ...}, "exp text": {"exp": str(now + 600)},
        "exp real": {"exp": now + 600.0}, "exp exponent": {"exp": 1e12}, "exp null": {"exp": None}, "exp zero": {"exp": 0},
        "exp negative": {"exp": -now}, "exp true": {"exp": True}, "exp list": {"exp": [now + 600]},
        "exp huge": {"exp": 2**63 - 1}, "exp overflows": {"exp": 2**64},
        "nbf ahead": {"nbf": now + 600}, "nbf text": {"nbf": "0"}, "iat ahead": {"iat": now + 3600}, "iat text": {"iat": "1"},
        "iat negative": {"iat": -5}, "iat real": {"iat": 1.5},
        "iss missing": {"iss": ...}, "iss other": {"iss": "Steward"}, "iss number": {"iss": 1}, "iss list": {"iss": ["steward"]},
        "user unknown": {"user_id": 999}, "user zero": {"user_id": 0}, "user negative": {"user_id": -1},
        "user text": {"user_id": "1"}, "user real": {"user_id": 1.0}, "user missing": {"user_id": ...},
        "user huge": {"user_id": 2**63 - 1}, "user true": {"user_id": True},
        "role other": {"role": "MEMBER"}, "role lower": {"role": "admin"}, "role missing": {"role": ...},
        "role number": {"role": 1}, "role unknown": {"role": "ROOT"},
        "ver ahead": {"ver": 2}, "ver zero": {"ver": 0}, "ver text": {"ver": "1"}, "ver real": {"ver": 1.0}, "ver null": {"ver": None},
    }


@pytest.mark.parametrize("name", wrong_claims(0))
def test_a_claim_that_is_wrong(server, name):
    assert status(server, sign(good(**wrong_claims(int(time.time()))[name]))) == 401


@pytest.mark.parametrize("payload", ["[]", "null", "7", "\"x\"", "", "{", "[{\"user_id\":1}]"])
def test_a_payload_that_is_no_object(server, payload):
    assert status(server, sign(payload)) == 401


@pytest.mark.parametrize("header,digest", [
    ({"alg": "none", "typ": "JWT"}, hashlib.sha256), ({"alg": "NONE"}, hashlib.sha256), ({}, hashlib.sha256),
    ({"alg": "HS512", "typ": "JWT"}, hashlib.sha256), ({"alg": "HS512", "typ": "JWT"}, hashlib.sha512),
    ({"alg": "HS384", "typ": "JWT"}, hashlib.sha384), ({"alg": "RS256", "typ": "JWT"}, hashlib.sha256),
    ({"alg": "hs256x"}, hashlib.sha256), ({"alg": "hs256", "typ": "JWT"}, hashlib.sha256), ({"alg": ["HS256"]}, hashlib.sha256), ({"alg": 256}, hashlib.sha256),
    ({"alg": "HS256", "typ": "JWT", "crit": ["exp"], "exp": 1}, hashlib.sha256),
])
def test_another_algorithm_or_a_critical_extension(server, header, digest):
    assert status(server, sign(good(), header, digest=digest)) == 401


def test_no_signature_or_a_changed_one(server):
    token = sign(good())
    head, signature = token.rsplit(".", 1)
    none = b64(json.dumps({"alg": "none", "typ": "JWT"}).encode()) + "." + head.split(".")[1]
    other = "A" if signature[5] != "A" else "B"
    for bad in (head, head + ".", none + ".", none, none + "." + signature, head + "." + signature[:-1],
                head + "." + signature[:5] + other + signature[6:], token + "A", token + "=", token + ".", token + ".x",
                "A" + token, "." + token, "..", ".", "...", sign(good(), secret="x" * 40)):
        assert status(server, bad) == 401, bad
    assert status(server, token) == 200


def test_the_last_character_cannot_be_bent(server):
    """Of its bits two are not used: another character with the same bytes is another token."""
    head, signature = sign(good()).rsplit(".", 1)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for letter in alphabet:
        if letter != signature[-1]:
            assert status(server, head + "." + signature[:-1] + letter) == 401


@pytest.mark.parametrize("token", ["x", "a.b.c", "0", "null", "undefined", "x" * 3000, "a." * 1000, "ünï", "é.é.é", "%00"])
def test_nonsense(server, token):
    answer = server.get("/api/users", token=None, headers={"Authorization": f"Bearer {token}".encode()})
    assert answer.status_code == 401


def test_the_texts_of_a_missing_or_odd_header(server):
    assert server.get("/api/users", token=None).json()["error"] == "authorization header required"
    for odd in ("Basic eDp5", "Bearer", "token", sign(good())):
        answer = server.get("/api/users", token=None, headers={"Authorization": odd})
        assert answer.status_code == 401 and answer.json()["error"] == "invalid authorization header format", odd


def test_a_role_that_was_changed_or_a_password_makes_tokens_void(server):
    user_id, token = server.member("turncoat", "first password")
    assert server.get("/api/users/butler", token=token).status_code == 200
    assert server.patch(f"/api/users/{user_id}", {"role": "ADMIN"}).status_code == 200
    assert server.get("/api/users/butler", token=token).status_code == 401
    token = server.login("turncoat", "first password")
    assert server.get("/api/users", token=token).status_code == 200
    assert server.patch(f"/api/users/{user_id}", {"password": "second password"}).status_code == 200
    assert server.get("/api/users", token=token).status_code == 401
    token = server.login("turncoat", "second password")
    forged = sign(good(user_id=user_id, ver=2))
    assert status(server, forged) == 401
    assert status(server, sign(good(user_id=user_id, ver=3))) == 200
    assert server.delete(f"/api/users/{user_id}").status_code == 204
    assert status(server, token) == 401
    assert status(server, sign(good(user_id=user_id, ver=4))) == 401


def test_a_description_changes_no_token(server):
    user_id, token = server.member("described", "first password")
    assert server.patch(f"/api/users/{user_id}", {"description": "x"}).status_code == 200
    assert server.get("/api/users/butler", token=token).status_code == 200


def test_an_api_token_may_look_like_a_jwt(server):
    for chosen in ("agent.token.three", sign({"exp": 1}), "..aaaaaa"):
        made = server.post("/api/users/agents", {"username": f"dots {len(chosen)}", "api_token": chosen})
        assert made.status_code == 201, made.text
        assert server.get("/api/users/butler", token=chosen).status_code == 200
        assert server.get("/api/users", token=chosen).json()["error"] == "admin access required"


def test_a_token_expires_while_it_is_in_use(server):
    end = int(time.time()) + 2
    token = sign(good(exp=end))
    assert status(server, token) == 200
    eventually(lambda: status(server, token) == 401, 10, "the expiry")
    assert end - 0.1 < time.time() < end + 2


def test_the_lifetime_is_configured():
    with Steward({"auth": {"token_lifetime": "1h"}}) as server:
        part = server.admin().split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        assert found["exp"] - found["iat"] == 3600


def test_tokens_survive_a_restart_and_a_new_secret_voids_them(fresh):
    token = fresh.admin()
    fresh.restart()
    assert fresh.get("/api/users", token=token).status_code == 200
    fresh.stop()
    fresh.options["auth"]["jwt_secret"] = "x" * 32
    fresh.start()
    assert fresh.get("/api/users", token=token).status_code == 401


def test_no_token_is_in_the_log(server):
    token = server.admin()
    _, api_token = server.agent("unlogged")
    server.get("/api/users/butler", token=api_token)
    assert token not in server.log() and api_token not in server.log()
