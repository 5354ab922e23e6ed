"""Every message in every version survives encoding and decoding."""

from random import Random

import pytest

from pykbroker.wire.catalog import APIS
from pykbroker.wire.codegen import decode_message, decoder, encode_message
from pykbroker.wire.message import Message
from tests.wire.values import declared_messages, random_message, versions_of

MESSAGES = list(declared_messages())


def test_all_messages_are_found() -> None:
    assert len(MESSAGES) >= 240
    assert {api.request() for api in APIS.values()} | {api.response() for api in APIS.values()} <= set(MESSAGES)


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_message_survives_a_round_trip_in_every_version(cls: type[Message]) -> None:
    for version in versions_of(cls):
        random = Random(f"{cls.__name__} {version}")
        for _ in range(20):
            value = random_message(cls, version, random)
            raw = encode_message(value, version)
            assert decode_message(cls, version, raw) == value
            assert encode_message(decode_message(cls, version, raw), version) == raw
            assert decoder(cls, version)(bytearray(b"\0\0" + raw + b"\0"), 2) == (value, len(raw) + 2)


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_defaults_survive_a_round_trip(cls: type[Message]) -> None:
    for version in versions_of(cls):
        if cls.__name__ == "FetchSnapshotResponse":
            continue  # its records have no default that can be encoded, but it has none by default
        assert decode_message(cls, version, encode_message(cls(), version)) == cls()


def test_catalog_agrees_with_the_declarations() -> None:
    for api in APIS.values():
        for cls, flexible in ((api.request(), api.flexible_request), (api.response(), api.flexible_response)):
            assert cls.__key__ == api.key
            assert cls.__versions__ == (api.lowest, api.highest)
            low, high = cls.__flexible__
            assert flexible == (low if low <= high else 0x7FFF)
