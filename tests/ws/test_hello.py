"""HELLO and since_id as a client sees them."""
import pytest
from raw import Raw, frame
from support.steward import Steward


def chat(raw, text, target=1):
    raw.send({"type": "CHAT", "target_id": target, "payload": text, "ack": True, "local_id": text})
    return raw.json("ACK")["id"]


def test_old_clients_see_nothing_new(server):
    with Raw(server, server.agent_token) as agent:
        agent.send({"type": "none", "local_id": "first"})
        assert agent.json()["local_id"] == "first"


@pytest.mark.parametrize("query", ["&hello=1", "&since_id=0", "&since_id=0&hello=1"])
def test_hello_is_the_first_frame_and_complete(server, query):
    with Raw(server, server.agent_token, query=query, glued=frame('{"type":"none","local_id":"glued"}')) as agent:
        hello = agent.json()
        assert list(hello) == ["type", "payload", "timestamp"] and hello["type"] == "HELLO"
        payload = hello["payload"]
        assert set(payload) == {"user_id", "username", "role", "last_id", "recovered", "server", "heartbeat_s"}
        assert payload["user_id"] == server.agent_id and payload["username"] == "agent" and payload["role"] == "AGENT"
        assert payload["recovered"] is True and payload["heartbeat_s"] == 54 and payload["server"]
        assert agent.json()["local_id"] == "glued"


def test_since_id_gives_what_was_missed_and_goes_on_live(server):
    with Raw(server, server.admin()) as page:
        first = chat(page, "one", server.agent_id)
        chat(page, "two", server.agent_id)
        with Raw(server, server.agent_token, query=f"&since_id={first}") as agent:
            assert agent.json()["payload"]["last_id"] == first + 1
            assert agent.json()["payload"] == "two"
            chat(page, "three", server.agent_id)
            assert agent.json()["payload"] == "three"
        with Raw(server, server.agent_token, query="&since_id=0") as agent:
            assert agent.json()["type"] == "HELLO"
            assert [agent.json("CHAT")["payload"] for _ in range(3)] == ["one", "two", "three"]


def test_a_human_recovers_its_own_rows_and_an_agent_does_not(server):
    with Raw(server, server.agent_token, query="&hello=1") as agent, Raw(server, server.admin()) as page:
        last = agent.json()["payload"]["last_id"]
        chat(agent, "from agent")
        chat(page, "from human", server.agent_id)
    with Raw(server, server.admin(), query=f"&since_id={last}") as page:
        page.json("HELLO")
        assert [page.json("CHAT")["payload"] for _ in range(2)] == ["from agent", "from human"]
    with Raw(server, server.agent_token, query=f"&since_id={last}") as agent:
        agent.json("HELLO")
        assert agent.json("CHAT")["payload"] == "from human"


def test_a_number_of_another_database(server):
    with Raw(server, server.agent_token, query="&since_id=99999999999999999999") as agent:
        assert agent.json()["payload"]["recovered"] is False, "too large a number is cut to the largest"
    with Raw(server, server.agent_token, query="&since_id=4000000000") as agent:
        hello = agent.json()
        assert hello["payload"]["recovered"] is False
        with Raw(server, server.admin()) as page:
            chat(page, "live", server.agent_id)
        assert agent.json()["payload"] == "live"


def test_up_to_date_is_recovered_with_nothing(server):
    with Raw(server, server.agent_token, query="&hello=1") as agent:
        last = agent.json()["payload"]["last_id"]
    with Raw(server, server.agent_token, query=f"&since_id={last}") as agent:
        assert agent.json()["payload"]["recovered"] is True
        agent.send({"type": "none", "local_id": "next"})
        assert agent.json()["local_id"] == "next"


def test_pages_are_small_enough_for_a_small_queue():
    """A backlog much larger than the queue, frames larger than half of it."""
    with Steward(options={"ws": {"queue": "64K"}}) as server:
        agent_id, token = server.agent("small")
        with Raw(server, server.admin()) as page:
            for n in range(60):
                page.send({"type": "CHAT", "target_id": agent_id, "payload": f"{n} " + "z" * (60000 if n % 7 == 0 else 20000)})
                page.json("CHAT")
        with Raw(server, token, query="&since_id=0") as agent:
            agent.json("HELLO")
            assert [int(agent.json("CHAT")["payload"].split()[0]) for _ in range(60)] == list(range(60))
