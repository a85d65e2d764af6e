"""An HTTP server of a test's own that takes POST, with a thread for each connection."""
import http.server
import threading


class PostServer:
    """It serves when it has been made, so a subclass makes its own things first; it says what is answered, in take().
    `hold` cleared: requests are taken, and answered when it is set."""

    def __init__(self, port=0):
        self.hold = threading.Event()
        self.hold.set()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = owner.take(self.path, dict(self.headers), body)
                owner.hold.wait(60)
                status, headers, body = answer()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def take(self, path, headers, body):
        """Notes a request; gives a function that makes (status, headers, body) once it may be answered."""
        raise NotImplementedError

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
