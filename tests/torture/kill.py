"""kill -9, again and again, under mixed writes, in every second cycle with a disk that fails: what was acknowledged is
there once, with its content and in its order; see README.md."""
import errno
import json
import random
import sqlite3
import threading
import time
import uuid

from .alloc import Tally
from .control import FOREVER, READ, SYNC, TORN, TRUNCATE, WRITE
from .house import House
from .scenarios import auth_request

CYCLES, SHORT_CYCLES = 500, 6


class Book:
    """What each writer has sent and was told."""

    def __init__(self):
        self.lock = threading.Lock()
        self.messages = {}    # writer: [(id, content)] in the order of acknowledgement
        self.chat = {}        # the same of CHAT
        self.doubtful = {}    # local_id: (writer, text) of CHAT that was never answered
        self.requests = {}    # action_id: chat id
        self.decisions = {}   # action_id: approved
        self.sent = {"messages": set(), "chat": set()}

    def note(self, table, writer, row_id, text):
        with self.lock:
            getattr(self, table).setdefault(writer, []).append((row_id, text))

    def count(self):
        return (sum(len(rows) for rows in self.messages.values()), sum(len(rows) for rows in self.chat.values()),
                len(self.requests), len(self.decisions))


def post(house, book, writer, stop, batch):
    """One after the other, alone or in arrays."""
    while not stop.is_set():
        contents = [f"{writer} {next(house.count)}" for _ in range(batch)]
        body = [{"agent_id": writer, "level": "INFO", "content": text} for text in contents]
        book.sent["messages"].update(contents)
        status, answer = house.call("POST", "/api/messages", body if batch > 1 else body[0])
        if status == 201:
            rows = house.parse(answer)
            for row in rows if batch > 1 else [rows]:
                book.note("messages", writer, row["id"], row["content"])
        elif status == 0 and stop.wait(0.02):
            return


def say(house, book, writer, stop, who, target):
    """CHAT with ACK over a socket, in threes; what was not answered is sent again with its local_id."""
    while not stop.is_set():
        socket = open_socket(house, who)
        if not socket:
            stop.wait(0.05)
            continue
        with book.lock:
            again = [(key, text) for key, (owner, text) in book.doubtful.items() if owner == writer]
        while not stop.is_set() and socket.code is None:
            batch = again or [(str(uuid.uuid4()), f"{writer} {next(house.count)}") for _ in range(3)]
            again = []
            if not exchange(book, writer, socket, batch, target):
                break
        socket.close()


def open_socket(house, who):
    try:
        socket = house.socket(who)
    except OSError:
        return None
    return socket if socket.status == 101 else None


def exchange(book, writer, socket, batch, target):
    waiting = dict(batch)
    with book.lock:
        for key, text in batch:
            book.doubtful[key] = (writer, text)
            book.sent["chat"].add(text)
    for key, text in batch:
        socket.send({"type": "CHAT", "target_id": target, "payload": text, "ack": True, "local_id": key})
    while waiting:
        got = socket.until("ACK", "ERROR")
        if got is None:
            return False
        text = waiting.pop(got.get("local_id"), None)
        if got["type"] == "ACK" and text is not None:
            with book.lock:
                book.doubtful.pop(got["local_id"])
            book.note("chat", writer, got["id"], text)
        elif got["type"] == "ERROR":
            return False
    return True


def ask_and_decide(house, book, writer, stop):
    """AUTH_REQUEST by Butler, decided over HTTP."""
    while not stop.is_set():
        socket = open_socket(house, "butler")
        while socket and not stop.is_set() and socket.code is None:
            action = str(uuid.uuid4())
            socket.send(auth_request(house, action))
            got = socket.until("ACK", "ERROR")
            if got is None or got["type"] == "ERROR":
                break
            book.requests[action] = got["id"]
            approved = random.random() < 0.5
            status, _ = house.call("POST", "/api/chat/auth/response", {"action_id": action, "approved": approved})
            if status == 200:
                book.decisions[action] = approved
        if socket:
            socket.close()
        stop.wait(0.02)


def trouble(house, dice, stop):
    """Faults of the disk, one after the other."""
    while not stop.is_set():
        kinds = dice.choice([READ, WRITE, SYNC, TRUNCATE, WRITE | SYNC, READ | WRITE | SYNC])
        how = dice.choice([0, 0, TORN, FOREVER])
        house.control.arm(kinds, dice.randint(1, 40), how, dice.choice([errno.EIO, errno.ENOSPC]))
        stop.wait(dice.uniform(0.02, 0.15))
        house.control.disarm()
        stop.wait(dice.uniform(0.0, 0.1))


def cycle(house, book, dice, with_faults):
    stop = threading.Event()
    work = [threading.Thread(target=post, args=(house, book, f"single-{n}", stop, 1)) for n in range(3)]
    work += [threading.Thread(target=post, args=(house, book, f"array-{n}", stop, 20)) for n in range(2)]
    work += [threading.Thread(target=say, args=(house, book, "agent", stop, "agent", 1)),
             threading.Thread(target=say, args=(house, book, "human", stop, "admin", house.agent_id)),
             threading.Thread(target=ask_and_decide, args=(house, book, "butler", stop))]
    if with_faults:
        work.append(threading.Thread(target=trouble, args=(house, dice, stop)))
    for thread in work:
        thread.start()
    time.sleep(dice.uniform(0.1, 0.6))
    died = not house.alive()
    house.server.kill()  # with everything under way
    stop.set()
    for thread in work:
        thread.join()
    house.control.disarm()
    return died


def in_order(rows):
    return all(a[0] < b[0] for a, b in zip(rows, rows[1:]))


def check_rows(book, table, stored, tally):
    """stored: id: content."""
    contents = {}
    for row_id, text in stored.items():
        contents.setdefault(text, []).append(row_id)
    for text in book.sent[table]:
        if len(contents.get(text, ())) > 1:
            tally.fault(table, f"doubled: {text!r} is in rows {contents[text]}")
    for writer, rows in getattr(book, table).items():
        for row_id, text in rows:
            if stored.get(row_id) != text:
                tally.fault(table, f"lost: {row_id} {text!r} is {stored.get(row_id)!r}")
        # CHAT that was sent again after a crash may have been stored before what was acknowledged earlier.
        if table == "messages" and not in_order(rows):
            tally.fault(table, f"not in the order of acknowledgement: {writer}")


def check(house, book, tally):
    store = sqlite3.connect(f"file:{house.server.database()}?mode=ro", uri=True)
    try:
        sound = store.execute("PRAGMA integrity_check").fetchall()
        if sound != [("ok",)]:
            tally.fault("the store", str(sound[:5]))
        check_rows(book, "messages", dict(store.execute("SELECT id, content FROM messages")), tally)
        check_rows(book, "chat", {row: json.loads(text) for row, text in
                                         store.execute("SELECT id, payload FROM chat WHERE type = 'CHAT'")}, tally)
        states = dict(store.execute("SELECT action_id, status FROM chat_approvals"))
    finally:
        store.close()
    for action in book.requests:
        if action not in states:
            tally.fault("approvals", f"lost: {action}")
    for action, approved in book.decisions.items():
        if states.get(action) != ("APPROVED" if approved else "REJECTED"):
            tally.fault("approvals", f"decided {approved}, and it is {states.get(action)}: {action}")


def run(full=False, cycles=None, say=print):  # pylint: disable=redefined-outer-name
    cycles = cycles or (CYCLES if full else SHORT_CYCLES)
    seed = random.randrange(1 << 32)
    dice, book, tally = random.Random(seed), Book(), Tally(say)
    say(f"kill: seed {seed}")
    with House() as house:
        for number in range(cycles):
            if cycle(house, book, dice, with_faults=number % 2 == 1):
                tally.fault(f"cycle {number}", f"the server ended by itself\n{house.server.log()[-5000:]}")
            tally.outcomes["killed"] += 1
            house.server.start()
            house.restarts += 1
            if number % 10 == 9 or number == cycles - 1:
                check(house, book, tally)
            if number % 50 == 49:
                say(f"kill: {number + 1} cycles, {' + '.join(map(str, book.count()))} acknowledged, {len(tally.wrong)} faults")
        house.server.check_reports()
    posted, said, asked, decided = book.count()
    say(f"kill: {cycles} cycles, {cycles // 2} of them with disk faults; acknowledged: {posted} messages, {said} CHAT, "
        f"{asked} approvals, {decided} decisions; lost, doubled or out of order: {len(tally.wrong)}")
    return tally
