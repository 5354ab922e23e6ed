"""The error response of a request that failed as a whole.

Most responses have an error code at the top. The others say errors per item, so the response mirrors the request's
items, each with the error; `_MIRRORS` says which list mirrors which (as `getErrorResponse` of Kafka's request classes
does by hand). A response that has room for neither ends the connection (FRM-23).
"""

from __future__ import annotations

from typing import Any, Final

from pykbroker.apis.registry import PRODUCE
from pykbroker.errors import Disconnect, KafkaError
from pykbroker.wire.codegen_source import Kind
from pykbroker.wire.message import Message, fields_of


class Mirror:
    """One list of a response, made from one of the request: which fields are copied, and what lies below."""

    __slots__ = ("copied", "fixed", "inner", "since", "source", "target")

    def __init__(
        self,
        source: str,
        target: str,
        copied: dict[str, str],
        inner: Mirror | None = None,
        *,
        fixed: dict[str, object] | None = None,
        since: int = 0,
    ) -> None:
        self.source = source
        self.target = target
        self.copied = copied  # response field -> request field; "" means the item itself (a string or number)
        self.inner = inner
        self.fixed = fixed or {}
        self.since = since


_NAMED: Final = {"name": "name"}
_NAMED_OR_ID: Final = {"name": "name", "topic_id": "topic_id"}
_RESOURCE: Final = {"resource_type": "resource_type", "resource_name": "resource_name"}
_INDEXED: Final = {"partition_index": "partition_index"}

# By API key; or by key and version, where that one version differs.
_MIRRORS: Final[dict[int | tuple[int, int], Mirror]] = {
    0: Mirror("topic_data", "responses", _NAMED_OR_ID,
              Mirror("partition_data", "partition_responses", {"index": "index"}, fixed={"base_offset": -1})),
    1: Mirror("topics", "responses", {"topic": "topic", "topic_id": "topic_id"},
              Mirror("partitions", "partitions", {"partition_index": "partition"},
                     fixed={"high_watermark": -1, "records": memoryview(b"")})),
    2: Mirror("topics", "topics", _NAMED, Mirror("partitions", "partitions", _INDEXED)),
    3: Mirror("topics", "topics", _NAMED_OR_ID),
    8: Mirror("topics", "topics", _NAMED_OR_ID, Mirror("partitions", "partitions", _INDEXED)),
    (9, 1): Mirror("topics", "topics", _NAMED,
                   Mirror("partition_indexes", "partitions", {"partition_index": ""},
                          fixed={"committed_offset": -1, "metadata": ""})),
    9: Mirror("groups", "groups", {"group_id": "group_id"}, since=8),
    10: Mirror("coordinator_keys", "coordinators", {"key": ""}, fixed={"node_id": -1, "port": -1}, since=4),
    15: Mirror("groups", "groups", {"group_id": ""}),
    19: Mirror("topics", "topics", _NAMED),
    21: Mirror("topics", "topics", _NAMED, Mirror("partitions", "partitions", _INDEXED, fixed={"low_watermark": -1})),
    23: Mirror("topics", "topics", {"topic": "topic"}, Mirror("partitions", "partitions", {"partition": "partition"})),
    30: Mirror("creations", "results", {}),
    31: Mirror("filters", "filter_results", {}),
    32: Mirror("resources", "results", _RESOURCE),
    33: Mirror("resources", "responses", _RESOURCE),
    37: Mirror("topics", "results", _NAMED),
    42: Mirror("groups_names", "results", {"group_id": ""}),
    43: Mirror("topic_partitions", "replica_election_results", {"topic": "topic"},
               Mirror("partitions", "partition_result", {"partition_id": ""})),
    44: Mirror("resources", "responses", _RESOURCE),
    45: Mirror("topics", "responses", _NAMED, Mirror("partitions", "partitions", _INDEXED)),
    49: Mirror("entries", "entries", {"entity": "entity"}),
    61: Mirror("topics", "topics", _NAMED, Mirror("partition_indexes", "partitions", {"partition_index": ""})),
    75: Mirror("topics", "topics", _NAMED),
}


def error_response(
    key: int, version: int, request: Message, response_class: type[Message], error: KafkaError
) -> Message:
    """Return the response that carries `error`; raises Disconnect where the schema has no room for one."""
    if key == PRODUCE and getattr(request, "acks", None) == 0:
        # FRM-11: an answer that the client does not expect would be taken for the next request's.
        raise Disconnect(f"a produce with acks=0 failed: {error}")
    response = response_class()
    mirror = _MIRRORS.get((key, version)) or _MIRRORS.get(key)
    mirrored = mirror is not None and version >= mirror.since
    if mirror is not None and mirrored:
        items = getattr(request, mirror.source) or ()
        setattr(response, mirror.target, _mirror(mirror, items, response_class, error))
    if key == 20:  # DeleteTopics names topics in one of two lists, by version
        _mirror_deletion(version, request, response, error)
        mirrored = True
    elif key == 34:  # AlterReplicaLogDirs names topics by directory, and its response does not
        _mirror_directories(request, response, error)
        mirrored = True
    elif key == 51:  # AlterUserScramCredentials names users in both of two lists
        _mirror_users(request, response, error)
        mirrored = True
    codes = (field.versions for field in fields_of(response_class) if field.name == "error_code")
    if any(low <= version <= high for low, high in codes):
        _set_error(response, error)
    elif not mirrored:
        raise Disconnect(f"{type(request).__name__} failed and its response has no room for an error: {error}")
    return response


def _mirror(mirror: Mirror, items: Any, parent: type[Message], error: KafkaError) -> list[Message]:
    cls = _element_class(parent, mirror.target)
    out = []
    for item in items:
        values = {name: item if not of else getattr(item, of) for name, of in mirror.copied.items()}
        copy = cls(**values, **mirror.fixed)
        if mirror.inner is not None:
            below = _mirror(mirror.inner, getattr(item, mirror.inner.source), cls, error)
            setattr(copy, mirror.inner.target, below)
        else:
            _set_error(copy, error)
        out.append(copy)
    return out


def _mirror_deletion(version: int, request: Any, response: Any, error: KafkaError) -> None:
    cls = _element_class(type(response), "responses")
    if version >= 6:
        response.responses = [cls(name=state.name, topic_id=state.topic_id) for state in request.topics]
    else:
        response.responses = [cls(name=name) for name in request.topic_names]
    for item in response.responses:
        _set_error(item, error)


def _mirror_directories(request: Any, response: Any, error: KafkaError) -> None:
    cls = _element_class(type(response), "results")
    for topic in [topic for directory in request.dirs for topic in directory.topics]:
        result: Any = cls(topic_name=topic.name)
        partition_cls = _element_class(cls, "partitions")
        result.partitions = [partition_cls(partition_index=index) for index in topic.partitions]
        for item in result.partitions:
            _set_error(item, error)
        response.results.append(result)


def _mirror_users(request: Any, response: Any, error: KafkaError) -> None:
    cls = _element_class(type(response), "results")
    users = dict.fromkeys(each.name for each in [*request.deletions, *request.upsertions])
    response.results = [cls(user=user) for user in users]
    for item in response.results:
        _set_error(item, error)


def _set_error(message: Any, error: KafkaError) -> None:
    message.error_code = error.code
    if "error_message" in message.__slots__:
        message.error_message = error.message


def _element_class(parent: type[Message], name: str) -> type[Message]:
    element = Kind(parent.__declared__[name][0]).element
    assert element is not None and element.struct is not None, "only lists of structures are mirrored"
    return element.struct
