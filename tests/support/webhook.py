"""The webhook module of tests/abi/webhook-plugin on a server, and a receiver of what it posts."""
import hashlib
import hmac
import json
import time

from support import out_of_tree
from support.post_server import PostServer
from support.steward import eventually

SECRET = "a secret of the webhook, shared with its receiver"
PLUGINS = "auth, users, messages, webhook"


class Receiver(PostServer):
    """Answers with the scripted statuses, one a request, then 200."""

    def __init__(self, *script, port=0):
        self.script = list(script)
        self.requests = []
        super().__init__(port)
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def take(self, path, headers, body):
        self.requests.append((time.monotonic(), path, headers, body))
        return self._next

    def _next(self):
        status, headers = self.script.pop(0) if self.script else (200, {})
        return status, {name: value() if callable(value) else value for name, value in headers.items()}, b""

    def bodies(self):
        return [json.loads(request[3]) for request in list(self.requests)]

    def contents(self):
        return [body["message"]["content"] for body in self.bodies()]

    def wait(self, count):
        eventually(lambda: len(self.requests) >= count, what=f"{count} requests")
        return self


def steward(prefix, url, plugins=PLUGINS, core=None, **options):
    options = {"url": url, "secret": SECRET, "backoff": "20ms", "backoff_max": "200ms", **options}
    return out_of_tree.server(prefix, plugins, {"plugin:webhook": options, **(core or {})})


def say(server, content, level="ERROR", agent="scout"):
    answer = server.post("/api/messages", {"agent_id": agent, "level": level, "content": content})
    assert answer.status_code == 201, answer.text
    return answer.json()


def deliveries(server, query=""):
    answer = server.get("/api/webhook/deliveries" + query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def in_state(server, state, count=1):
    return eventually(lambda: len(rows := deliveries(server, f"?state={state}")) >= count and rows, what=state)


def health(server):
    return server.get("/api/health").json()["checks"]["webhook"]


def is_signed(headers, body, secret=SECRET):
    """As README.md tells receivers to do it."""
    mac = hmac.new(secret.encode(), headers["X-Steward-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    signed = hmac.compare_digest("sha256=" + mac, headers["X-Steward-Signature"])
    return signed and abs(time.time() - int(headers["X-Steward-Timestamp"])) < 300
