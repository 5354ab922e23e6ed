"""CLA: log directories, elections, reassignments, the quorum, producers. QUO: quotas. SEC: no security."""

from collections.abc import Sequence
from typing import Any

from pykbroker.wire.messages.alter_client_quotas import (
    AlterClientQuotasRequest,
    AlterClientQuotasRequestEntityData,
    AlterClientQuotasRequestEntryData,
    OpData,
)
from pykbroker.wire.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    ReassignablePartition,
    ReassignableTopic,
)
from pykbroker.wire.messages.alter_replica_log_dirs import (
    AlterReplicaLogDir,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirTopic,
)
from pykbroker.wire.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    ScramCredentialDeletion,
    ScramCredentialUpsertion,
)
from pykbroker.wire.messages.create_acls import AclCreation, CreateAclsRequest
from pykbroker.wire.messages.create_delegation_token import CreateDelegationTokenRequest
from pykbroker.wire.messages.delete_acls import DeleteAclsFilter, DeleteAclsRequest
from pykbroker.wire.messages.describe_acls import DescribeAclsRequest
from pykbroker.wire.messages.describe_client_quotas import ComponentData, DescribeClientQuotasRequest
from pykbroker.wire.messages.describe_delegation_token import DescribeDelegationTokenRequest
from pykbroker.wire.messages.describe_log_dirs import DescribableLogDirTopic, DescribeLogDirsRequest
from pykbroker.wire.messages.describe_producers import DescribeProducersRequest, TopicRequest
from pykbroker.wire.messages.describe_quorum import (
    DescribeQuorumRequest,
    DescribeQuorumRequestPartitionData,
    DescribeQuorumRequestTopicData,
)
from pykbroker.wire.messages.describe_user_scram_credentials import DescribeUserScramCredentialsRequest, UserName
from pykbroker.wire.messages.elect_leaders import ElectLeadersRequest, TopicPartitions
from pykbroker.wire.messages.expire_delegation_token import ExpireDelegationTokenRequest
from pykbroker.wire.messages.init_producer_id import InitProducerIdRequest
from pykbroker.wire.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsTopics,
)
from pykbroker.wire.messages.renew_delegation_token import RenewDelegationTokenRequest
from pykbroker.wire.messages.sasl_authenticate import SaslAuthenticateRequest
from pykbroker.wire.messages.sasl_handshake import SaslHandshakeRequest
from tests.compat.oracle.asking import batch, create, fill, produce, settle
from tests.compat.oracle.node import Node
from tests.compat.oracle.statement import statement


@statement("CLA-08", api=DescribeLogDirsRequest)
def log_dirs(at: Node) -> None:
    topic = create(at, partitions=2)
    fill(at, topic, b"x" * 1000)
    wanted = [
        DescribableLogDirTopic(topic=topic, partitions=[0, 1, 7]),
        DescribableLogDirTopic(topic="none", partitions=[0]),
    ]
    (found,) = at.send(DescribeLogDirsRequest(topics=wanted)).results
    assert sum(part.partition_size for part in found.topics[0].partitions) > 1000
    at.send(DescribeLogDirsRequest(topics=[]))
    everything = at.ask(DescribeLogDirsRequest(topics=None))
    assert topic in [each.name for each in everything.results[0].topics]


@statement("CLA-09", api=AlterReplicaLogDirsRequest)
def unknown_log_dir(at: Node) -> None:
    topic = create(at)
    for path, name in (
        ("/no/such/directory", topic),
        (str(at.broker.data), topic),
        ("/no/such/directory", f"{topic}-none"),
    ):
        topics = [AlterReplicaLogDirTopic(name=name, partitions=[0])]
        at.send(AlterReplicaLogDirsRequest(dirs=[AlterReplicaLogDir(path=path, topics=topics)]))


@statement("CLA-10", "CLA-11", api=ElectLeadersRequest)
def elections(at: Node) -> None:
    topic = create(at)
    for kind in (0, 1) if at.version else (0,):
        wanted = [
            TopicPartitions(topic=topic, partitions=[0, 5]),
            TopicPartitions(topic=f"{topic}-none", partitions=[0]),
        ]
        answer = at.send(ElectLeadersRequest(election_type=kind, topic_partitions=wanted, timeout_ms=10000))
        codes = sorted(part.error_code for each in answer.replica_election_results for part in each.partition_result)
        assert codes == [3, 3, 84]


@statement("CLA-12", "CLA-13", "CLA-14", api=AlterPartitionReassignmentsRequest)
def reassignments(at: Node) -> None:
    topic = create(at, partitions=2)

    def reassigned(name: str, index: int, replicas: list[int] | None, **values: Any) -> int:
        parts = [ReassignablePartition(partition_index=index, replicas=replicas)]
        wanted = [ReassignableTopic(name=name, partitions=parts)]
        answer = at.send(AlterPartitionReassignmentsRequest(topics=wanted, timeout_ms=10000, **values))
        code: int = answer.responses[0].partitions[0].error_code
        return code

    assert reassigned(topic, 0, [1]) == 0
    for wrong in ([9], [1, 1], []):
        assert reassigned(topic, 0, wrong) == 39
    assert reassigned(topic, 7, [1]) == 3
    assert reassigned(f"{topic}-none", 0, [1]) == 3
    assert reassigned(topic, 0, None) == 85
    if at.version >= 1:
        reassigned(topic, 0, [1], allow_replication_factor_change=False)


@statement("CLA-15")
def no_reassignments(at: Node) -> None:
    topic = create(at)
    listed = ListPartitionReassignmentsTopics(name=topic, partition_indexes=[0, 9])
    unknown = ListPartitionReassignmentsTopics(name=f"{topic}-none", partition_indexes=[0])
    for wanted in (None, [listed], [listed, unknown], []):
        assert at.send(ListPartitionReassignmentsRequest(topics=wanted)).topics == []


@statement(
    "CLA-16",
    api=DescribeQuorumRequest,
    may_differ={
        "DescribeQuorum.nodes.listeners.name": "our controller has no listener of its own (docs/skipped.md)",
        "DescribeQuorum.topics.partitions.current_voters.replica_directory_id": "a fixed quorum does not know it",
    },
)
def quorum(at: Node) -> None:
    def asked(topic: str) -> Any:
        parts = [DescribeQuorumRequestPartitionData(partition_index=0)]
        return at.send(
            DescribeQuorumRequest(topics=[DescribeQuorumRequestTopicData(topic_name=topic, partitions=parts)])
        )

    answer = asked("__cluster_metadata")
    assert answer.topics[0].partitions[0].leader_id == 1
    asked("other")


def producers_of(at: Node, topic: str, *indexes: int) -> Any:
    """Send a DescribeProducers."""
    return at.send(DescribeProducersRequest(topics=[TopicRequest(name=topic, partition_indexes=list(indexes))])).topics[
        0
    ]


@statement("CLA-17")
def producers(at: Node) -> None:
    topic = create(at)
    assert producers_of(at, topic, 0).partitions[0].active_producers == []
    produce(at, topic, batch(b"a", b"b", producer=80, sequence=3))
    produce(at, topic, batch(producer=81, epoch=2, sequence=0))
    found = producers_of(at, topic, 0, 5)
    assert sorted(part.error_code for part in found.partitions) == [0, 3]
    assert producers_of(at, f"{topic}-none", 0).partitions[0].error_code == 3


@statement("CLA-22", api=CreateDelegationTokenRequest)
def delegation_tokens(at: Node) -> None:
    assert at.send(CreateDelegationTokenRequest(max_lifetime_ms=-1)).error_code == 64
    assert at.send(DescribeDelegationTokenRequest(owners=None)).error_code in (61, 64)
    assert at.send(RenewDelegationTokenRequest(hmac=b"x", renew_period_ms=-1)).error_code in (61, 64)
    assert at.send(ExpireDelegationTokenRequest(hmac=b"x", expiry_time_period_ms=-1)).error_code in (61, 64)


def await_producer_ids(at: Node) -> None:
    """Return when the broker has ids to give: Kafka's asks its controller for a block of them on first use."""
    at.until(lambda: not at.ask(InitProducerIdRequest(transactional_id=None)).error_code, "there are producer ids")


@statement("TXN-01", api=InitProducerIdRequest)
def producer_ids(at: Node) -> None:
    await_producer_ids(at)
    one, other = (at.send(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000)) for _ in range(2))
    assert (one.error_code, one.producer_epoch) == (0, 0)
    assert one.producer_id != other.producer_id
    if at.version >= 3:
        given = InitProducerIdRequest(transactional_id=None, producer_id=one.producer_id, producer_epoch=0)
        assert at.send(given).producer_epoch == 0


@statement("TXN-05", api=InitProducerIdRequest, since=3)
def half_a_producer(at: Node) -> None:
    for producer_id, epoch in ((5, -1), (-1, 5)):
        request = InitProducerIdRequest(transactional_id=None, producer_id=producer_id, producer_epoch=epoch)
        assert at.send(request).error_code == 42


@statement("TXN-02", api=InitProducerIdRequest)
def empty_transactional_id(at: Node) -> None:
    assert at.send(InitProducerIdRequest(transactional_id="", transaction_timeout_ms=1000)).error_code == 42


# -- quotas

Entity = Sequence[tuple[str, str | None]]


def alter_quota(at: Node, entity: Entity, *ops: tuple[str, float | None], **values: Any) -> int:
    """Change the quotas of an entity; a value of None removes. Return the error code."""
    names = [AlterClientQuotasRequestEntityData(entity_type=kind, entity_name=name) for kind, name in entity]
    changes = [OpData(key=key, value=value or 0.0, remove=value is None) for key, value in ops]
    entry = AlterClientQuotasRequestEntryData(entity=names, ops=changes)
    code: int = at.send(AlterClientQuotasRequest(entries=[entry], **values)).entries[0].error_code
    if not code:
        settle(at)
    return code


def quotas(at: Node, *components: tuple[str, int, str | None], strict: bool = False) -> Any:
    """Describe quotas."""
    wanted = [ComponentData(entity_type=kind, match_type=how, match=name) for kind, how, name in components]
    return at.send(DescribeClientQuotasRequest(components=wanted, strict=strict))


@statement("QUO-03", api=AlterClientQuotasRequest)
def altering_quotas(at: Node) -> None:
    user = [("user", at.name)]
    assert alter_quota(at, user, ("producer_byte_rate", 1e9), ("request_percentage", 200.0)) == 0
    assert quotas(at, ("user", 0, at.name)).entries
    assert alter_quota(at, user, ("producer_byte_rate", None)) == 0
    quotas(at, ("user", 0, at.name))
    wrong: list[tuple[Entity, tuple[str, float]]] = [
        (user, ("producer_byte_rate", -5.0)),
        (user, ("nonsense", 1.0)),
        ([("cat", "tom")], ("producer_byte_rate", 1.0)),
        ([("user", "")], ("producer_byte_rate", 1.0)),
        ([], ("producer_byte_rate", 1.0)),
        (user, ("producer_byte_rate", 0.5)),
        ([("ip", "1.2.3.4"), ("user", "x")], ("connection_creation_rate", 1.0)),
        ([("ip", "no ip")], ("connection_creation_rate", 1.0)),
        ([("ip", "1.2.3.4")], ("producer_byte_rate", 1.0)),
        ([("user", "a"), ("user", "b")], ("producer_byte_rate", 1.0)),
    ]
    for entity, op in wrong:
        alter_quota(at, entity, op)
    assert alter_quota(at, user, ("producer_byte_rate", 0.0)) == 42
    assert alter_quota(at, user, ("request_percentage", None)) == 0


@statement("QUO-04", api=DescribeClientQuotasRequest)
def describing_quotas(at: Node) -> None:
    name = at.name
    for entity in ([("user", name)], [("user", name), ("client-id", name)], [("user", name), ("client-id", None)]):
        assert alter_quota(at, entity, ("consumer_byte_rate", 1e9)) == 0
    for strict in (False, True):
        quotas(at, ("user", 0, name), strict=strict)
        quotas(at, ("user", 0, name), ("client-id", 1, None), strict=strict)
        quotas(at, ("user", 0, name), ("client-id", 2, None), strict=strict)
        quotas(at, ("client-id", 0, name), strict=strict)
    assert quotas(at, ("user", 0, name), ("user", 0, "b")).error_code == 42
    assert quotas(at, ("", 0, name)).error_code == 42
    assert quotas(at, ("cat", 0, name)).error_code == 35
    quotas(at, ("user", 7, name))
    quotas(at, ("user", 0, None))


@statement("QUO-01", api=InitProducerIdRequest)
def no_throttling(at: Node) -> None:
    await_producer_ids(at)
    assert at.send(InitProducerIdRequest(transactional_id=None)).throttle_time_ms == 0


# -- security


@statement("SEC-09", api=SaslHandshakeRequest)
def no_sasl_here(at: Node) -> None:
    assert at.send(SaslHandshakeRequest(mechanism="PLAIN")).error_code == 34
    assert at.send(SaslAuthenticateRequest(auth_bytes=b"\0a\0b")).error_code == 34


@statement("SEC-13", api=DescribeAclsRequest)
def no_authorizer(at: Node) -> None:
    wanted: dict[str, Any] = {
        "resource_type_filter": 2,
        "resource_name_filter": None,
        "principal_filter": None,
        "host_filter": None,
    }
    assert at.send(DescribeAclsRequest(**wanted, operation=1, permission_type=1)).error_code == 54
    creation = AclCreation(
        resource_type=2, resource_name="t", principal="User:a", host="*", operation=3, permission_type=3
    )
    assert at.send(CreateAclsRequest(creations=[creation])).results[0].error_code == 54
    every = DeleteAclsFilter(**wanted, operation=1, permission_type=1)
    assert at.send(DeleteAclsRequest(filters=[every])).filter_results[0].error_code == 54


def upserted(name: str, mechanism: int = 1, iterations: int = 4096) -> ScramCredentialUpsertion:
    """Return a credential to be stored."""
    return ScramCredentialUpsertion(
        name=name, mechanism=mechanism, iterations=iterations, salt=b"salt", salted_password=b"p" * 32
    )


@statement("SEC-11")
def altering_scram(at: Node) -> None:
    wrong = [
        upserted(""),
        upserted("a", iterations=4095),
        upserted("b", iterations=16385),
        upserted("c", mechanism=9),
        upserted("d"),
        upserted("d", mechanism=1),
        upserted(at.name),
    ]
    answer = at.send(AlterUserScramCredentialsRequest(upsertions=wrong))
    codes = {each.user: each.error_code for each in answer.results}
    assert (codes[""], codes["a"], codes["b"], codes["c"], codes["d"]) == (93, 93, 93, 33, 92)
    missing = [ScramCredentialDeletion(name="nobody", mechanism=1)]
    assert at.send(AlterUserScramCredentialsRequest(deletions=missing)).results[0].error_code == 91


@statement("SEC-12")
def describing_scram(at: Node) -> None:
    at.send(AlterUserScramCredentialsRequest(upsertions=[upserted(at.name), upserted(f"{at.name}-b", 2, 5000)]))
    settle(at)

    def asked(*names: str) -> dict[str, int]:
        answer = at.send(DescribeUserScramCredentialsRequest(users=[UserName(name=name) for name in names]))
        return {each.user: each.error_code for each in answer.results}

    assert asked(at.name, "nobody") == {at.name: 0, "nobody": 91}
    assert asked(at.name, at.name)[at.name] == 92
    deletion = ScramCredentialDeletion(name=at.name, mechanism=1)
    assert at.send(AlterUserScramCredentialsRequest(deletions=[deletion])).results[0].error_code == 0
    settle(at)
    assert asked(at.name) == {at.name: 91}
