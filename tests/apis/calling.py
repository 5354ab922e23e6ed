"""`call`: one request through its handler, as a client would see it: both messages cross the wire in that version."""

from __future__ import annotations

from typing import Any

from pykbroker.apis.errors_in import error_response
from pykbroker.apis.registry import HANDLERS, route, served_versions
from pykbroker.errors import KafkaError
from pykbroker.wire.codegen import decode_message, encode_message
from pykbroker.wire.message import Message
from tests.metadata.brokers import Cluster


def call(cluster: Cluster, request: Message, version: int | None = None, listener: str = "PLAINTEXT") -> Any:
    """Return the response to `request`; without a version, in the newest that is served."""
    key = type(request).__key__
    assert key is not None
    if version is None:
        version = newest(key)
    served = route(key, version)
    assert served is not None, f"API {key} v{version} is not served"
    request = decode_message(type(request), version, encode_message(request, version))
    try:
        response = served.handler(cluster.context(version, listener), request)
    except KafkaError as error:
        response = error_response(key, version, request, served.response_class, error)
    return decode_message(served.response_class, version, encode_message(response, version))


def newest(key: int) -> int:
    versions = served_versions(key)
    assert versions is not None
    return versions[1]


def versions_of(key: int) -> range:
    assert key in HANDLERS
    versions = served_versions(key)
    assert versions is not None
    return range(versions[0], versions[1] + 1)
