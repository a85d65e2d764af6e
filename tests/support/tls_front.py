"""TLS before a plain service: its own authority, a certificate for localhost, and connections passed on."""
import socket
import ssl
import subprocess
import threading

CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = Steward test
[ca]
basicConstraints = critical,CA:TRUE
[leaf]
subjectAltName = DNS:{host}
"""


class TlsFront:
    """change(bytes) -> bytes of the same length, for what the service sends."""

    def __init__(self, folder, target, host="localhost", change=None):
        self.folder, self.target, self.change = str(folder), target, change or (lambda data: data)
        self._certificates(host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.folder}/leaf.pem", f"{self.folder}/leaf.key")
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self._listener = context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def authority(self):
        return f"{self.folder}/ca.pem"

    def _certificates(self, host):
        with open(f"{self.folder}/openssl.conf", "w", encoding="ascii") as file:
            file.write(CONFIG.format(host=host))
        new = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config openssl.conf "
        for command in (
                new + "-x509 -extensions ca -keyout ca.key -out ca.pem -days 2",
                new + "-keyout leaf.key -out leaf.csr",
                "openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile openssl.conf "
                "-extensions leaf -out leaf.pem"):
            subprocess.run(command.split(), cwd=self.folder, check=True, capture_output=True)

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client):
        try:
            client.do_handshake()
            with client, socket.create_connection(("127.0.0.1", self.target)) as service:
                back = threading.Thread(target=self._pump, args=(service, client, self.change), daemon=True)
                back.start()
                self._pump(client, service, lambda data: data)
                back.join()
        except OSError:
            client.close()

    def _pump(self, source, sink, change):
        try:
            while data := source.recv(65536):
                sink.sendall(change(data))
            sink.shutdown(socket.SHUT_WR)
        except (OSError, ValueError):
            pass

    def close(self):
        self._listener.close()
