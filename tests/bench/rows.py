"""The rows of the table: one function each, giving the lines it adds."""
import contextlib
import http.client
import os
import random
import resource
import sqlite3
import time

from fair_rows import fair
from harness import (LOAD_CORES, PASSWORD, PINNED, ROUNDS, SCHEMA, SECONDS, SERVER_CORES, STORE_ROWS, Server, build, copied_store, cores, cpu_ns,
                     free_port, how, load_http, median, process, rss_kib, run_tool, scratch, tool, write)

CPU = "CPU time per operation"


def contents(count, seed=3):
    """Texts of about 190 bytes, like those of the large store."""
    generator = random.Random(seed)
    words = ["".join(generator.choice(["an", "ber", "con", "der", "el", "for", "ger", "in", "lo", "mes", "re", "sta", "ter"])
                     for _ in range(generator.randint(1, 3))) for _ in range(800)]
    chinese = [chr(0x4E00 + generator.randrange(50) * generator.randrange(60)) for _ in range(500)]
    made = []
    for _ in range(count):
        text = ""
        while len(text.encode()) < 185:
            text += ("".join(generator.choice(chinese) for _ in range(4)) if generator.random() < 1 / 12
                     else generator.choice(words)) + " "
        made.append(text.strip())
    return made


def messages(count, seed=3):
    generator = random.Random(seed)
    return [{"agent_id": f"agent-{generator.randrange(50)}", "level": generator.choice(["INFO", "ERROR", "DEBUG"]), "content": c}
            for c in contents(count, seed)]


def cpu_of_http(pid, port, **options):
    """One measurement: CPU microseconds per request, and what the load generator says."""
    before = cpu_ns(pid)
    told = load_http(port, **options)
    return (cpu_ns(pid) - before) / 1000 / max(1, told["requests"]), told


@contextlib.contextmanager
def bare(name, *arguments):
    """A bare server on the server's cores; gives pid and port."""
    with process([tool(name), "--loops", len(SERVER_CORES), *arguments], SERVER_CORES) as running:
        yield running.pid, int(running.stdout.readline())


def line(row, value, bar, met, told=None, cpu=None, rss=None, kind=CPU, parts=()):
    told = told or {}
    return {"row": row, "value": value, "bar": bar, "met": met, "rate": told.get("per_second"),
            "p50": told["p50_us"] / 1000 if "p50_us" in told else None,
            "p99": told["p99_us"] / 1000 if "p99_us" in told else None, "cpu": cpu, "rss": rss, "how": how(kind),
            "parts": list(parts)}


# ---- HTTP ----

def ping():
    ours, theirs = [], []
    with scratch() as folder, Server(folder) as server, bare("bare_pong") as (pid, port):
        for _ in range(ROUNDS):
            ours.append(cpu_of_http(server.pid, server.port, connections=64, seconds=SECONDS, path="/api/ping"))
            theirs.append(cpu_of_http(pid, port, connections=64, seconds=SECONDS, path="/api/ping"))
        rss = server.rss_mib()
    cpu, pong = median([o[0] for o in ours]), median([t[0] for t in theirs])
    return [line("GET /api/ping", f"{cpu / pong:.2f} x bare evhttp", "<= 1.15", cpu / pong <= 1.15, ours[-1][1], cpu, rss,
                 parts=[f"bare evhttp pong {pong:.2f} us, {theirs[-1][1]['per_second']:,.0f}/s"])]


def get50():
    ours, sent = [], []
    with copied_store() as folder, Server(folder) as server:
        path = "/api/messages?limit=50"
        body = os.path.join(folder, "page.json")
        with open(body, "wb") as file:
            file.write(server.raw(path))
        single = write(folder, "single.json", messages(1)[0])
        db = os.path.join(server.data, "steward.db")
        parts = {name: median([run_tool(*words, "--db", db, "--seconds", 2, on=SERVER_CORES)["cpu_us"] for _ in range(ROUNDS)])
                 for name, words in (("sqlite", ("bare_sqlite", "read")), ("json", ("bare_json",)))}
        with bare("bare_pong", "--body", body) as (pid, port):
            for _ in range(ROUNDS):
                sent.append(cpu_of_http(pid, port, connections=64, seconds=SECONDS, path=path))
                writer = process([tool("load"), "http", "--port", server.port, "--method", "POST", "--path", "/api/messages",
                                  "--header", server.bearer, "--body", single, "--connections", 1, "--pause-ms", 100,
                                  "--seconds", SECONDS], LOAD_CORES)
                with writer:
                    ours.append(cpu_of_http(server.pid, server.port, connections=64, seconds=SECONDS, path=path,
                                            header=server.bearer))
        rss = server.rss_mib()
    cpu, pong = median([o[0] for o in ours]), median([s[0] for s in sent])
    total = pong + sum(parts.values())
    return [line("GET /api/messages?limit=50", f"{cpu / total:.2f} x sum of parts", "<= 1.3", cpu / total <= 1.3, ours[-1][1],
                 cpu, rss, parts=[f"evhttp sending the bytes {pong:.2f} us + sqlite {parts['sqlite']:.2f} us + json "
                                  f"{parts['json']:.2f} us = {total:.2f} us"])]


def post():
    with scratch() as folder:
        bodies = [write(folder, f"body-{i}", m) for i, m in enumerate(messages(256))]
        with Server(folder) as server:
            before, began = cpu_ns(server.pid), time.monotonic()
            told = load_http(server.port, connections=64, seconds=SECONDS, method="POST", path="/api/messages", body=bodies,
                             header=server.bearer)
            stored = time.monotonic() - began
            server.wait_indexed()
            whole = time.monotonic() - began
            cpu, rss = (cpu_ns(server.pid) - before) / 1000 / max(1, told["ok"]), server.rss_mib()
        raw = run_tool("bare_sqlite", "group", "--db", os.path.join(folder, "raw.db"), "--schema", SCHEMA, "--producers", 64,
                       "--seconds", SECONDS, on=SERVER_CORES)
    rate = told["ok"] / whole
    return [line("POST /api/messages, 64 connections", f"{rate / raw['per_second']:.2f} x raw group commit", ">= 0.5",
                 PINNED and rate >= 0.5 * raw["per_second"], told, cpu, rss, "throughput",
                 [f"{rate:,.0f} rows/s until the index was complete ({told['ok'] / stored:,.0f} stored), raw "
                  f"{raw['per_second']:,.0f} rows/s"])]


def array():
    with scratch() as folder:
        bodies = [write(folder, f"body-{i}", messages(1000, i)) for i in range(4)]
        with Server(folder) as server:
            before, began = cpu_ns(server.pid), time.monotonic()
            told = load_http(server.port, connections=4, seconds=SECONDS, method="POST", path="/api/messages", body=bodies,
                             header=server.bearer)
            stored = time.monotonic() - began
            server.wait_indexed()
            whole = time.monotonic() - began
            cpu, rss = (cpu_ns(server.pid) - before) / 1e6 / max(1, told["ok"]), server.rss_mib()
        raw = run_tool("bare_sqlite", "array", "--db", os.path.join(folder, "raw.db"), "--schema", SCHEMA, "--rows", 1000,
                       "--seconds", SECONDS, on=SERVER_CORES)
    rate = told["ok"] * 1000 / whole
    return [line("POST arrays of 1,000", f"{rate / raw['per_second']:.2f} x raw rows/s", ">= 0.7",
                 PINNED and rate >= 0.7 * raw["per_second"], told, cpu, rss, "throughput",
                 [f"{rate:,.0f} rows/s until the index was complete ({told['ok'] * 1000 / stored:,.0f} stored), raw "
                  f"{raw['per_second']:,.0f} rows/s; CPU is per row"])]


# ---- WebSocket ----

def measured(running, pid):
    """Tells a load process that waits to go on; CPU nanoseconds of `pid` meanwhile, and its answer."""
    import json
    running.stdout.readline()
    before = cpu_ns(pid)
    running.stdin.write("\n")
    running.stdin.flush()
    told = json.loads(running.stdout.readline())
    return cpu_ns(pid) - before, told


def relay_once(folder, loops, depth):
    options = {"server": {"loops": str(loops)}}
    with Server(folder, options) as server:
        pairs = ""
        for i in range(8):
            agent = server.call("POST", "/api/users/agents", {"username": f"agent-{i}"})
            human = server.call("POST", "/api/users", {"username": f"human-{i}", "password": "long enough"})
            token = server.call("POST", "/api/auth/login", {"username": f"human-{i}", "password": "long enough"}, None)["token"]
            pairs += f"{agent['api_token']} {human['id']} {token}\n"
        path = write(folder, "pairs", pairs)
        results = []
        for _ in range(ROUNDS):
            with process([tool("load"), "relay", "--port", server.port, "--pairs", path, "--depth", depth, "--seconds", SECONDS],
                         LOAD_CORES) as running:
                spent, told = measured(running, server.pid)
                results.append((spent / 1000 / max(1, told["frames"]), told))
        rss = server.rss_mib()
    echoes = []
    with process([tool("bare_echo"), "--loops", loops], SERVER_CORES) as running:
        port = int(running.stdout.readline())
        for _ in range(ROUNDS):
            before = cpu_ns(running.pid)
            told = run_tool("load", "echo", "--port", port, "--connections", 8, "--depth", depth, "--bytes", 190, "--seconds",
                            SECONDS, on=LOAD_CORES)
            echoes.append((cpu_ns(running.pid) - before) / 1000 / max(1, told["frames"]))
    return median([r[0] for r in results]), median(echoes), results[-1][1], rss


def relay():
    made = []
    for loops, depth in ((len(SERVER_CORES), 1), (len(SERVER_CORES), 16), (1, 16)):
        with scratch() as folder:
            cpu, echo, told, rss = relay_once(folder, loops, depth)
        made.append(line(f"CHAT_STREAM relay, {loops} loop(s), depth {depth}", f"{cpu / echo:.2f} x bare echo", "<= 2",
                         cpu / echo <= 2, told, cpu, rss, parts=[f"bare bufferevent echo {echo:.2f} us"]))
    return made


def idle():
    count = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500)
    with scratch() as folder, Server(folder) as server:
        time.sleep(1)
        start = rss_kib(server.pid)
        with process([tool("load"), "idle", "--port", server.port, "--count", count, "--token", server.token], LOAD_CORES) as running:
            import json
            told = json.loads(running.stdout.readline())
            time.sleep(1)
            full = rss_kib(server.pid)
            running.stdin.write("\n")
            running.stdin.flush()
            running.stdout.readline()
            began, bar = time.monotonic(), start + (full - start) * 0.25
            while (now := rss_kib(server.pid)) > bar and time.monotonic() - began < 60:
                time.sleep(0.5)
            took = time.monotonic() - began
            rss = server.rss_mib()
    each = (full - start) / max(1, told["open"])
    opened = f"{told['open']} open of {count}"
    return [line(f"{count} idle sockets", f"{each:.2f} KiB RssAnon each", "<= 6", each <= 6 and told["open"] == count, rss=rss,
                 kind="memory", parts=[f"{opened}; RssAnon {start} -> {full} KiB"]),
            line("their memory given back", f"{now - start} KiB over the start after {took:.1f} s",
                 f"<= {(full - start) * 0.25:.0f} in 60 s", now <= bar, kind="memory")]


def fanout():
    rounds, count = 10, 500
    with scratch() as folder, Server(folder, {"server": {"loops": "1"}}) as server:
        body = write(folder, "array", messages(count))
        with process([tool("load"), "fanout", "--port", server.port, "--sockets", 1000, "--token", server.token, "--post", body,
                      "--messages", count, "--rounds", rounds], LOAD_CORES) as running:
            spent, told = measured(running, server.pid)
        rss = server.rss_mib()
    return [line("SYSTEM_LOG to 1,000 sockets, 1 loop", f"{told['per_second']:,.0f} frames/s", ">= 200,000",
                 PINNED and told["per_second"] >= 200000, told, spent / 1000 / told["frames"], rss, "throughput")]


# ---- latency ----

ABSENT_WORDS = ["zqxjkvw", "absentword", "refrigerator", "kubernetes", "walkthrough", "xylophone", "connection%20refused", "ZEPPELIN"]
ABSENT_PAIRS = ["龘靐", "鑫淼", "饕餮", "魑魅", "耄耋", "囹圄", "龃龉", "蹀躞"]


def search():
    from urllib.parse import quote
    made = []
    with copied_store() as folder, Server(folder) as server:
        for name, words in (("an absent word", ABSENT_WORDS), ("an absent pair of Chinese characters", [quote(p) for p in ABSENT_PAIRS])):
            paths = [f"/api/messages?q={w}" for w in words]
            empty = [w for w, p in zip(words, paths) if server.raw(p) == b"[]"]
            told = load_http(server.port, connections=1, seconds=SECONDS, path=[f"/api/messages?q={w}" for w in empty],
                             header=server.bearer)
            made.append(line(f"search for {name}", f"p99 {told['p99_us'] / 1000:.2f} ms", "<= 5", told["p99_us"] <= 5000 and empty != [],
                             told, rss=server.rss_mib(), kind="latency", parts=[f"{len(empty)} of {len(words)} are absent"]))
    return made


def common_words(path, rows=3000, count=8):
    """Words that stand in 2 to 10 of 100 of the newest rows, the rarest to the most frequent."""
    found = {}
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        for (content,) in db.execute("SELECT content FROM messages ORDER BY id DESC LIMIT ?", (rows,)):
            for word in set(content.split()):
                found[word] = found.get(word, 0) + 1
    words = sorted((n, w) for w, n in found.items() if w.isascii() and len(w) >= 4 and 0.02 <= n / rows <= 0.1)
    return [words[i * (len(words) - 1) // (count - 1)][1] for i in range(count)]


def common():
    """Beside what the whole server does for it, the bare scan has nothing to do but to step the rows."""
    made = []
    for rows in (100000, STORE_ROWS):
        with copied_store(rows) as folder, Server(folder) as server:
            db = os.path.join(server.data, "steward.db")
            words = common_words(db)
            scans = [run_tool("bare_sqlite", "scan", "--db", db, "--text", w, "--seconds", 1, on=SERVER_CORES)["cpu_us"] for w in words]
            ours = [cpu_of_http(server.pid, server.port, connections=8, seconds=SECONDS, path=[f"/api/messages?q={w}" for w in words],
                                header=server.bearer) for _ in range(ROUNDS)]
            rss = server.rss_mib()
        cpu, scan = median([o[0] for o in ours]), sum(scans) / len(scans)
        made.append(line(f"search for a common word, {rows:,} rows", f"{cpu / scan:.2f} x bare scan by LIKE", "<= 0.5", cpu / scan <= 0.5,
                         ours[-1][1], cpu, rss, parts=[f"scans {', '.join(f'{w} {t:.0f}' for w, t in zip(words, scans))} us"]))
    return made


def ping_p99(server):
    return load_http(server.port, connections=8, seconds=SECONDS, path="/api/ping", on=LOAD_CORES[:1])


def storm():
    made, other = [], LOAD_CORES[-1:]
    with copied_store() as folder, Server(folder, {"auth": {"bcrypt_cost": "12"}}) as server:
        body = write(folder, "login.json", {"username": "admin", "password": PASSWORD})
        storms = {
            "logins": ["--method", "POST", "--path", "/api/auth/login", "--body", body, "--sources", 32],
            "searches": ["--header", server.bearer, *(w for q in ("an%20ber", "qu", "zqxjkvw", "sta%20ter", "%E4%B8%80", "conre")
                                                     for w in ("--path", f"/api/messages?q={q}"))],
        }
        for name, words in storms.items():
            tries = []
            for _ in range(3):
                quiet = ping_p99(server)
                with process([tool("load"), "http", "--port", server.port, "--connections", 32, "--seconds", SECONDS + 2, *words],
                             other) as running:
                    time.sleep(0.7)
                    loud = ping_p99(server)
                    running.wait(60)
                    storm_told = running.stdout.readline().strip()
                tries.append((loud["p99_us"], max(2 * quiet["p99_us"], 2000), quiet, loud, storm_told))
            best = min(tries, key=lambda t: t[0] / t[1])
            made.append(line(f"ping during a storm of {name}", f"p99 {best[0] / 1000:.2f} ms", f"<= {best[1] / 1000:.2f}",
                             best[0] <= best[1], best[3], rss=server.rss_mib(), kind="latency, best of 3",
                             parts=[f"quiet p99 {best[2]['p99_us'] / 1000:.2f} ms; the storm: {best[4]}"]))
    return made


def first_answer(port):
    began = time.monotonic()
    while time.monotonic() - began < 30:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/api/ping")
            if connection.getresponse().status == 200:
                return time.monotonic()
        except OSError:
            time.sleep(0.001)
        finally:
            connection.close()
    raise RuntimeError("no answer within 30 s")


def start():
    times = []
    with copied_store() as folder:
        for _ in range(5):
            server = Server(folder, {"server": {"port": str(free_port())}})
            server.options["server"]["port"] = port = str(free_port())
            began = time.monotonic()
            import threading
            waiting = []
            watcher = threading.Thread(target=lambda: waiting.append(first_answer(int(port))))
            watcher.start()
            server.start()
            watcher.join()
            times.append((waiting[0] - began) * 1000)
            rss = server.rss_mib()
            server.stop()
    return [line("start to first answer", f"{median(times):.0f} ms", "<= 200", median(times) <= 200, rss=rss, kind="latency",
                 parts=["all: " + ", ".join(f"{t:.0f}" for t in times) + " ms"])]


def rules():
    told = run_tool("bare_rules", "--seconds", 2, on=SERVER_CORES)
    return [line("a verdict of 1,000 rules", f"{told['two_parts_us']:.1f} us", "<= 50", told["two_parts_us"] <= 50,
                 parts=[f"two parts {told['two_parts_us']:.1f} us, a command of 16 KiB {told['longest_us']:.1f} us"])]


def prepared(row):
    def run():
        build()
        return row()
    return run


ROWS = {f.__name__: prepared(f) for f in (ping, get50, post, array, relay, idle, fanout, search, common, storm, fair, start,
                                              rules)}
