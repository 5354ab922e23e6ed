"""The simulation's admin: creates, deletes, grows and configures topics, deletes records, moves partitions."""

from __future__ import annotations

from typing import Any

from pykbroker import errors
from pykbroker.wire.messages.alter_replica_log_dirs import (
    AlterReplicaLogDir,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirTopic,
)
from pykbroker.wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from pykbroker.wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from pykbroker.wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from pykbroker.wire.messages.delete_topics import DeleteTopicsRequest
from pykbroker.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from tests.sim.clients import SimClient
from tests.sim.history import NOTHING_COMMITTED, State
from tests.sim.model import require

_NAMES = ("red", "green", "blue")
_MOST_PARTITIONS = 3
_TOPIC = 2

CONFIGS: dict[str, tuple[str, ...]] = {
    "cleanup.policy": ("delete", "compact", "compact,delete"),
    "flush.messages": ("1", "1000000"),
    "internal.segment.bytes": ("400", "1000", "5000"),
    "retention.ms": ("-1", "20000", "120000"),
    "retention.bytes": ("-1", "-1", "2000"),
    "segment.ms": ("5000", "600000"),
    "min.cleanable.dirty.ratio": ("0.01", "0.5"),
    "delete.retention.ms": ("0", "3000"),
    "index.interval.bytes": ("0", "200", "4096"),
    "file.delete.delay.ms": ("0", "2000"),
}


class Admin(SimClient):
    """Changes what there is."""

    def begin(self) -> None:
        topics = self.simulation.metadata.topics
        free = [name for name in _NAMES if name not in topics]
        if free and (len(free) == len(_NAMES) or self.random.random() < 0.3):
            self._create(self.random.choice(free))
            return
        doings = [self._alter] * 3 + [self._delete_records] * 3 + [self._move] * 3 + [self._grow, self._delete]
        self.random.choice(doings)(self.random.choice(sorted(topics)))

    def _some_configs(self) -> dict[str, str]:
        return {key: self.random.choice(values) for key, values in CONFIGS.items() if self.random.random() < 0.6}

    def _change(self, request: Any, version: int, name: str, after: Any, codes: Any) -> None:
        """Ask for a change; `after` is the state it leads to, `codes` takes errors from the answer."""
        simulation = self.simulation
        metadata = simulation.metadata
        expected: State = after(None)
        metadata.interrupted.append(expected)

        def answered(response: Any) -> None:
            if response is None:
                return
            code, topic_id = codes(response)
            simulation.note(self.name, "hears", errors.name_of(code), "of", name)
            metadata.interrupted.remove(expected)
            if code == 0:
                metadata.changed(after(topic_id))
            else:
                require(code == errors.KAFKA_STORAGE_ERROR and simulation.world.is_troubled, "refused:", code, name)

        simulation.ask(self, request, version, answered, may_be_lost=False)

    def _create(self, name: str) -> None:
        configs, count = self._some_configs(), self.random.randint(1, 2)
        configs.setdefault("internal.segment.bytes", "1000")
        wanted = CreatableTopic(
            name=name,
            num_partitions=count,
            replication_factor=1,
            configs=[CreatableTopicConfig(name=key, value=value) for key, value in configs.items()],
        )
        self.simulation.note(self.name, "creates", name, count, configs)
        before = self.simulation.metadata.state

        def after(topic_id: bytes | None) -> State:
            return {**before, name: (topic_id, count, tuple(sorted(configs.items())))}

        self._change(
            CreateTopicsRequest(topics=[wanted], timeout_ms=1000), 7, name, after,
            lambda response: (response.topics[0].error_code, response.topics[0].topic_id),
        )  # fmt: skip

    def _delete(self, name: str) -> None:
        self.simulation.note(self.name, "deletes", name)
        after = {key: value for key, value in self.simulation.metadata.state.items() if key != name}
        self.simulation.metadata.topics[name].is_being_deleted()
        removals = [
            committed.sent(NOTHING_COMMITTED)
            for (_, topic, _), committed in self.simulation.commits.items()
            if topic == name
        ]

        def codes(response: Any) -> tuple[int, None]:
            code = response.responses[0].error_code
            for removal in removals:
                if code:
                    removal.is_stored = False
                elif not self.simulation.world.is_troubled:  # else they stay until they expire
                    removal.is_stored = True
            return code, None

        self._change(DeleteTopicsRequest(topic_names=[name], timeout_ms=1000), 5, name, lambda _: after, codes)

    def _grow(self, name: str) -> None:
        before = self.simulation.metadata.state
        topic_id, count, configs = before[name]
        if count == _MOST_PARTITIONS:
            return
        self.simulation.note(self.name, "adds a partition to", name)
        wanted = CreatePartitionsTopic(name=name, count=count + 1, assignments=None)
        self._change(
            CreatePartitionsRequest(topics=[wanted], timeout_ms=1000), 3, name,
            lambda _: {**before, name: (topic_id, count + 1, configs)},
            lambda response: (response.results[0].error_code, None),
        )  # fmt: skip

    def _alter(self, name: str) -> None:
        key = self.random.choice(sorted(CONFIGS))
        value = self.random.choice(CONFIGS[key])
        before = self.simulation.metadata.state
        topic_id, count, configs = before[name]
        after = {**before, name: (topic_id, count, tuple(sorted({**dict(configs), key: value}.items())))}
        self.simulation.note(self.name, "sets", key, "of", name, "to", value)
        if key == "cleanup.policy" and "compact" in value:
            for partition in self.simulation.metadata.topics[name].partitions:
                partition.was_compacted = True
        wanted = AlterConfigsResource(
            resource_type=_TOPIC, resource_name=name, configs=[AlterableConfig(name=key, value=value)]
        )
        self._change(
            IncrementalAlterConfigsRequest(resources=[wanted]), 1, name, lambda _: after,
            lambda response: (response.responses[0].error_code, None),
        )  # fmt: skip

    def _delete_records(self, name: str) -> None:
        partition = self.random.choice(self.simulation.metadata.topics[name].partitions)
        offset = self.random.choice((-1, self.random.randint(0, partition.known_end)))
        partition.deleted_to = max(partition.deleted_to, offset)
        self.simulation.note(self.name, "deletes records of", partition, "up to", offset)
        wanted = DeleteRecordsPartition(partition_index=partition.index, offset=offset)
        request = DeleteRecordsRequest(topics=[DeleteRecordsTopic(name=name, partitions=[wanted])])
        if offset < 0:
            partition.deleted_to = 1 << 62

        def answered(response: Any) -> None:
            if response is None:
                return
            answer = response.topics[0].partitions[0]
            if answer.error_code in (errors.POLICY_VIOLATION, errors.OFFSET_OUT_OF_RANGE):
                return  # the policy has changed; or records that are not on the device do not count yet
            self.check_error(answer.error_code, partition)
            if answer.error_code == 0:
                require(answer.low_watermark >= offset, partition, "starts at", answer.low_watermark, "not", offset)
                partition.deleted_to = max(offset, answer.low_watermark)
                partition.start = max(partition.start, answer.low_watermark)
                partition.highest_start = max(partition.highest_start, partition.start)

        self.simulation.ask(self, request, 2, answered)

    def _move(self, name: str) -> None:
        partition = self.random.choice(self.simulation.metadata.topics[name].partitions)
        path = self.random.choice(self.simulation.world.directories)
        self.simulation.note(self.name, "moves", partition, "to", path)
        wanted = AlterReplicaLogDirTopic(name=name, partitions=[partition.index])
        request = AlterReplicaLogDirsRequest(dirs=[AlterReplicaLogDir(path=path, topics=[wanted])])

        def answered(response: Any) -> None:
            if response is not None:
                self.check_error(response.results[0].partitions[0].error_code, partition)

        self.simulation.ask(self, request, 2, answered)
