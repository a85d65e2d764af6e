"""HTTP over a plain socket, for what no client library would send."""
import json
import socket


class Answer:
    """One response as it came."""

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.lines = lines[1:]
        self.body = body

    def header(self, name):
        for line in self.lines:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.lines} {self.body[:300]!r}"


class Raw:
    """A connection; sends bytes and reads answers one by one."""

    def __init__(self, server, seconds=15):
        self.socket = socket.create_connection((server.host, server.port), timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""

    def send(self, data):
        """False: the server has closed already."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.left += data
        return bool(data)

    def answer(self, head_only=False):
        """None: the server closed without one."""
        while b"\r\n\r\n" not in self.left:
            if not self._more():
                return None
        head, _, self.left = self.left.partition(b"\r\n\r\n")
        answer = Answer(head, b"")
        length = 0 if head_only or answer.status in (100, 204) else int(answer.header("Content-Length") or 0)
        while len(self.left) < length:
            if not self._more():
                return None
        answer.body, self.left = self.left[:length], self.left[length:]
        return answer

    def closed(self, seconds=10):
        """Has the server ended the connection, with nothing left to read?"""
        self.socket.settimeout(seconds)
        try:
            return self.left == b"" and not self._more()
        except TimeoutError:
            return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def once(server, data, head_only=False):
    """(answer, closed?) of one request on a connection of its own."""
    with Raw(server) as raw:
        raw.send(data)
        answer = raw.answer(head_only)
        return answer, answer is None or (answer.header("Connection") == "close" and raw.closed())
