"""The page of metrics, as a task in short turns (`steps.py`): 10,000 partitions hold nobody up.

Counts come from `Traffic`. All else is read from the state of the broker at this moment; nothing is opened, measured or
changed for it. A log that nobody has used since the start is listed once housekeeping has opened it, half a minute
after that (`log.initial.task.delay.ms`); one without files is known to be empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from pykbroker.apis.traffic import TopicTraffic
from pykbroker.errors import name_of
from pykbroker.metadata.elections import NO_LEADER
from pykbroker.metadata.image import PartitionState, Topic
from pykbroker.metrics import Page, escaped
from pykbroker.server.families import (
    CONTROLLER,
    FAMILIES,
    GROUPS,
    LOGS,
    PARTITIONS,
    PURGATORY,
    REPLICAS,
    REQUESTS,
    SOCKETS,
    TOPIC_COUNTERS,
    TOPICS,
)
from pykbroker.server.process import process_values
from pykbroker.steps import Task
from pykbroker.wire import catalog

if TYPE_CHECKING:
    from pykbroker.apis.context import Services
    from pykbroker.apis.traffic import Traffic
    from pykbroker.metadata.cleaning import Cleaning
    from pykbroker.server.listener import ListenerServer

_PRODUCE: Final = 0
_FETCH: Final = 1
_TURN_PARTITIONS: Final = 100
_TURN_BYTES: Final = 16 * 1024
_GROUP_STATES: Final = ("Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead")
_RUNNING: Final = 3  # of `org.apache.kafka.metadata.BrokerState`
_STOPPING: Final = 6
_REPLICAS_COUNT: Final = f"{PARTITIONS}replicascount"
_UNDER_MIN_ISR: Final = f"{PARTITIONS}underminisr"
_AT_MIN_ISR: Final = f"{PARTITIONS}atminisr"
_OF_LOGS: Final = (f"{LOGS}size", f"{LOGS}logstartoffset", f"{LOGS}logendoffset", f"{LOGS}numlogsegments")
_OF_REPLICAS: Final = (
    "leadercount", "partitioncount", "offlinereplicacount", "underreplicatedpartitions", "underminisrpartitioncount",
    "atminisrpartitioncount",
)  # fmt: skip


class Sources:
    """What is looked at for a page. `now` gives seconds and never goes back; `cleaning` is None if there was none."""

    __slots__ = ("cleaning", "listeners", "node_id", "now", "services", "traffic")

    def __init__(
        self,
        services: Services,
        traffic: Traffic,
        listeners: Sequence[ListenerServer],
        cleaning: Callable[[], Cleaning | None],
        node_id: int,
        now: Callable[[], float],
    ) -> None:
        self.services = services
        self.traffic = traffic
        self.listeners = listeners
        self.cleaning = cleaning
        self.node_id = node_id
        self.now = now


def exposition(sources: Sources, is_stopping: bool = False) -> Task[list[bytes]]:
    """Return the page in pieces, in the text format of Prometheus."""
    page = Page(FAMILIES)
    page.add("kafka_server_kafkaserver_brokerstate", _STOPPING if is_stopping else _RUNNING)
    for name, value in process_values():
        page.add(name, value)
    _connections(page, sources.listeners)
    _directories(page, sources)
    yield from _topics(page, sources.traffic)
    yield from _requests(page, sources)
    yield from _groups(page, sources.services)
    _purgatory(page, sources)
    yield from _partitions(page, sources)
    pieces = []
    for piece in page.pieces():
        pieces.append(piece)
        if len(piece) > _TURN_BYTES:
            yield None
    return pieces


def _connections(page: Page, listeners: Sequence[ListenerServer]) -> None:
    for listener in listeners:
        name = listener.listener.name
        for prefix, processor in zip(SOCKETS, ("networkProcessor", "network_processor"), strict=True):
            labels = {"listener": name, processor: "0"}
            page.add(f"{prefix}connection_count", len(listener.connections), **labels)
            page.add(f"{prefix}connection_creation_total", listener.accepted, **labels)
            page.add(f"{prefix}connection_close_total", listener.accepted - len(listener.connections), **labels)


def _directories(page: Page, sources: Sources) -> None:
    cleaning = sources.cleaning()
    given_up = Counter(partition.home.path for partition in cleaning.uncleanable) if cleaning else Counter[str]()
    failed = 0
    for directory in sources.services.partitions.directories:
        path, is_offline = directory.path, int(directory.failure is not None)
        failed += is_offline
        page.add("kafka_log_logmanager_logdirectoryoffline", is_offline, logDirectory=path)
        name = "kafka_log_logcleanermanager_uncleanable_partitions_count"
        page.add(name, given_up[path], logDirectory=path)
    page.add("kafka_log_logmanager_offlinelogdirectorycount", failed)
    last = cleaning.last if cleaning is not None else None
    recopied = 100 * last.bytes_written // last.bytes_read if last is not None and last.bytes_read else 0
    page.add("kafka_log_logcleaner_cleaner_recopy_percent", recopied)


def _topics(page: Page, traffic: Traffic) -> Task[None]:
    def add(counts: TopicTraffic, **labels: str) -> None:
        for attribute, name in TOPIC_COUNTERS.items():
            page.add(TOPICS + name, getattr(counts, attribute), **labels)

    add(traffic.all_topics())
    for at, (topic, counts) in enumerate(list(traffic.topics.items()), 1):
        add(counts, topic=topic)
        if at % _TURN_PARTITIONS == 0:
            yield None


def _requests(page: Page, sources: Sources) -> Task[None]:
    for key, counts in sorted(sources.traffic.apis.items()):
        for request in _request_names(key):
            for version, count in sorted(counts.versions.items()):
                page.add(f"{REQUESTS}requests_total", count, request=request, version=str(version))
            for code, count in sorted(counts.errors.items()):
                page.add(f"{REQUESTS}errors_total", count, request=request, error=name_of(code))
            page.add_timings(f"{REQUESTS}totaltimems", counts.timings, sources.now(), request=request)
        yield None


def _request_names(key: int) -> tuple[str, ...]:
    """Return under which names an API's requests go: Kafka counts a consumer's Fetch twice, as there are followers'."""
    return ("Fetch", "FetchConsumer") if key == _FETCH else (catalog.APIS[key].name,)


def _groups(page: Page, services: Services) -> Task[None]:
    states: Counter[str] = Counter()
    offsets = 0
    for shard in services.groups.shards():
        groups = shard.state.live
        states.update(group.state for group in groups.values())
        for at, group_id in enumerate(list(shard.state.offsets.groups()), 1):
            offsets += sum(map(len, shard.state.offsets.of_group(group_id).values()))
            if at % _TURN_PARTITIONS == 0:
                yield None
        yield None
    page.add(f"{GROUPS}numgroups", states.total())
    for state in _GROUP_STATES:
        page.add(f"{GROUPS}numgroups{state.lower()}", states[state])
    page.add(f"{GROUPS}numoffsets", offsets)
    rebalances = states["PreparingRebalance"]
    for name in ("purgatorysize", "numdelayedoperations"):
        page.add(PURGATORY + name, rebalances, delayedOperation="Rebalance")


def _purgatory(page: Page, sources: Sources) -> None:
    produces = sources.traffic.apis.get(_PRODUCE)
    waiting = {
        "Fetch": len(sources.services.fetch_waits),
        "Produce": produces.waiting if produces is not None else 0,
    }
    for operation, count in waiting.items():
        for name in ("purgatorysize", "numdelayedoperations"):
            page.add(PURGATORY + name, count, delayedOperation=operation)
    sessions = len(sources.services.fetch_sessions)
    page.add("kafka_server_fetchsessioncache_numincrementalfetchsessions", sessions)


def _partitions(page: Page, sources: Sources) -> Task[None]:
    image = sources.services.image
    totals: Counter[str] = Counter()
    topics = list(image.topics.values())
    seen = 0
    for topic in topics:
        name = escaped(topic.name)
        least = _min_isr(sources.services, topic)
        for state in list(topic.partitions):
            labels = f'{{topic="{name}",partition="{state.index}"}}'
            _partition(page, sources, topic, state, labels, least, totals)
            seen += 1
            if seen % _TURN_PARTITIONS == 0:
                yield None
    for name in _OF_REPLICAS:
        page.add(REPLICAS + name, totals[name])
    fenced = sum(broker.fenced for broker in image.brokers.values())
    page.add(f"{CONTROLLER}activecontrollercount", 1)
    page.add(f"{CONTROLLER}activebrokercount", len(image.brokers) - fenced)
    page.add(f"{CONTROLLER}fencedbrokercount", fenced)
    page.add(f"{CONTROLLER}offlinepartitionscount", totals["offlinepartitionscount"])
    page.add(f"{CONTROLLER}preferredreplicaimbalancecount", totals["preferredreplicaimbalancecount"])
    page.add(f"{CONTROLLER}globaltopiccount", len(topics))
    page.add(f"{CONTROLLER}globalpartitioncount", seen)


def _partition(
    page: Page, sources: Sources, topic: Topic, state: PartitionState, labels: str, least: int, totals: Counter[str]
) -> None:
    """Add a partition's own samples, and count it in."""
    if state.leader != state.replicas[0]:
        totals["preferredreplicaimbalancecount"] += 1
        totals["offlinepartitionscount"] += state.leader == NO_LEADER
    if sources.node_id not in state.replicas:
        return
    totals["partitioncount"] += 1
    if sources.services.partitions.is_offline(topic, state.index):
        totals["offlinereplicacount"] += 1
        return
    replicas = under = at = 0
    if state.leader == sources.node_id:
        in_sync, replicas = len(state.isr), len(state.replicas)
        under, at = int(in_sync < min(least, replicas)), int(in_sync == min(least, replicas))
        totals["leadercount"] += 1
        totals["underreplicatedpartitions"] += in_sync < replicas
        totals["underminisrpartitioncount"] += under
        totals["atminisrpartitioncount"] += at
    for name, value in ((_REPLICAS_COUNT, replicas), (_UNDER_MIN_ISR, under), (_AT_MIN_ISR, at)):
        page.lines(name).append(f"{name}{labels} {value}\n")
    for name, value in zip(_OF_LOGS, _log_values(sources.services, topic, state.index), strict=False):
        page.lines(name).append(f"{name}{labels} {value}\n")


def _log_values(services: Services, topic: Topic, index: int) -> tuple[int, ...]:
    """Return what `_OF_LOGS` says, without opening the log; nothing if it has files that nobody has read."""
    partition = services.partitions.live.get((topic.name, index))
    if partition is not None:
        log = partition.log
        return log.size_bytes, log.start_offset, log.end_offset, len(log.segments)
    if any(f"{topic.name}-{index}" in directory.found for directory in services.partitions.directories):
        return ()
    return 0, 0, 0, 0


def _min_isr(services: Services, topic: Topic) -> int:
    """Return how many replicas in sync a topic asks for."""
    text = topic.config.get("min.insync.replicas")
    return int(text) if text is not None else services.config.integer("min.insync.replicas")
