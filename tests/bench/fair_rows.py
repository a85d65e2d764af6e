"""The row `fair`: what people depend on while others do their worst, each alone and all at once."""
import contextlib
import json
import os
import subprocess
import sys
import threading
import time

from harness import LOAD_CORES, PASSWORD, ROOT, SECONDS, Server, load_http, process, scratch, tool, write

sys.path.insert(0, os.path.join(ROOT, "tests", "ws"))
sys.path.insert(0, os.path.join(ROOT, "tests"))

APPROVALS = 120
Q = "connection refused by the upstream proxy"
DECOY = " ".join(Q[i:i + 3] for i in range(len(Q) - 2))  # every trigram of the text, and not the text
BARS = {"approval": 50, "login": 1000, "ping": 5}  # p99 in ms


class Human:
    """Reads its live log at a hundred frames a second until it is told to stop."""

    def __init__(self, server, token):
        from raw import Raw
        self.raw = Raw(server, token, seconds=30)
        self.frames, self.cut, self.ended = 0, False, False
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        from raw import CLOSE
        while not self.ended:
            self.raw.sock.settimeout(1)
            try:
                got = self.raw.read()
            except TimeoutError:
                continue
            if got is None or got[0] == CLOSE:
                self.cut = not self.ended
                return
            self.frames += 1
            time.sleep(0.01)

    def end(self):
        self.ended = True
        self.thread.join()
        self.raw.sock.close()


def ask(server, butler, agent_id, prefix):
    """Approvals to answer, one body each."""
    from raw import Raw
    with Raw(server, butler, query="&hello=1", seconds=60) as socket:
        for n in range(APPROVALS):
            socket.send({"type": "AUTH_REQUEST", "ack": True,
                         "payload": {"action_id": f"{prefix}-{n}", "target_agent_id": agent_id, "command": f"step {n}",
                                     "reason": "because"}})
            socket.json("ACK")
    return [write(server.folder, f"{prefix}-{n}", {"action_id": f"{prefix}-{n}", "approved": True}) for n in range(APPROVALS)]


def measured_at_once(server, bodies, right):
    """Approvals, logins and pings, by a client of its own each; what each says."""
    told = {}

    def run(name, **options):
        told[name] = load_http(server.port, seconds=SECONDS, connections=1, **options)

    threads = [threading.Thread(target=run, args=("approval",), kwargs={
        "method": "POST", "path": "/api/chat/auth/response", "body": bodies, "header": server.bearer,
        "pause_ms": SECONDS * 1000 // APPROVALS}),
        threading.Thread(target=run, args=("login",), kwargs={
            "method": "POST", "path": "/api/auth/login", "body": right, "pause_ms": 200}),
        threading.Thread(target=run, args=("ping",), kwargs={"path": "/api/ping", "pause_ms": 5})]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return told


def attacks_on(server, folder, agent, other):
    """name -> options of the load generator."""
    bearer, second = f"Authorization: Bearer {agent}", f"Authorization: Bearer {other}"
    large = write(folder, "large", json.dumps({f"k{n}": n for n in range(60000)}))
    wrong = [write(folder, f"wrong-{n}", {"username": f"user{n % 7}", "password": f"guess {n}"}) for n in range(50)]
    lines = [{"agent_id": "filler", "level": "INFO", "content": f"line {n} " + "x" * 150} for n in range(1000)]
    return {
        "24 connections of the worst searches": ["--connections", 24, "--header", bearer,
                                                 "--path", "/api/messages?q=" + Q.replace(" ", "%20")],
        "8 connections of large login bodies": ["--connections", 8, "--method", "POST", "--path", "/api/auth/login", "--body", large],
        "60 addresses guessing passwords": ["--connections", 60, "--sources", 60, "--method", "POST", "--path", "/api/auth/login",
                                            *(w for b in wrong for w in ("--body", b))],
        "an agent ingesting as fast as it can": ["--connections", 8, "--method", "POST", "--path", "/api/messages",
                                                 "--header", second, "--body", write(folder, "lines", lines)],
    }


def prepare(server):
    """An agent that searches, one that writes, Butler's token; and rows that every search must read."""
    agents = {name: server.call("POST", "/api/users/agents", {"username": name}) for name in ("searcher", "filler", "worker")}
    butler = server.call("PATCH", "/api/users/agents/2/token", {})["api_token"]
    for n in range(10):
        server.call("POST", "/api/messages", [{"agent_id": "a", "level": "INFO", "content": f"{n} {DECOY} " + "x" * 60000}
                                              for _ in range(100)])
    server.wait_indexed()
    return agents, butler


def fair():
    from harness import how
    made = []
    with scratch() as folder, Server(folder, {"auth": {"bcrypt_cost": "12"}}) as server:
        server.host = "127.0.0.1"
        agents, butler = prepare(server)
        right = write(folder, "right", {"username": "admin", "password": PASSWORD})
        attacks = attacks_on(server, folder, agents["searcher"]["api_token"], agents["filler"]["api_token"])
        rounds = {"nobody": [], **{name: [words] for name, words in attacks.items()}, "all at once": list(attacks.values())}
        for number, (name, all_words) in enumerate(rounds.items()):
            bodies = ask(server, butler, agents["worker"]["id"], f"round{number}")
            human = Human(server, server.token)
            with contextlib.ExitStack() as stack:
                running = [stack.enter_context(process([tool("load"), "http", "--port", server.port, "--seconds", SECONDS + 2, *words],
                                                       LOAD_CORES, stderr=subprocess.DEVNULL)) for words in all_words]
                time.sleep(0.7)
                told = measured_at_once(server, bodies, right)
                for r in running:
                    r.wait(120)
                storms = [json.loads(r.stdout.readline() or "{}") for r in running]
            human.end()
            for what, bar in BARS.items():
                t = told[what]
                p99 = t["p99_us"] / 1000
                # A login from a known address succeeds, whatever others do.
                met = p99 <= bar and t["ok"] == t["requests"] and t["ok"] > 0
                made.append({"row": f"{what} beside {name}", "value": f"p99 {p99:.1f} ms, {t['ok']} of {t['requests']} ok",
                             "bar": f"<= {bar}", "met": met, "rate": t["per_second"], "p50": t["p50_us"] / 1000, "p99": p99,
                             "cpu": None, "rss": None, "how": how("latency"), "parts": [f"the storm: {s}" for s in storms]})
            made.append({"row": f"live log of a human who reads 100 a second, beside {name}",
                         "value": f"{human.frames} frames, " + ("cut" if human.cut else "not cut"), "bar": "not cut",
                         "met": not human.cut, "rate": None, "p50": None, "p99": None, "cpu": None,
                         "rss": server.rss_mib(), "how": how("latency"), "parts": []})
    return made
