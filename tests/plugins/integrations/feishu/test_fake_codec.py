"""The fake's own codec against frames that the official SDK encoded."""
import json
import os

import pytest

from support.fake_feishu import codec

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors.json"), encoding="utf-8") as file:
    FRAMES = json.load(file)["frames"]


def fields(decoded):
    return {"SeqID": decoded.seq_id, "LogID": decoded.log_id, "service": decoded.service, "method": decoded.method,
            "headers": [list(pair) for pair in decoded.headers]}


@pytest.mark.parametrize("vector", [f for f in FRAMES if "fields" in f], ids=lambda f: f["name"])
def test_a_frame_decodes_to_its_fields_and_encodes_to_its_bytes(vector):
    frame, expected = codec.decode(bytes.fromhex(vector["hex"])), vector["fields"]
    assert fields(frame) == {key: expected[key] for key in ("SeqID", "LogID", "service", "method", "headers")}
    assert frame.payload_encoding == expected.get("payload_encoding")
    assert frame.payload_type == expected.get("payload_type")
    assert frame.log_id_new == expected.get("LogIDNew")
    payload = bytes.fromhex(expected["payload_hex"]) if "payload_hex" in expected else expected.get("payload", "").encode()
    assert (frame.payload or b"") == payload
    assert codec.encode(frame).hex() == vector["hex"]


@pytest.mark.parametrize("vector", [f for f in FRAMES if f.get("expect") == "accept"], ids=lambda f: f["name"])
def test_odd_frames_are_read(vector):
    expected = vector["decoded"]
    got = fields(codec.decode(bytes.fromhex(vector["hex"])))
    assert got == {**expected, "SeqID": int(expected["SeqID"]), "LogID": int(expected["LogID"])}


@pytest.mark.parametrize("vector", [f for f in FRAMES if f.get("expect") == "reject"], ids=lambda f: f["name"])
def test_bad_frames_are_refused(vector):
    with pytest.raises(codec.BadFrame):
        codec.decode(bytes.fromhex(vector["hex"]))


def test_fragments_join_to_whole_text():
    parts = [codec.decode(bytes.fromhex(f["hex"])).payload for f in FRAMES if f["name"].startswith("fragment_")]
    with pytest.raises(UnicodeDecodeError):
        parts[0].decode()
    assert json.loads(b"".join(parts).decode())["schema"] == "2.0"
