"""The protobuf frame (proto2, pbbp2.Frame), written and read by hand."""
import dataclasses

CONTROL, DATA = 0, 1
U64 = (1 << 64) - 1
TEXTS = {6: "payload_encoding", 7: "payload_type", 9: "log_id_new"}


class BadFrame(ValueError):
    """These bytes are no frame."""


@dataclasses.dataclass
class Frame:
    """headers keep their order; None in an optional field: it is not there."""
    seq_id: int = 0
    log_id: int = 0
    service: int = 0
    method: int = CONTROL
    headers: list = dataclasses.field(default_factory=list)
    payload_encoding: str | None = None
    payload_type: str | None = None
    payload: bytes | None = None
    log_id_new: str | None = None

    def header(self, key):
        return next((value for name, value in self.headers if name == key), None)


def varint(value):
    value &= U64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes_field(number, value):
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def encode(frame):
    out = bytearray()
    for number, value in enumerate((frame.seq_id, frame.log_id, frame.service, frame.method), 1):
        out += bytes([number << 3]) + varint(value)
    for key, value in frame.headers:
        out += _bytes_field(5, _bytes_field(1, key.encode()) + _bytes_field(2, value.encode()))
    for number in (6, 7, 8, 9):
        value = frame.payload if number == 8 else getattr(frame, TEXTS[number])
        if value is not None:
            out += _bytes_field(number, value if number == 8 else value.encode())
    return bytes(out)


def _read_varint(data, at):
    value = 0
    for n in range(10):
        if at >= len(data):
            raise BadFrame("truncated")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << (7 * n)
        if byte < 0x80:
            return value & U64, at
    raise BadFrame("varint too long")


def _fields(data):
    """(number, wire type, value) of every field."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise BadFrame("field number 0")
        if wire == 0:
            value, at = _read_varint(data, at)
        elif wire in (1, 2, 5):
            size = {1: 8, 5: 4}.get(wire)
            if size is None:
                size, at = _read_varint(data, at)
            if at + size > len(data):
                raise BadFrame("truncated")
            value, at = bytes(data[at:at + size]), at + size
        else:
            raise BadFrame(f"wire type {wire}")
        yield number, wire, value


def _text(value):
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadFrame("text is not UTF-8") from None


def _header(data):
    pair = {}
    for number, wire, value in _fields(data):
        if number in (1, 2) and wire == 2:
            pair[number] = _text(value)
    if len(pair) < 2:
        raise BadFrame("header without key or value")
    return pair[1], pair[2]


def decode(data):
    frame, seen = Frame(), set()
    for number, wire, value in _fields(data):
        if number <= 4 and wire == 0:
            seen.add(number)
            if number > 2:
                value = (value & 0xFFFFFFFF) - ((value & 0x80000000) << 1)
            setattr(frame, ("seq_id", "log_id", "service", "method")[number - 1], value)
        elif number == 5 and wire == 2:
            frame.headers.append(_header(value))
        elif number == 8 and wire == 2:
            frame.payload = value
        elif number in TEXTS and wire == 2:
            setattr(frame, TEXTS[number], _text(value))
        elif number <= 9:
            raise BadFrame(f"field {number} of wire type {wire}")
    if len(seen) < 4:
        raise BadFrame("a required field is missing")
    return frame
