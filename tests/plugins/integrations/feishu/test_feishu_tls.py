"""Certificates: whom the connector believes."""
import pytest

from support.bridge import Bridge
from support.feishu import Feishu
from support.steward import eventually
from support.tls_front import TlsFront


@pytest.fixture
def feishu():
    with Feishu() as running:
        yield running


class Shared:
    """A fake that outlives the Bridge."""

    def __init__(self, feishu):
        self._feishu = feishu

    def __getattr__(self, name):
        return getattr(self._feishu, name)

    def start(self):
        return self

    def stop(self):
        pass

    def __exit__(self, *_):
        pass


def front_of(feishu, folder, host="localhost"):
    def secure_address(data):
        return data.replace(f'"URL": "ws://127.0.0.1:{feishu.port}/'.encode(), f'"URL":"wss://localhost:{front.port}/'.encode())
    front = TlsFront(folder, feishu.port, host, secure_address)
    if len(str(front.port)) != len(str(feishu.port)):
        pytest.skip("ports of different lengths")
    return front


def test_a_private_authority_is_believed_when_it_is_configured(feishu, tmp_path):
    front = front_of(feishu, tmp_path)
    options = {"outbound": {"ca_file": front.authority}}
    with Bridge(plugin={"ws_url": f"wss://localhost:{front.port}"}, options=options, feishu=Shared(feishu)) as bridge:
        butler = bridge.butler()
        feishu.said("by TLS")
        frame = butler.get("CHAT")
        assert frame["payload"] == "by TLS"
        butler.send({"type": "CHAT", "target_id": 1, "conversation_id": frame["conversation_id"], "payload": "back by TLS"})
        eventually(lambda: feishu.texts() == ["back by TLS"], what="the answer")
    front.close()


@pytest.mark.parametrize("host,known", [("localhost", False), ("somebody.else", True)])
def test_nobody_else_is(feishu, tmp_path, host, known):
    front = front_of(feishu, tmp_path, host)
    options = {"outbound": {"ca_file": front.authority}} if known else {}
    with Bridge(plugin={"ws_url": f"wss://localhost:{front.port}"}, options=options, enable=False,
                feishu=Shared(feishu)) as bridge:
        answer = bridge.server.post(bridge.path("/verify-callback")).json()
        assert answer["ok"] is False and answer["message"] == "failed to verify credentials with feishu", answer
        assert feishu.requests() == []
    front.close()


def test_the_connection_itself_is_checked_as_well(feishu, tmp_path):
    """Discovery by plain http on the loopback, the socket by wss to somebody unknown."""
    front = front_of(feishu, tmp_path)
    url = f"wss://localhost:{front.port}/ws/v2?fpid=493&service_id=1&ticket=secret"
    with Bridge(enable=False, feishu=Shared(feishu)) as bridge:
        feishu.rule("endpoint", times=-1, code=0, data={"URL": url, "ClientConfig": {}})
        bridge.verify_and_enable()
        eventually(lambda: bridge.connector()["status"] == "error", what="the refusal")
        assert not feishu.requests("handshake")
        bridge.logged("error", "ws_client_error", "cannot connect")
        assert "secret" not in bridge.server.log() and "secret" not in str(bridge.logs())
    front.close()
