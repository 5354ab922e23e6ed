"""FRM: frames, headers, connections. API: ApiVersions."""

import struct
from typing import Any

from pykbroker.wire.client_frame import request_frame
from pykbroker.wire.codegen import encode_message
from pykbroker.wire.messages.api_versions import ApiVersionsRequest
from pykbroker.wire.messages.fetch import FetchRequest
from pykbroker.wire.messages.find_coordinator import FindCoordinatorRequest
from pykbroker.wire.messages.metadata import MetadataRequest
from pykbroker.wire.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest
from tests.compat.oracle.asking import create, fetch_request, fill, metadata_request
from tests.compat.oracle.node import Node
from tests.compat.oracle.settings import NARROW
from tests.compat.oracle.statement import statement

METADATA, FIND_COORDINATOR, API_VERSIONS = 3, 10, 18


OURS = {"metadata.version"}
"""The features that both have: `docs/skipped.md` says why not the others."""


def hello(name: str = "oracle", version: str = "1.0") -> ApiVersionsRequest:
    """Return an ApiVersions request."""
    return ApiVersionsRequest(client_software_name=name, client_software_version=version)


def header(
    key: int, version: int, correlation_id: int = 7, client_id: bytes | None = b"oracle", tags: bytes = b""
) -> bytes:
    """Return a request header, v2 if there are tags."""
    name = struct.pack(">h", -1) if client_id is None else struct.pack(">h", len(client_id)) + client_id
    return struct.pack(">hhi", key, version, correlation_id) + name + tags


def framed(content: bytes) -> bytes:
    """Return a frame with its size."""
    return len(content).to_bytes(4, "big") + content


def raw(at: Node, content: bytes, what: str) -> bytes:
    """Send a frame and return the answer's; it is recorded how long that is, and how it begins."""
    connection = at.connect()
    connection.write(framed(content))
    answer = connection.read()
    at.note(what, [answer[:8].hex(), len(answer)])
    return answer


def dropped(at: Node, content: bytes, what: str) -> bool:
    """Send bytes as they are; return whether the connection is closed without an answer, which is recorded."""
    connection = at.connect()
    connection.write(content)
    closed = connection.is_closed()
    at.note(what, closed)
    return closed


@statement("FRM-01", "FRM-07")
def split_request(at: Node) -> None:
    frame = framed(request_frame(hello(), 0, -5, "oracle"))
    connection = at.connect()
    for at_byte in range(len(frame)):
        connection.write(frame[at_byte : at_byte + 1])
    assert connection.read()[:4] == struct.pack(">i", -5)
    for _ in range(2):
        connection.write(frame)
        assert connection.read()[:4] == struct.pack(">i", -5)


@statement("FRM-02")
def illegal_sizes(at: Node) -> None:
    for size in (-1, -(2**31), 104857601, 2**31 - 1):
        assert dropped(at, struct.pack(">i", size), f"size {size}")


@statement("FRM-03", "FRM-04", "FRM-05", api=MetadataRequest, since=1)
def headers(at: Node) -> None:
    body = encode_message(metadata_request([], at.version), at.version)
    tags = b"\0" if at.version >= 9 else b""
    answer = raw(at, header(METADATA, at.version, tags=tags) + body, "the header")
    assert answer[:4] == struct.pack(">i", 7)


@statement("FRM-06", "API-01", "API-05", "API-06", api=ApiVersionsRequest)
def api_versions_header(at: Node) -> None:
    frame = request_frame(hello(), at.version, 7, "oracle")
    connection = at.connect()
    connection.write(framed(frame))
    answer = connection.read()
    assert answer[:6] == struct.pack(">ih", 7, 0)


@statement("FRM-08")
def answers_in_order(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a")
    waiting: list[Any] = [
        at.start(fetch_request(at, [(topic, 0, 1)], 12, max_wait_ms=300), 12),
        at.start(hello(), 3),
        at.start(metadata_request([topic], 12), 12),
        at.start(hello(), 0),
    ]
    assert [type(each.answer()).__name__[:3] for each in waiting] == ["Fet", "Api", "Met", "Api"]


@statement("FRM-12", "FRM-13")
def unknown_apis_and_versions(at: Node) -> None:
    for key, version in ((999, 0), (-1, 0), (METADATA, 99), (METADATA, -1), (0, 99), (1, 0), (19, 0), (4, 0), (7, 0)):
        assert dropped(at, framed(header(key, version) + b"\0" * 20), f"API {key} v{version}")


@statement("FRM-14")
def api_versions_too_new(at: Node) -> None:
    connection = at.connect()
    connection.write(framed(header(API_VERSIONS, 99, tags=b"\0") + b"whatever"))
    answer = connection.read()
    at.note("the answer", answer[:-2].hex())  # the last two bytes are the highest version: ours is a release newer
    assert answer[4:6] == struct.pack(">h", 35)
    at.send(hello(), 3, connection)
    dropped(at, framed(header(API_VERSIONS, -1) + b"\0" * 10), "v-1")


@statement("FRM-15")
def malformed_bodies(at: Node) -> None:
    name = struct.pack(">h", 1) + b"g"
    bodies = {
        "cut short": header(FIND_COORDINATOR, 0),
        "null": header(FIND_COORDINATOR, 0) + struct.pack(">h", -1),
        "a length beyond the end": header(FIND_COORDINATOR, 0) + struct.pack(">h", 100) + b"g",
        "no body": header(METADATA, 12, tags=b"\0"),
        "no header": b"\0\3\0",
        "an array longer than the frame": header(METADATA, 1) + struct.pack(">i", 1000000),
    }
    for what, content in bodies.items():
        assert dropped(at, framed(content), what)
    raw(at, header(FIND_COORDINATOR, 0) + name, "as it should be")


@statement("FRM-15")
def bytes_after_the_body(at: Node) -> None:
    connection = at.connect()
    connection.write(framed(header(FIND_COORDINATOR, 0) + struct.pack(">h", 1) + b"g" + b"more"))
    at.note("bytes left over", connection.is_closed())


@statement("FRM-16")
def unknown_tags(at: Node) -> None:
    tagged = b"\2" + b"\x64\3abc" + b"\x65\0"
    body = encode_message(metadata_request([], 12), 12)
    assert body[-1:] == b"\0"
    raw(at, header(METADATA, 12, tags=tagged) + body[:-1] + tagged, "tags nobody knows")


@statement("FRM-17", "FRM-18", api=FetchRequest, since=12)
def tagged_defaults(at: Node) -> None:
    topic = create(at)
    frame = request_frame(fetch_request(at, [(topic, 0, 0)], at.version), at.version, 7, "oracle")
    raw(at, frame, "an empty fetch")


@statement("FRM-19")
def null_client_id(at: Node) -> None:
    raw(at, header(FIND_COORDINATOR, 0, client_id=None) + struct.pack(">h", 1) + b"g", "no client id")
    at.send(FindCoordinatorRequest(key="g"), 0, at.connect(""))


@statement("FRM-20", settings=NARROW, alone=True)
def idle_connection(at: Node) -> None:
    connection = at.connect()
    at.send(hello(), 3, connection)
    closed = connection.is_closed()
    at.note("closed", closed)
    assert closed


@statement("FRM-21", settings=NARROW, alone=True)
def too_many_connections(at: Node) -> None:
    connections = [at.connect() for _ in range(3)]
    for connection in connections:
        at.send(hello(), 3, connection)
    at.note("the fifth is closed", at.connect().is_closed())


@statement("API-01", "API-05", "API-06", "API-07", api=ApiVersionsRequest)
def features(at: Node) -> None:
    answer = at.ask(hello())
    at.note("the error", answer.error_code)
    keys = [each.api_key for each in answer.api_keys]
    assert len(keys) == len(set(keys))
    at.note(
        "features",
        sorted([each.name, each.max_version_level] for each in answer.finalized_features if each.name in OURS),
    )
    found = [[each.name, each.min_version, each.max_version] for each in answer.supported_features if each.name in OURS]
    at.note("supported", sorted(found))


@statement("API-02", "API-09", "API-10", "API-11", "API-12", "API-13", "API-14", "API-15", api=ApiVersionsRequest)
def served_versions(at: Node) -> None:
    answer = at.ask(hello())
    both = {
        each.api_key: [each.min_version, min(each.max_version, at.versions[each.api_key][1])]  # ours is a release newer
        for each in answer.api_keys
        if each.api_key in at.versions
    }
    at.note("versions", sorted(both.items()))
    assert both[0][0] == 0
    assert not {52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82} & {each.api_key for each in answer.api_keys}
    assert not {71, 72} & {each.api_key for each in answer.api_keys}


@statement("API-03", api=ApiVersionsRequest, since=3)
def illegal_software_names(at: Node) -> None:
    for name, version in (("", "1"), ("a", ""), ("-a", "1"), ("a", "1-"), ("a b", "1"), ("ä", "1")):
        answer = at.send(hello(name, version))
        assert (answer.error_code, answer.api_keys) == (42, [])
    assert at.ask(hello("a-b.C", "1.2-x")).error_code == 0


@statement("API-16", api=UpdateFeaturesRequest, alone=True)
def features_that_cannot_be(at: Node) -> None:
    for name, level in (("metadata.version", 999), ("nonsense", 1), ("metadata.version", 7), ("group.version", 9)):
        change = FeatureUpdateKey(feature=name, max_version_level=level)
        at.send(UpdateFeaturesRequest(feature_updates=[change], timeout_ms=10000))
