"""The port of metrics: what a scraper gets after known traffic, what everybody else gets; nothing when it is off."""

from __future__ import annotations

import asyncio
import errno
import http.client
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from pykbroker.config import Config, StartError
from pykbroker.metadata.topics import NewTopic
from pykbroker.metrics import CONTENT_TYPE
from pykbroker.server.exposition import exposition
from pykbroker.server.families import FAMILIES
from pykbroker.server.loop import Server
from pykbroker.server.metrics import MOST_CONNECTIONS, MOST_REQUEST_BYTES
from pykbroker.storage.partition import Partition
from tests.compat.polling import eventually
from tests.compat.process import Broker, free_port
from tests.exposition import Exposition, parsed

TOPIC = "kafka_server_brokertopicmetrics_"
REQUEST = "kafka_network_requestmetrics_"
GROUP = "kafka_coordinator_group_groupmetadatamanager_"
TABLE = Path(__file__).parent.parent.parent / "docs" / "metrics.md"


class Scraped:
    """A broker process, and its port of metrics."""

    def __init__(self, broker: Broker, port: int) -> None:
        self.broker = broker
        self.port = port

    def get(self, path: str, method: str = "GET") -> tuple[int, str, str]:
        """Return status, content type and text of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
        finally:
            connection.close()

    def page(self) -> Exposition:
        status, content_type, text = self.get("/metrics")
        assert (status, content_type) == (200, CONTENT_TYPE)
        return parsed(text)

    def exchange(self, request: bytes) -> bytes:
        """Send bytes, and return everything until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as peer:
            peer.sendall(request)
            answer = b""
            while part := peer.recv(65536):
                answer += part
            return answer


@pytest.fixture
def scraped(start: Callable[..., Broker]) -> Scraped:
    port = free_port()
    return Scraped(start(pykbroker_metrics_port=str(port)), port)


def produce(broker: Broker, topic: str, count: int) -> None:
    """Write records, each in a batch and a request of its own."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 0})
    for number in range(count):
        producer.produce(topic, value=b"%d" % number, partition=0)
        assert producer.flush(30) == 0


@pytest.fixture
def busy(scraped: Scraped) -> Iterator[Scraped]:
    """One that has seen every kind of client: a producer, and a consumer whose group is stable."""
    produce(scraped.broker, "orders", 5)
    consumer = Consumer(
        {
            "bootstrap.servers": scraped.broker.bootstrap,
            "group.id": "billing",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(["orders"])
    read = 0
    while read < 5:
        message = consumer.poll(30)
        assert message is not None and message.error() is None
        read += 1
    consumer.commit(offsets=[TopicPartition("orders", 0, 5)], asynchronous=False)
    yield scraped
    consumer.close()


def test_counts_are_exact_after_known_traffic(busy: Scraped) -> None:
    page = busy.page()
    size = page.value("kafka_log_log_size", topic="orders", partition="0")
    for labels in ({"topic": "orders"}, {}):
        assert page.value(f"{TOPIC}messagesin_total", **labels) == 5
        assert page.value(f"{TOPIC}bytesin_total", **labels) == size
        assert page.value(f"{TOPIC}bytesout_total", **labels) == size
        assert page.value(f"{TOPIC}totalproducerequests_total", **labels) == 5
        assert page.value(f"{TOPIC}failedproducerequests_total", **labels) == 0
        assert page.value(f"{TOPIC}failedfetchrequests_total", **labels) == 0
    versions = [each["version"] for each in page.labelled(f"{REQUEST}requests_total") if each["request"] == "Produce"]
    assert sum(page.value(f"{REQUEST}requests_total", request="Produce", version=each) for each in versions) == 5
    assert page.value(f"{REQUEST}totaltimems_count", request="Produce") == 5
    assert page.value(f"{REQUEST}errors_total", request="Produce", error="NONE") == 5
    assert 0 < page.value(f"{REQUEST}totaltimems", request="Produce", quantile="0.50") < 30_000
    assert page.value("kafka_log_log_logendoffset", topic="orders", partition="0") == 5
    assert page.value("kafka_log_log_numlogsegments", topic="orders", partition="0") == 1
    assert page.value(f"{GROUP}numgroups") == page.value(f"{GROUP}numgroupsstable") == 1
    assert page.value(f"{GROUP}numoffsets") == 1
    assert page.value("kafka_controller_kafkacontroller_activecontrollercount") == 1
    topics, partitions = 2, 1 + 50
    assert page.value("kafka_controller_kafkacontroller_globaltopiccount") == topics
    for name in ("replicamanager_leadercount", "replicamanager_partitioncount"):
        assert page.value(f"kafka_server_{name}") == partitions
    assert page.value("kafka_server_replicamanager_underreplicatedpartitions") == 0


def test_connections_are_counted(busy: Scraped) -> None:
    page = busy.page()
    for prefix, label in (
        ("kafka_server_socket_server_metrics_", "networkProcessor"),
        ("kafka_server_socketservermetrics_", "network_processor"),
    ):
        labels = {"listener": "PLAINTEXT", label: "0"}
        open_now = page.value(f"{prefix}connection_count", **labels)
        assert open_now >= 1
        created = page.value(f"{prefix}connection_creation_total", **labels)
        assert created - page.value(f"{prefix}connection_close_total", **labels) == open_now


def test_the_consumers_fetch_waits_in_purgatory(busy: Scraped) -> None:
    name = "kafka_server_delayedoperationpurgatory_purgatorysize"
    eventually(lambda: busy.page().value(name, delayedOperation="Fetch") == 1)
    assert busy.page().value(name, delayedOperation="Produce") == 0


def test_the_process_is_measured(scraped: Scraped) -> None:
    page = scraped.page()
    assert page.value("process_cpu_seconds_total") > 0
    assert page.value("process_resident_memory_bytes") > 1 << 20
    assert 3 < page.value("process_open_fds") < page.value("process_max_fds")
    assert page.value("process_start_time_seconds") > 1_600_000_000


def documented() -> list[tuple[str, str, str, frozenset[str]]]:
    """Name, kind, meaning and labels of every metric in the documentation's table."""
    text = TABLE.read_text()
    rows = text[text.index("<!-- metrics -->") : text.index("<!-- /metrics -->")].splitlines()[3:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return [
        (name.strip("`"), kind, meaning, frozenset(label.strip("` ") for label in labels.split(",") if label))
        for name, kind, labels, meaning, _ in cells
    ]


def test_the_documentation_lists_every_metric_and_no_other(busy: Scraped) -> None:
    table = documented()
    assert [(name, kind, meaning) for name, kind, meaning, _ in table] == list(FAMILIES)
    page = busy.page()
    assert [*page.kinds.items()] == [(name, kind) for name, kind, _, _ in table], "a family had no sample"
    for name, kind, _, labels in table:
        found = {frozenset(each) for each in page.labelled(name)}
        expected = {labels | {"quantile"}} if kind == "summary" else {labels}
        if name.startswith(TOPIC):
            expected.add(frozenset())  # all topics together
        assert found == expected, name


def test_health_is_ok(scraped: Scraped) -> None:
    status, _, text = scraped.get("/healthz")
    assert (status, text) == (200, "ok\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/metricsx", 404),
        ("POST", "/metrics", 405),
        ("HEAD", "/healthz", 405),
        ("GET", "/metrics?name[]=x", 200),
        ("GET", "/healthz?a=b", 200),
    ],
)
def test_there_are_two_paths_and_one_method(scraped: Scraped, method: str, path: str, status: int) -> None:
    assert scraped.get(path, method)[0] == status


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /metrics\r\n\r\n", b"400"),
        (b"GET  /metrics HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/2\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03", b"400"),  # TLS
        (b"\0\0\0\x0a\0\x12\0\0\0\0\0\x0d\xff\xff", b"400"),  # a Kafka client
        (b"\r\n\r\n", b"400"),
        (b"GET /" + b"x" * MOST_REQUEST_BYTES, b"431"),
        (b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * MOST_REQUEST_BYTES + b"\r\n", b"431"),
    ],
    ids=["HTTP/0.9", "blanks", "HTTP/2", "TLS", "Kafka", "empty", "long line", "many headers"],
)
def test_a_bad_request_is_told_so_and_closed(scraped: Scraped, request_bytes: bytes, status: bytes) -> None:
    try:
        answer = scraped.exchange(request_bytes)
    except ConnectionResetError:
        assert len(request_bytes) > MOST_REQUEST_BYTES  # closed while it still sends
        return
    assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert b"\r\nConnection: close\r\n" in answer
    assert scraped.get("/healthz")[0] == 200


def test_a_request_may_come_in_pieces(scraped: Scraped) -> None:
    with socket.create_connection(("127.0.0.1", scraped.port), timeout=30) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n":
            peer.sendall(bytes([byte]))
        assert peer.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


def test_silent_connections_are_limited(scraped: Scraped) -> None:
    # Less than REQUEST_SECONDS, after which all of them would be closed.
    peers = [socket.create_connection(("127.0.0.1", scraped.port), timeout=10) for _ in range(MOST_CONNECTIONS + 1)]
    try:
        assert peers[-1].recv(1) == b""
    finally:
        for peer in peers:
            peer.close()
    eventually(lambda: _is_healthy(scraped))


def _is_healthy(scraped: Scraped) -> bool:
    try:
        return scraped.get("/healthz")[0] == 200
    except OSError:
        return False


def test_a_port_in_use_is_one_line_and_exit_status_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = [f"pykbroker.metrics.port={port}", "listeners=PLAINTEXT://127.0.0.1:0", f"log.dirs={tmp_path}/data"]
        options = [part for each in settings for part in ("--override", each)]
        command = [sys.executable, "-m", "pykbroker", "serve", *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    line = f"pykbroker: pykbroker.metrics.port: cannot listen on 127.0.0.1:{port}: port is in use\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)
    assert not (tmp_path / "data").exists()


# -- inside one process


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60))  # type: ignore[arg-type]


def a_server(path: Path, **settings: str) -> Server:
    changed = {name.replace("_", "."): value for name, value in settings.items()}
    defaults = {"listeners": "PLAINTEXT://127.0.0.1:0", "log.dirs": str(path), "pykbroker.metrics.port": "0"}
    return Server(Config({**defaults, **changed}))


async def answer_of(server: Server, path: str) -> str:
    assert server.metrics is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", server.metrics.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    return answer


def test_it_is_off_unless_asked_for(tmp_path: Path) -> None:
    """And then nobody counts."""

    async def scenario() -> None:
        server = Server(Config({"listeners": "PLAINTEXT://127.0.0.1:0", "log.dirs": str(tmp_path)}))
        await server.start()
        assert server.metrics is None
        assert server.broker.services.traffic is None
        await server.stop()

    run(scenario)


def test_a_lost_log_directory_is_unhealthy(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = a_server(tmp_path, log_dirs=f"{tmp_path}/a,{tmp_path}/b")
        await server.start()
        server.broker.services.controller.create_topics([NewTopic("t", 4)])
        for index in range(4):
            server.broker.services.partitions.get("t", index)
        lost = server.broker.services.partitions.directories[1]
        held = len(lost.partitions)
        assert held
        lost.fail(OSError(errno.EIO, "broken"))
        answer = await answer_of(server, "/healthz")
        assert answer.startswith("HTTP/1.1 503 Service Unavailable\r\n")
        assert answer.endswith(f"\r\n\r\nlog directories offline: {tmp_path}/b\n")
        page = parsed((await answer_of(server, "/metrics")).partition("\r\n\r\n")[2])
        assert page.value("kafka_log_logmanager_offlinelogdirectorycount") == 1
        assert page.value("kafka_log_logmanager_logdirectoryoffline", logDirectory=lost.path) == 1
        assert page.value("kafka_server_replicamanager_offlinereplicacount") == held
        assert page.value("kafka_server_replicamanager_partitioncount") == 4
        assert len(page.labelled("kafka_log_log_size")) == 4 - held
        await server.stop()

    run(scenario)


def test_a_broker_that_stops_is_unhealthy(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = a_server(tmp_path)
        await server.start()
        assert server.metrics is not None
        server.metrics.stopping()
        assert (await answer_of(server, "/healthz")).endswith("\r\n\r\nstopping\n")
        page = parsed((await answer_of(server, "/metrics")).partition("\r\n\r\n")[2])
        assert page.value("kafka_server_kafkaserver_brokerstate") == 6
        await server.stop()

    run(scenario)


def test_nothing_is_left_of_it_after_the_stop(tmp_path: Path) -> None:
    """Whoever is connected, and whatever page is being made."""

    async def scenario() -> None:
        server = a_server(tmp_path)
        await server.start()
        metrics = server.metrics
        assert metrics is not None
        silent = await asyncio.open_connection("127.0.0.1", metrics.port)
        asking = await asyncio.open_connection("127.0.0.1", metrics.port)
        asking[1].write(b"GET /metrics HTTP/1.1\r\n\r\n")
        while len(metrics.exchanges) < 2:
            await asyncio.sleep(0)
        await server.stop(0)
        await asyncio.sleep(0)
        assert not metrics.exchanges
        for _, writer in (silent, asking):
            writer.close()
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", metrics.port), timeout=5)

    run(scenario)


def test_a_data_directory_in_use_frees_the_port(tmp_path: Path) -> None:
    async def scenario() -> None:
        first = a_server(tmp_path)
        await first.start()
        port = free_port()
        second = a_server(tmp_path, pykbroker_metrics_port=str(port))
        with pytest.raises(StartError, match="another broker uses"):
            await second.start()
        with socket.create_server(("127.0.0.1", port)):
            pass
        await first.stop()

    run(scenario)


def test_a_page_does_not_open_partitions(tmp_path: Path) -> None:
    """Logs without files are empty; what is in files that nobody has read yet is not known."""

    async def scenario() -> None:
        server = a_server(tmp_path)
        await server.start()
        server.broker.services.controller.create_topics([NewTopic("t", 2)])
        appended(server, server.broker.services.partitions.get("t", 0))
        await server.stop()
        server = a_server(tmp_path)
        await server.start()
        page = parsed((await answer_of(server, "/metrics")).partition("\r\n\r\n")[2])
        assert page.labelled("kafka_log_log_size") == [{"topic": "t", "partition": "1"}]
        assert page.value("kafka_log_log_size", topic="t", partition="1") == 0
        assert not server.broker.services.partitions.live
        assert server.broker.services.partitions.get("t", 0).log_end_offset == 1
        page = parsed((await answer_of(server, "/metrics")).partition("\r\n\r\n")[2])
        assert page.value("kafka_log_log_logendoffset", topic="t", partition="0") == 1
        await server.stop()

    run(scenario)


def appended(server: Server, partition: Partition) -> None:
    from tests.storage.builders import a_batch

    now_ms = server.broker.services.env.clock.now_ms()
    partition.append(memoryview(a_batch(timestamp=now_ms)), now_ms)


def test_a_page_of_many_partitions_is_made_in_turns(tmp_path: Path) -> None:
    """A hundred partitions a turn: requests need not wait for the rest."""

    async def scenario() -> None:
        server = a_server(tmp_path)
        await server.start()
        server.broker.services.controller.create_topics([NewTopic(f"t{number}", 100) for number in range(10)])
        assert server.metrics is not None
        task, turns = exposition(server.metrics._sources), 0
        try:
            while True:
                next(task)
                turns += 1
        except StopIteration as end:
            page = parsed(b"".join(end.value).decode())
        assert turns >= 10
        assert len(page.labelled("kafka_log_log_size")) == 1000
        await server.stop()

    run(scenario)


def test_a_slow_reader_gets_the_whole_page(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = a_server(tmp_path)
        await server.start()
        server.broker.services.controller.create_topics(
            [NewTopic("x" * 200 + str(number), 100) for number in range(50)]
        )
        assert server.metrics is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", server.metrics.port, limit=1024)
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        answer = b""
        while part := await reader.read(64 * 1024):
            answer += part
        writer.close()
        head, _, body = answer.decode().partition("\r\n\r\n")
        assert f"Content-Length: {len(body)}" in head
        assert len(body) > 5_000_000
        parsed(body)
        await server.stop()

    run(scenario)
