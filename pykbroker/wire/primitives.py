"""The hand-written leaves of the codecs: unsigned and zigzag varints, UUID text.

Decoders take a `bytes` or `bytearray` and a position, and return the value and the next position. Running off the end
raises IndexError, which the compiled decoders turn into `Malformed`.
"""

from pykbroker.errors import Malformed

Buffer = bytes | bytearray


def read_uvarint(buffer: Buffer | memoryview, position: int) -> tuple[int, int]:
    """Return an unsigned varint of at most 32 bits (5 bytes), and the position after it."""
    value = shift = 0
    while True:
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value > 0xFFFFFFFF:
                raise Malformed("varint beyond 32 bits")
            return value, position
        shift += 7
        if shift > 28:
            raise Malformed("varint longer than 5 bytes")


def more_uvarint(buffer: Buffer, position: int) -> tuple[int, int]:
    """Return the varint whose first byte was read already: it is before `position`."""
    return read_uvarint(buffer, position - 1)


def required_uvarint(buffer: Buffer, position: int) -> tuple[int, int]:
    """Return the length whose first byte was read already, if it is not null's: zero is Malformed."""
    value, position = read_uvarint(buffer, position - 1)
    if value == 0:
        raise Malformed("null where the schema allows none")
    return value, position


def skip_tags(buffer: Buffer, position: int) -> int:
    """Return the position after a tag section whose first byte was read already, ignoring what it holds (FRM-16)."""
    count, position = read_uvarint(buffer, position - 1)
    for _ in range(count):
        _, position = read_uvarint(buffer, position)
        size, position = read_uvarint(buffer, position)
        position += size
    return position


def uvarint(value: int) -> bytes:
    """Encode an unsigned varint."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varlong(buffer: Buffer | memoryview, position: int) -> tuple[int, int]:
    """Return a zigzag varint of at most 64 bits (10 bytes), and the position after it."""
    raw = shift = 0
    while True:
        byte = buffer[position]
        position += 1
        raw |= (byte & 0x7F) << shift
        if byte < 0x80:
            if shift == 63 and byte > 1:
                raise Malformed("varint beyond 64 bits")
            return (raw >> 1) ^ -(raw & 1), position
        shift += 7
        if shift > 63:
            raise Malformed("varint longer than 10 bytes")


def varlong(value: int) -> bytes:
    """Encode a zigzag varint; small numbers of either sign are short."""
    return uvarint((value << 1) ^ (value >> 63))


def uuid_text(raw: bytes) -> str:
    """Return the 22 characters that Kafka shows for a UUID: base64url without padding."""
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(raw).decode().rstrip("=")


def uuid_from_text(text: str) -> bytes:
    """Return the 16 bytes of a UUID in Kafka's text form; ValueError if it is none."""
    from base64 import urlsafe_b64decode

    raw = urlsafe_b64decode(text + "==")
    if len(raw) != 16 or uuid_text(raw) != text:
        raise ValueError(f"not a UUID: {text}")
    return raw
