"""The directory module of tests/abi/directory-plugin on a server, and a directory that it asks."""
import base64
import json

from support import out_of_tree
from support.post_server import PostServer
from support.steward import ADMIN_PASSWORD

PLUGINS = "directory, users, messages, chat"
CREDENTIAL = "what the server says to the directory"
ADMINS = ["staff", "steward-admins"]


class Directory(PostServer):
    """People with passwords and groups. `status`, `headers`, `body`: everything is answered with them."""

    def __init__(self):
        self.people = {"admin": (ADMIN_PASSWORD, ADMINS), "ada": ("ada's password", ["staff"]),
                       "root": ("root's password", ADMINS), "guest": ("guest's password", ["visitors"]),
                       "Butler": ("butler's password", ADMINS)}
        self.status, self.headers, self.body = None, {}, None
        self.asked = []
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def take(self, path, headers, body):
        asked = json.loads(body)
        self.asked.append((path, asked, headers))
        return lambda: self._answer(path, asked)

    def _answer(self, path, asked):
        status, told = self._find(path, asked)
        return status, self.headers, self.body if self.body is not None else json.dumps(told).encode()

    def _find(self, path, asked):
        if self.status:
            return self.status, {}
        known = {name.lower(): name for name in self.people}
        name = known.get(asked["name"].lower())
        if path == "/v1/bind" and (name is None or self.people[name][0] != asked["password"]):
            return 401, {}
        return (200, {"name": name, "groups": self.people[name][1]}) if name else (404, {})

    def finds(self, name):
        return sum(path == "/v1/find" and asked["name"] == name for path, asked, _ in list(self.asked))


def steward(prefix, directory, plugins=PLUGINS, core=None, **options):
    options = {"url": directory.url, "credential": CREDENTIAL, **options}
    return out_of_tree.server(prefix, plugins, {"plugin:directory": options, **(core or {})})


def try_login(server, name, password):
    return server.post("/api/auth/login", {"username": name, "password": password}, token=None)


def ada(server):
    return server.login("ada", "ada's password")


def status_of(server, token):
    return server.get("/api/messages", token=token).status_code


def health(server):
    return server.get("/api/health").json()["checks"]["directory"]


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
