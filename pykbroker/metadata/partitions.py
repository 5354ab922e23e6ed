"""`Partitions`: from a topic's name or id and a number to its open `Partition`.

A partition is opened when it is first asked for: that a topic has it is metadata, and until its first record it has
no file. On Produce and Fetch this is one dictionary look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata.controller import Controller
from pykbroker.metadata.image import BROKER, TOPIC, Image, Topic
from pykbroker.storage.failures import warn
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import LogDirectory, Store, Wanted


class Partitions:
    """Opens, finds, reconfigures and drops partitions. Owns which of them are open.

    `busy` are those whose segments somebody is exchanging; nobody else may touch these meanwhile.
    """

    __slots__ = ("_image", "_log_config_of", "_log_configs", "_node_id", "_shared", "_store", "busy", "live")

    def __init__(
        self, image: Image, store: Store, node_id: int, log_config_of: Callable[[dict[str, str]], LogConfig]
    ) -> None:
        """`log_config_of` gives the settings of a log, from what is set on its topic."""
        self._image = image
        self._store = store
        self._node_id = node_id
        self._log_config_of = log_config_of
        self._log_configs: dict[str, LogConfig] = {}
        self._shared: dict[frozenset[tuple[str, str]], LogConfig] = {}  # by what is set on a topic
        self.live: dict[tuple[str, int], Partition] = {}
        self.busy: set[Partition] = set()

    @classmethod
    def of(cls, controller: Controller, store: Store) -> Partitions:
        """Return the partitions of this node's share of the metadata; they follow its changes."""
        partitions = cls(controller.image, store, store.node_id, controller.log_config)
        controller.on_topics_deleted.append(partitions.drop)
        controller.on_configs_changed.append(partitions.configs_changed)
        store.on_offline = partitions.close_offline
        store.known_topics = frozenset(controller.image.topics_by_id)
        if len(store.online) < len(store.directories):
            store.older_topics = store.known_topics
        return partitions

    def get(self, topic: str, index: int) -> Partition:
        """Return an open partition, or raise UNKNOWN_TOPIC_OR_PARTITION. Hot path."""
        found = self.live.get((topic, index))
        return found if found is not None else self._open(topic, index)

    def get_by_id(self, topic_id: bytes, index: int) -> Partition:
        """Return an open partition, or raise UNKNOWN_TOPIC_ID or UNKNOWN_TOPIC_OR_PARTITION. Hot path."""
        topic = self._image.topics_by_id.get(topic_id)
        if topic is None:
            raise KafkaError(errors.UNKNOWN_TOPIC_ID)
        found = self.live.get((topic.name, index))
        return found if found is not None else self._open(topic.name, index)

    def open_all(self) -> Iterator[Partition]:
        """Open and yield every partition that this node holds; those that fail to open are left out."""
        for topic in list(self._image.topics.values()):
            for state in topic.partitions:
                if self._node_id in state.replicas:
                    try:
                        yield self.get(topic.name, state.index)
                    except KafkaError:
                        continue

    @property
    def directories(self) -> list[LogDirectory]:
        """The log directories, also those that failed."""
        return self._store.directories

    def is_offline(self, topic: Topic, index: int) -> bool:
        """Tell if a partition cannot be served, because its log directory failed."""
        return self._store.is_offline(topic.name, index, topic.id)

    def sizes(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield (log directory, topic, partition, bytes) of every partition that this node holds.

        What is not open is not opened for it, only measured; what has no files yet counts as 0.
        """
        paths = {name: d.path for d in self._store.online for name in d.found}
        for topic in self._image.topics.values():
            for state in topic.partitions:
                if self._node_id not in state.replicas:
                    continue
                path = paths.get(f"{topic.name}-{state.index}")
                if path is not None and (topic.name, state.index) not in self.live:
                    yield path, topic.name, state.index, self._measured(f"{path}/{topic.name}-{state.index}")
                    continue
                try:
                    partition = self.get(topic.name, state.index)  # open already, or without files: cheap
                except KafkaError:
                    continue
                yield partition.home.path, topic.name, state.index, partition.size_bytes

    def _measured(self, path: str) -> int:
        files = self._store.env.files
        return sum(files.size(f"{path}/{name}") for name in files.list(path) if name.endswith(".log"))

    def recover(self, threads: int) -> None:
        """Check the logs that were not closed cleanly, `threads` at once in each directory. Blocks."""
        self._store.recover(
            (
                Wanted(topic.name, state.index, topic.id, self.log_config(topic), state.leader_epoch)
                for topic in self._image.topics.values()
                for state in topic.partitions
                if self._node_id in state.replicas
            ),
            threads,
        )

    def with_files(self, *, is_compacted: bool = False) -> Iterator[tuple[str, int]]:
        """Yield (topic, partition) of what is open, or has files; what has neither needs no care.

        With `is_compacted` only of topics that are to be compacted.
        """
        found = [directory.found for directory in self._store.online]
        for topic in list(self._image.topics.values()):
            if is_compacted and not self.log_config(topic).is_compacted:
                continue
            for state in topic.partitions:
                name = f"{topic.name}-{state.index}"
                if (topic.name, state.index) in self.live or any(name in names for names in found):
                    yield topic.name, state.index

    def close_offline(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions whose log directory failed; who asks for them from now on hears why."""
        for partition in partitions:
            self.live.pop(partition.key, None)

    def forget_lost(self) -> None:
        """Forget open partitions that this node leads no more; who asks for them hears NOT_LEADER_OR_FOLLOWER."""
        for name, index in list(self.live):
            if self._image.topics[name].partitions[index].leader != self._node_id:
                self.live.pop((name, index)).tell_change()

    def drop(self, topics: Iterable[Topic]) -> None:
        """Forget deleted topics, and delete their logs: called once the image has lost them (TOP-14)."""
        for topic in topics:
            config = self.log_config(topic)
            for state in topic.partitions:
                partition = self.live.pop((topic.name, state.index), None)
                try:
                    if partition is None:  # it may have files from before the last start
                        partition = self._store.partition(topic.name, state.index, topic.id, config, state.leader_epoch)
                    self._store.delete(partition)
                except KafkaError as error:
                    # The topic is gone all the same; a new one of its name sets the files aside (`Store.partition`).
                    warn("%s", error)
            self._log_configs.pop(topic.name, None)

    def reconfigure(self, topics: Iterable[str] | None = None) -> None:
        """Let open partitions obey what is set now: of some topics, or (None) of all (CONF-20)."""
        changed = None if topics is None else set(topics)
        if changed is None:
            self._log_configs.clear()
            self._shared.clear()
        else:
            for name in changed:
                self._log_configs.pop(name, None)
        for (name, _), partition in self.live.items():
            if changed is None or name in changed:
                partition.reconfigure(self.log_config(self._image.topics[name]))

    def configs_changed(self, changed: Collection[tuple[int, str]]) -> None:
        """Let open partitions obey the changed configs of (resource type, name): a broker's are of all topics."""
        topics = [name for kind, name in changed if kind == TOPIC]
        if any(kind == BROKER for kind, _ in changed):
            self.reconfigure()
        elif topics:
            self.reconfigure(topics)

    def log_config(self, topic: Topic) -> LogConfig:
        """Return the settings of a topic's logs; all of them share one object, with those of topics set alike."""
        config = self._log_configs.get(topic.name)
        if config is None:
            own = frozenset(topic.config.items())
            if own not in self._shared:
                self._shared[own] = self._log_config_of(topic.config)
            config = self._log_configs[topic.name] = self._shared[own]
        return config

    def _open(self, name: str, index: int) -> Partition:
        topic = self._image.topics.get(name)
        if topic is None or not 0 <= index < len(topic.partitions):
            raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION)
        state = topic.partitions[index]
        if state.leader != self._node_id:
            raise KafkaError(errors.NOT_LEADER_OR_FOLLOWER)
        partition = self._store.partition(name, index, topic.id, self.log_config(topic), state.leader_epoch)
        self.live[name, index] = partition
        return partition
