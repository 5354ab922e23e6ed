"""The APIs of Kafka's protocol: a table by API key, and their message classes, imported on first use.

Written by `tools/generate_messages.py`.
"""

from importlib import import_module
from typing import Final

from pykbroker.wire.message import Message

NEVER: Final = 0x7FFF  # above every version: not flexible in any of them
BROKER: Final = ("broker",)
CONTROLLER: Final = ("controller",)
BOTH: Final = ("broker", "controller")

_TABLE: Final = (
    # key, name, module, lowest and highest version, first flexible version of request and of response, listeners,
    # is the highest version unstable
    (0, "Produce", "produce", 3, 13, 9, 9, BROKER, False),
    (1, "Fetch", "fetch", 4, 18, 12, 12, BOTH, False),
    (2, "ListOffsets", "list_offsets", 1, 11, 6, 6, BROKER, False),
    (3, "Metadata", "metadata", 0, 13, 9, 9, BROKER, False),
    (8, "OffsetCommit", "offset_commit", 2, 10, 8, 8, BROKER, False),
    (9, "OffsetFetch", "offset_fetch", 1, 10, 6, 6, BROKER, False),
    (10, "FindCoordinator", "find_coordinator", 0, 6, 3, 3, BROKER, False),
    (11, "JoinGroup", "join_group", 0, 9, 6, 6, BROKER, False),
    (12, "Heartbeat", "heartbeat", 0, 4, 4, 4, BROKER, False),
    (13, "LeaveGroup", "leave_group", 0, 5, 4, 4, BROKER, False),
    (14, "SyncGroup", "sync_group", 0, 5, 4, 4, BROKER, False),
    (15, "DescribeGroups", "describe_groups", 0, 6, 5, 5, BROKER, False),
    (16, "ListGroups", "list_groups", 0, 5, 3, 3, BROKER, False),
    (17, "SaslHandshake", "sasl_handshake", 0, 1, NEVER, NEVER, BOTH, False),
    (18, "ApiVersions", "api_versions", 0, 5, 3, 3, BOTH, False),
    (19, "CreateTopics", "create_topics", 2, 7, 5, 5, BOTH, False),
    (20, "DeleteTopics", "delete_topics", 1, 6, 4, 4, BOTH, False),
    (21, "DeleteRecords", "delete_records", 0, 2, 2, 2, BROKER, False),
    (22, "InitProducerId", "init_producer_id", 0, 6, 2, 2, BROKER, True),
    (23, "OffsetForLeaderEpoch", "offset_for_leader_epoch", 2, 4, 4, 4, BROKER, False),
    (24, "AddPartitionsToTxn", "add_partitions_to_txn", 0, 5, 3, 3, BROKER, False),
    (25, "AddOffsetsToTxn", "add_offsets_to_txn", 0, 4, 3, 3, BROKER, False),
    (26, "EndTxn", "end_txn", 0, 5, 3, 3, BROKER, False),
    (27, "WriteTxnMarkers", "write_txn_markers", 1, 2, 1, 1, BROKER, False),
    (28, "TxnOffsetCommit", "txn_offset_commit", 0, 6, 3, 3, BROKER, False),
    (29, "DescribeAcls", "describe_acls", 1, 3, 2, 2, BOTH, False),
    (30, "CreateAcls", "create_acls", 1, 3, 2, 2, BOTH, False),
    (31, "DeleteAcls", "delete_acls", 1, 3, 2, 2, BOTH, False),
    (32, "DescribeConfigs", "describe_configs", 1, 4, 4, 4, BOTH, False),
    (33, "AlterConfigs", "alter_configs", 0, 2, 2, 2, BOTH, False),
    (34, "AlterReplicaLogDirs", "alter_replica_log_dirs", 1, 2, 2, 2, BROKER, False),
    (35, "DescribeLogDirs", "describe_log_dirs", 1, 5, 2, 2, BROKER, False),
    (36, "SaslAuthenticate", "sasl_authenticate", 0, 2, 2, 2, BOTH, False),
    (37, "CreatePartitions", "create_partitions", 0, 3, 2, 2, BOTH, False),
    (38, "CreateDelegationToken", "create_delegation_token", 1, 3, 2, 2, BOTH, False),
    (39, "RenewDelegationToken", "renew_delegation_token", 1, 2, 2, 2, BOTH, False),
    (40, "ExpireDelegationToken", "expire_delegation_token", 1, 2, 2, 2, BOTH, False),
    (41, "DescribeDelegationToken", "describe_delegation_token", 1, 3, 2, 2, BOTH, False),
    (42, "DeleteGroups", "delete_groups", 0, 3, 2, 2, BROKER, False),
    (43, "ElectLeaders", "elect_leaders", 0, 2, 2, 2, BOTH, False),
    (44, "IncrementalAlterConfigs", "incremental_alter_configs", 0, 1, 1, 1, BOTH, False),
    (45, "AlterPartitionReassignments", "alter_partition_reassignments", 0, 1, 0, 0, BOTH, False),
    (46, "ListPartitionReassignments", "list_partition_reassignments", 0, 0, 0, 0, BOTH, False),
    (47, "OffsetDelete", "offset_delete", 0, 0, NEVER, NEVER, BROKER, False),
    (48, "DescribeClientQuotas", "describe_client_quotas", 0, 1, 1, 1, BROKER, False),
    (49, "AlterClientQuotas", "alter_client_quotas", 0, 1, 1, 1, BOTH, False),
    (50, "DescribeUserScramCredentials", "describe_user_scram_credentials", 0, 0, 0, 0, BOTH, False),
    (51, "AlterUserScramCredentials", "alter_user_scram_credentials", 0, 0, 0, 0, BOTH, False),
    (52, "Vote", "vote", 0, 2, 0, 0, CONTROLLER, False),
    (53, "BeginQuorumEpoch", "begin_quorum_epoch", 0, 1, 1, 1, CONTROLLER, False),
    (54, "EndQuorumEpoch", "end_quorum_epoch", 0, 1, 1, 1, CONTROLLER, False),
    (55, "DescribeQuorum", "describe_quorum", 0, 2, 0, 0, BOTH, False),
    (56, "AlterPartition", "alter_partition", 2, 3, 0, 0, CONTROLLER, False),
    (57, "UpdateFeatures", "update_features", 0, 2, 0, 0, BOTH, False),
    (58, "Envelope", "envelope", 0, 0, 0, 0, CONTROLLER, False),
    (59, "FetchSnapshot", "fetch_snapshot", 0, 1, 0, 0, CONTROLLER, False),
    (60, "DescribeCluster", "describe_cluster", 0, 2, 0, 0, BOTH, False),
    (61, "DescribeProducers", "describe_producers", 0, 0, 0, 0, BROKER, False),
    (62, "BrokerRegistration", "broker_registration", 0, 4, 0, 0, CONTROLLER, False),
    (63, "BrokerHeartbeat", "broker_heartbeat", 0, 2, 0, 0, CONTROLLER, False),
    (64, "UnregisterBroker", "unregister_broker", 0, 0, 0, 0, BOTH, False),
    (65, "DescribeTransactions", "describe_transactions", 0, 0, 0, 0, BROKER, False),
    (66, "ListTransactions", "list_transactions", 0, 2, 0, 0, BROKER, False),
    (67, "AllocateProducerIds", "allocate_producer_ids", 0, 0, 0, 0, CONTROLLER, False),
    (68, "ConsumerGroupHeartbeat", "consumer_group_heartbeat", 0, 1, 0, 0, BROKER, False),
    (69, "ConsumerGroupDescribe", "consumer_group_describe", 0, 1, 0, 0, BROKER, False),
    (70, "ControllerRegistration", "controller_registration", 0, 0, 0, 0, CONTROLLER, False),
    (71, "GetTelemetrySubscriptions", "get_telemetry_subscriptions", 0, 0, 0, 0, BROKER, False),
    (72, "PushTelemetry", "push_telemetry", 0, 0, 0, 0, BROKER, False),
    (73, "AssignReplicasToDirs", "assign_replicas_to_dirs", 0, 0, 0, 0, CONTROLLER, False),
    (74, "ListConfigResources", "list_config_resources", 0, 1, 0, 0, BROKER, False),
    (75, "DescribeTopicPartitions", "describe_topic_partitions", 0, 0, 0, 0, BROKER, False),
    (76, "ShareGroupHeartbeat", "share_group_heartbeat", 1, 1, 0, 0, BROKER, False),
    (77, "ShareGroupDescribe", "share_group_describe", 1, 1, 0, 0, BROKER, False),
    (78, "ShareFetch", "share_fetch", 1, 2, 0, 0, BROKER, False),
    (79, "ShareAcknowledge", "share_acknowledge", 1, 2, 0, 0, BROKER, False),
    (80, "AddRaftVoter", "add_raft_voter", 0, 1, 0, 0, BOTH, False),
    (81, "RemoveRaftVoter", "remove_raft_voter", 0, 0, 0, 0, BOTH, False),
    (82, "UpdateRaftVoter", "update_raft_voter", 0, 0, 0, 0, CONTROLLER, False),
    (83, "InitializeShareGroupState", "initialize_share_group_state", 0, 0, 0, 0, BROKER, False),
    (84, "ReadShareGroupState", "read_share_group_state", 0, 0, 0, 0, BROKER, False),
    (85, "WriteShareGroupState", "write_share_group_state", 0, 1, 0, 0, BROKER, False),
    (86, "DeleteShareGroupState", "delete_share_group_state", 0, 0, 0, 0, BROKER, False),
    (87, "ReadShareGroupStateSummary", "read_share_group_state_summary", 0, 1, 0, 0, BROKER, False),
    (88, "StreamsGroupHeartbeat", "streams_group_heartbeat", 0, 1, 0, 0, BROKER, False),
    (89, "StreamsGroupDescribe", "streams_group_describe", 0, 1, 0, 0, BROKER, False),
    (90, "DescribeShareGroupOffsets", "describe_share_group_offsets", 0, 1, 0, 0, BROKER, False),
    (91, "AlterShareGroupOffsets", "alter_share_group_offsets", 0, 0, 0, 0, BROKER, False),
    (92, "DeleteShareGroupOffsets", "delete_share_group_offsets", 0, 0, 0, 0, BROKER, False),
    (93, "StreamsGroupTopologyDescriptionUpdate", "streams_group_topology_description_update",
     0, 0, 0, 0, BROKER, False),
    (94, "UnregisterController", "unregister_controller", 0, 0, 0, 0, BOTH, False),
)


class Api:
    """One API: its key, Kafka's name for it, the versions that are declared, the listeners that serve it in Kafka.

    A request has header v2 from version `flexible_request` on, a response header v1 from `flexible_response` on
    (ApiVersions excepted: always v0).
    """

    __slots__ = (
        "flexible_request", "flexible_response", "highest", "key", "latest_is_unstable", "listeners", "lowest",
        "module", "name",
    )

    def __init__(
        self, key: int, name: str, module: str, lowest: int, highest: int, flexible_request: int,
        flexible_response: int, listeners: tuple[str, ...], latest_is_unstable: bool,
    ) -> None:
        self.key = key
        self.name = name
        self.module = module
        self.lowest = lowest
        self.highest = highest
        self.flexible_request = flexible_request
        self.flexible_response = flexible_response
        self.listeners = listeners
        self.latest_is_unstable = latest_is_unstable

    def request(self) -> type[Message]:
        """Return the class of its request."""
        return self._load("Request")

    def response(self) -> type[Message]:
        """Return the class of its response."""
        return self._load("Response")

    def _load(self, which: str) -> type[Message]:
        found: type[Message] = getattr(import_module(f"pykbroker.wire.messages.{self.module}"), self.name + which)
        return found


APIS: Final[dict[int, Api]] = {row[0]: Api(*row) for row in _TABLE}
