"""steward user passwd, and whether somebody gets in with a password."""
import sqlite3
import subprocess

from support.steward import BINARY, outer_environment

NEW = "quite another one"


def passwd(server, name, password=NEW + "\n", wrapper=(), **more):
    """`password`: what it reads."""
    more.setdefault("env", outer_environment())
    if isinstance(password, str):
        password = password.encode()
    result = subprocess.run([*wrapper, BINARY, "user", "passwd", "-c", server.config, name], input=password,
                            capture_output=True, timeout=120, check=False, **more)
    result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
    assert NEW not in result.stdout + result.stderr
    return result


def signs_in(server, name, password):
    answer = server.post("/api/auth/login", {"username": name, "password": password}, token=None)
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


def hashes(server):
    """{name: hash}, from the store: asking costs no attempt to log in."""
    db = sqlite3.connect(f"file:{server.database()}?mode=ro", uri=True)
    try:
        return dict(db.execute("SELECT username, password_hash FROM users"))
    finally:
        db.close()
