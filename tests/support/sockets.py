"""A WebSocket client for tests, over python3-websockets' synchronous-looking thread."""
import asyncio
import json
import queue
import threading
import time

import websockets


class Socket:
    """Connects at once; every frame lands in a queue. close_code is set when the connection has ended."""

    def __init__(self, server, token, query="", headers=None, subprotocols=None, in_url=True, **more):
        url = server.ws_url + (f"?token={token}" if in_url else "?")
        self.url = url + query
        self.frames = queue.Queue()
        self.close_code = None
        self.close_reason = None
        self.closed = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._failure = None
        opened = threading.Event()
        self._options = {"extra_headers": headers or {}, "subprotocols": subprotocols, "max_size": None,
                         "ping_interval": None, "compression": None, "max_queue": None, **more}
        self._thread = threading.Thread(target=self._run, args=(opened,), daemon=True)
        self._thread.start()
        opened.wait(30)
        if self._failure:
            raise self._failure

    def _run(self, opened):
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._talk(opened))
            self._loop.run_until_complete(self._settle())
        finally:
            self._loop.close()
            self.closed.set()

    @staticmethod
    async def _settle():
        """What close() started in another thread ends before the loop does."""
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        if rest:
            await asyncio.wait(rest, timeout=10)

    async def _talk(self, opened):
        try:
            self._ws = await websockets.connect(self.url, **self._options)
        except Exception as failure:
            self._failure = failure
            opened.set()
            return
        opened.set()
        try:
            async for text in self._ws:
                self.frames.put(json.loads(text))
        except websockets.ConnectionClosed:
            pass
        self.close_code = self._ws.close_code
        self.close_reason = self._ws.close_reason
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def send(self, frame):
        """A dict as JSON; text and bytes as they are."""
        self._do(self._ws.send(json.dumps(frame) if isinstance(frame, dict) else frame))

    def get(self, kind=None, seconds=20):
        """The next frame (of that type; others are dropped)."""
        deadline = time.monotonic() + seconds
        while True:
            frame = self.frames.get(timeout=max(0.01, deadline - time.monotonic()))
            if kind is None or frame["type"] == kind:
                return frame

    def quiet(self, settle, kind=None):
        """Everything that came before the answer to `settle()` did; `kind`: only these types."""
        settle()
        found = []
        while not self.frames.empty():
            frame = self.frames.get()
            if kind is None or frame["type"] == kind:
                found.append(frame)
        return found

    def drain(self, marker):
        """Sends an unknown frame with local_id `marker` and gives every frame that came before its ERROR."""
        self.send({"type": "X-MARK", "local_id": marker})
        found = []
        while True:
            frame = self.get()
            if frame["type"] == "ERROR" and frame.get("local_id") == marker:
                return found
            found.append(frame)

    def wait_closed(self, seconds=20):
        assert self.closed.wait(seconds), "the socket is still open"
        return self.close_code

    def close(self):
        if not self.closed.is_set():
            try:
                self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._ws.close()))
            except RuntimeError:
                pass  # the loop has ended meanwhile
        self.closed.wait(10)

    def abort(self):
        """Cuts the TCP connection without a close handshake."""
        if not self.closed.is_set():
            try:
                self._loop.call_soon_threadsafe(self._ws.transport.abort)
            except RuntimeError:
                pass
        self.closed.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def everything(socket, quiet=0.4):
    """Every frame until none came for a while, and what came while closing."""
    found = []
    while True:
        try:
            found.append(socket.frames.get(timeout=quiet) if quiet else socket.frames.get_nowait())
        except queue.Empty:
            if quiet == 0:
                return found
            socket.close()
            quiet = 0
