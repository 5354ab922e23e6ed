"""Which APIs this broker serves, at which versions, and where their handlers are. Nothing is imported until used.

What is listed here is what ApiVersions advertises: a version is in the table only if it works (API-02). Two rows say
more than the declarations: Produce is advertised from version 0 although 0-2 are refused, because librdkafka before
2.11 turns compression off otherwise (API-09, KAFKA-18659).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from pykbroker.apis.context import Context
from pykbroker.wire import catalog
from pykbroker.wire.codegen import Decode, Encode, decoder, encoder

Handler = Callable[[Context, Any], Any]

PRODUCE: Final = 0
API_VERSIONS: Final = 18

# API key -> (handler's module, function, lowest version, highest version); None: as the newest Kafka has it.
HANDLERS: Final[dict[int, tuple[str, str, int | None, int | None]]] = {
    0: ("produce", "produce", None, None),
    1: ("fetch", "fetch", None, None),
    2: ("offsets", "list_offsets", None, None),
    3: ("metadata", "metadata", None, None),
    8: ("group_offsets", "offset_commit", None, None),
    9: ("group_offsets", "offset_fetch", None, None),
    10: ("group_admin", "find_coordinator", None, None),
    11: ("groups", "join_group", None, None),
    12: ("groups", "heartbeat", None, None),
    13: ("groups", "leave_group", None, None),
    14: ("groups", "sync_group", None, None),
    15: ("group_admin", "describe_groups", None, None),
    16: ("group_admin", "list_groups", None, None),
    17: ("sasl", "sasl_handshake", None, None),
    18: ("api_versions", "api_versions", None, None),
    19: ("topics", "create_topics", None, None),
    20: ("topics", "delete_topics", None, None),
    21: ("topics", "delete_records", None, None),
    22: ("producers", "init_producer_id", None, None),
    23: ("offsets", "offset_for_leader_epoch", None, None),
    29: ("acls", "describe_acls", None, None),
    30: ("acls", "create_acls", None, None),
    31: ("acls", "delete_acls", None, None),
    32: ("configs", "describe_configs", None, None),
    33: ("configs", "alter_configs", None, None),
    34: ("log_dirs", "alter_replica_log_dirs", None, None),
    35: ("log_dirs", "describe_log_dirs", None, None),
    36: ("sasl", "sasl_authenticate", None, None),
    37: ("topics", "create_partitions", None, None),
    38: ("delegation_tokens", "create_delegation_token", None, None),
    39: ("delegation_tokens", "renew_delegation_token", None, None),
    40: ("delegation_tokens", "expire_delegation_token", None, None),
    41: ("delegation_tokens", "describe_delegation_token", None, None),
    42: ("group_admin", "delete_groups", None, None),
    43: ("elections", "elect_leaders", None, None),
    44: ("configs", "incremental_alter_configs", None, None),
    45: ("reassignments", "alter_partition_reassignments", None, None),
    46: ("reassignments", "list_partition_reassignments", None, None),
    47: ("group_offsets", "offset_delete", None, None),
    48: ("quotas", "describe_client_quotas", None, None),
    49: ("quotas", "alter_client_quotas", None, None),
    50: ("scram", "describe_user_scram_credentials", None, None),
    51: ("scram", "alter_user_scram_credentials", None, None),
    55: ("quorum", "describe_quorum", None, None),
    57: ("features", "update_features", None, None),
    60: ("metadata", "describe_cluster", None, None),
    61: ("producers", "describe_producers", None, None),
    64: ("brokers", "unregister_broker", None, None),
    74: ("configs", "list_config_resources", None, None),
    75: ("metadata", "describe_topic_partitions", None, None),
    80: ("quorum", "add_raft_voter", None, None),
    81: ("quorum", "remove_raft_voter", None, None),
}

ADVERTISED_MINIMUM: Final = {PRODUCE: 0}


class Route:
    """Everything needed to serve one version of one API."""

    __slots__ = ("decode", "encode", "handler", "key", "request_tags", "response_class", "response_tags", "version")

    def __init__(
        self,
        key: int,
        version: int,
        handler: Handler,
        decode: Decode,
        encode: Encode,
        response_class: type[Any],
        request_tags: bool,
        response_tags: bool,
    ) -> None:
        self.key = key
        self.version = version
        self.handler = handler
        self.decode = decode
        self.encode = encode
        self.response_class = response_class
        self.request_tags = request_tags
        self.response_tags = response_tags


def served_versions(key: int) -> tuple[int, int] | None:
    """Return the lowest and highest version that works, or None for an API that is not served."""
    row = HANDLERS.get(key)
    if row is None:
        return None
    api = catalog.APIS[key]
    low = api.lowest if row[2] is None else row[2]
    high = api.highest - api.latest_is_unstable if row[3] is None else row[3]
    return low, high


def advertised() -> list[tuple[int, int, int]]:
    """Return (key, lowest, highest) of every API, as ApiVersions says it."""
    out = []
    for key in sorted(HANDLERS):
        versions = served_versions(key)
        if versions is not None:
            out.append((key, ADVERTISED_MINIMUM.get(key, versions[0]), versions[1]))
    return out


def route(key: int, version: int) -> Route | None:
    """Build the route of one version of one API: imports the handler, compiles the codecs; None if not served."""
    versions = served_versions(key)
    if versions is None or not versions[0] <= version <= versions[1]:
        return None
    module, function = HANDLERS[key][:2]
    api = catalog.APIS[key]
    response_class = api.response()
    return Route(
        key,
        version,
        getattr(import_module(f"pykbroker.apis.{module}"), function),
        decoder(api.request(), version),
        encoder(response_class, version),
        response_class,
        version >= api.flexible_request,
        version >= api.flexible_response and key != API_VERSIONS,
    )
