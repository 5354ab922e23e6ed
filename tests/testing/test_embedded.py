"""The embedded broker: clients use it, it can be had several times at once, and nothing of it stays."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, Producer
from kafka import KafkaConsumer, KafkaProducer

from pykbroker.config import ROWS, ConfigError, StartError
from pykbroker.testing import Broker
from pykbroker.testing.embedded import DEFAULTS, as_text
from pykbroker.wire.messages.fetch import FetchRequest
from pykbroker.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from tests.server.peer import Peer, fetch_request, framed
from tests.testing.leaks import nothing_left_behind, pending_on

LONG_MS = 60_000


def address_of(kafka: Broker) -> tuple[str, int]:
    return kafka.host, kafka.port


@contextmanager
def hanging_clients(kafka: Broker) -> Iterator[None]:
    """A fetch and a join that the broker holds, half a request, silence, and answers that nobody reads.

    One of those with unread answers has also sent nonsense after its request, and so is to be closed. And the broker's
    threads run, because a topic is deleted.
    """
    kafka.topic("deleted").produce("x")
    kafka.reset()
    kafka.create_topic("hanging")
    with ExitStack() as stack:
        fetching, joining, halfway, _silent, deaf, dropped = (stack.enter_context(Peer(kafka)) for _ in range(6))  # type: ignore[arg-type]  # has host and port too
        fetching.send(fetching.frame(fetch_request("hanging", max_wait_ms=LONG_MS), 12))
        protocol = JoinGroupRequestProtocol(name="range")
        for session_ms in (6_000, 10_000):  # the second one waits for the first to join again
            joining.send(
                joining.frame(
                    JoinGroupRequest(
                        group_id="hanging",
                        session_timeout_ms=session_ms,
                        rebalance_timeout_ms=LONG_MS,
                        protocol_type="consumer",
                        protocols=[protocol],
                    ),
                    2,
                )
            )
        halfway.socket.sendall(framed(halfway.frame(fetch_request("hanging"), 12))[:-3])
        kafka.topic("hanging").produce(bytes(1_000_000))
        for unread in (deaf, dropped):
            unread.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = framed(deaf.frame(fetch_request("hanging"), 12))
        deaf.socket.sendall(request * 20)
        dropped.socket.sendall(request + framed(b"nonsense" * 2))
        assert joining.answer()
        assert fetching.answer()  # the record came; it asks again, and waits
        fetching.send(fetching.frame(fetch_request("hanging", 1, max_wait_ms=LONG_MS), 12))
        with Peer(kafka) as last:  # type: ignore[arg-type]
            last.ask(FetchRequest(max_wait_ms=0), 4)  # by its answer, the broker has seen all the others'
        yield


def test_confluent_kafka_produces_and_consumes() -> None:
    with Broker() as kafka:
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
        producer.produce("orders", b"paid", key=b"a")
        assert producer.flush(30) == 0
        assert kafka.topic("orders").expect(key="a").value == b"paid"
        consumer = Consumer(
            {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "g", "auto.offset.reset": "earliest"}
        )
        consumer.subscribe(["orders"])
        message = consumer.poll(30)
        assert message is not None
        assert message.value() == b"paid"
        consumer.commit(asynchronous=False)
        assert kafka.group("g").committed() == {("orders", 0): 1}
        consumer.close()


def test_kafka_python_produces_and_consumes() -> None:
    with Broker() as kafka:
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
        producer.send("orders", b"paid", key=b"a").get(30)
        producer.close()
        consumer = KafkaConsumer(
            "orders", bootstrap_servers=kafka.bootstrap_servers, group_id="g", auto_offset_reset="earliest"
        )
        assert next(iter(consumer)).value == b"paid"
        consumer.commit()
        consumer.close()
        assert kafka.group("g").lag() == 0


def test_aiokafka_shares_the_event_loop() -> None:
    async def scenario() -> None:
        async with Broker() as kafka:
            async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
                await producer.send_and_wait("orders", b"paid", key=b"a")
            async with AIOKafkaConsumer(
                "orders", bootstrap_servers=kafka.bootstrap_servers, group_id="g", auto_offset_reset="earliest"
            ) as consumer:
                assert (await kafka.topic("orders").aexpect(key="a")).value == b"paid"
                assert [member.partitions for member in await kafka.group("g").await_stable(members=1)] == [
                    (("orders", 0),)
                ]
                assert (await consumer.getone()).value == b"paid"

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_two_brokers_at_once_know_nothing_of_each_other() -> None:
    with Broker() as one, Broker() as other:
        assert one.bootstrap_servers != other.bootstrap_servers
        one.topic("orders").produce("paid")
        assert one.topics() == ["orders"]
        assert other.topics() == []


def test_nothing_is_left_of_a_broker_in_a_thread_whatever_clients_do() -> None:
    with nothing_left_behind(), ExitStack() as clients, Broker() as kafka:
        clients.enter_context(hanging_clients(kafka))


def test_nothing_is_left_of_a_broker_in_the_callers_loop_whatever_clients_do() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        before = pending_on(loop)
        with ExitStack() as clients:
            async with Broker() as kafka:
                await asyncio.to_thread(clients.enter_context, hanging_clients(kafka))
            assert pending_on(loop) - before == set()
        assert await asyncio.to_thread(len, "the caller's own threads work on") == 32

    with nothing_left_behind():
        asyncio.run(asyncio.wait_for(scenario(), 60))


def test_nothing_is_left_of_a_broker_whose_consumer_polls_on() -> None:
    program = (
        "import sys; from confluent_kafka import Consumer;"
        "consumer = Consumer({'bootstrap.servers': sys.argv[1], 'group.id': 'g', 'log_level': 0});"
        "consumer.subscribe(['orders'])\nwhile True: consumer.poll(1)"
    )
    with ExitStack() as stack, nothing_left_behind(), Broker() as kafka:
        kafka.create_topic("orders")
        process = subprocess.Popen([sys.executable, "-c", program, kafka.bootstrap_servers])
        stack.callback(process.wait)
        stack.callback(process.kill)
        kafka.group("g").wait_stable(members=1, within=60)


def test_a_stop_inside_a_test_that_fails_is_as_clean() -> None:
    with nothing_left_behind(), pytest.raises(ZeroDivisionError), Broker() as kafka:
        kafka.topic("orders").produce("paid")
        1 / 0  # noqa: B018


def test_what_a_killed_process_left_is_removed_by_the_next_broker() -> None:
    program = (
        "import os, signal, time; from pykbroker.testing import Broker; kafka = Broker().start();"
        "os.utime(kafka.directory, (0, 0)); print(kafka.directory, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = Path(killed.stdout.strip())
    assert (left / "meta.properties").exists()
    with Broker():
        assert not left.exists()


def test_a_process_that_ends_without_a_stop_ends_and_removes_its_directory() -> None:
    program = "from pykbroker.testing import Broker; kafka = Broker().start(); print(kafka.directory)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert not Path(ended.stdout.strip()).exists()


def test_a_directory_of_the_users_keeps_its_data(tmp_path: Path) -> None:
    with Broker(data=tmp_path / "data") as kafka:
        kafka.topic("orders").produce("paid")
        assert kafka.directory == str(tmp_path / "data")
    with Broker(data=str(tmp_path / "data")) as kafka:
        assert kafka.topic("orders").expect(within=0).value == b"paid"


def test_a_broker_that_is_started_again_is_a_new_one() -> None:
    kafka = Broker()
    with kafka:
        kafka.topic("orders").produce("paid")
    with kafka:
        assert kafka.topics() == []


def test_memory_can_be_declined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Broker(memory=False) as kafka:
        assert Path(kafka.directory).parent == tmp_path


def test_settings_are_kafkas_as_keywords_or_by_name() -> None:
    with Broker(num_partitions=3, config={"log.retention.ms": 1000, "auto.create.topics.enable": "false"}) as kafka:
        assert kafka.create_topic("orders").partitions == 3
        broker = kafka._call(lambda services: services.config)
        assert broker.integer("log.retention.ms") == 1000
        assert broker.boolean("auto.create.topics.enable") is False


def test_keywords_reach_every_setting() -> None:
    assert [name for name in ROWS if "_" in name] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (3, "3"), (0.5, "0.5"), ("x", "x"), (["delete", "compact"], "delete,compact")],
)
def test_values_are_written_as_in_a_properties_file(value: object, text: str) -> None:
    assert as_text(value) == text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_partition": 3}, "num.partition: is not a setting; is num.partitions meant?"),
        ({"bananas": 3}, "bananas: is not a setting"),
        ({"num_partitions": "many"}, "num.partitions: must be a whole number of 32 bits, not 'many'"),
        ({"log_dirs": "/tmp"}, "log.dirs: is given as data=DIRECTORY"),
    ],
)
def test_a_wrong_setting_is_one_line(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Broker(**settings)
    assert str(raised.value) == message


def test_a_port_in_use_is_one_line_and_leaves_nothing() -> None:
    with Broker() as kafka, nothing_left_behind():
        taken = f"PLAINTEXT://127.0.0.1:{kafka.port}"
        with pytest.raises(StartError, match=r"^listeners: cannot listen on 127\.0\.0\.1:\d+: port is in use$"):
            Broker(listeners=taken).start()


def test_a_port_in_use_leaves_nothing_on_the_callers_loop_either() -> None:
    async def scenario(port: int) -> None:
        with pytest.raises(StartError, match="port is in use"):
            async with Broker(listeners=f"PLAINTEXT://127.0.0.1:{port}"):
                pass
        assert pending_on(asyncio.get_running_loop()) == {asyncio.current_task()}

    with Broker() as kafka, nothing_left_behind():
        asyncio.run(scenario(kafka.port))


def test_a_broker_that_does_not_run_says_so() -> None:
    kafka = Broker()
    assert not kafka.is_running
    with pytest.raises(RuntimeError, match=r"does not run: use it inside `with Broker\(\) as kafka:`"):
        kafka.bootstrap_servers  # noqa: B018
    kafka.stop()  # harmless


def test_a_broker_runs_once_at_a_time() -> None:
    with Broker() as kafka, pytest.raises(RuntimeError, match="runs already"):
        kafka.start()


def test_a_broker_in_the_callers_loop_ends_with_its_block() -> None:
    async def scenario() -> None:
        async with Broker() as kafka:
            with pytest.raises(RuntimeError, match="stops at the end of its `async with`"):
                kafka.stop()

    asyncio.run(scenario())


def test_a_forked_child_leaves_the_directory_alone() -> None:
    with Broker() as kafka:
        child = os.fork()
        if not child:
            assert kafka._temporary is not None
            kafka._temporary.remove()
            os._exit(0)
        os.waitpid(child, 0)
        assert os.path.isdir(kafka.directory)


def test_other_defaults_than_the_servers_are_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
    for name, (value, reason) in DEFAULTS.items():
        assert f"| `{name}` | `{value}` | `{ROWS[name][2]}` | {reason} |" in text
