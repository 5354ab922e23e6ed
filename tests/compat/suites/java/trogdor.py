"""Trogdor's workloads, each run by an agent that executes one task specification and ends.

The agent prints the status of the task, which has the counts; a workload that has no counts of its own in it, or the
wrong ones, has not passed.
"""

import json
import signal
from collections.abc import Mapping
from functools import partial
from typing import Any

from tests.compat.process import free_port
from tests.compat.suites.java.ground import Ground, Running, Test, wait

MESSAGES = 2_000
PARTITIONS = 3
LASTS_MS = 20_000
"""For workloads that end when their time is up."""
FIRST_COUNT_MS = 30_000
"""When ConfigurableProducer first tells its counts; what it tells when its time is up may come too late."""

SUCCESS = "Task succeeded with status "
FAILURE = "Task failed with status "

Status = dict[str, Any]

TOPIC = {"numPartitions": PARTITIONS, "replicationFactor": 1}
KEYS = {"type": "sequential", "size": 4, "startOffset": 0}
VALUES = {"type": "uniformRandom", "size": 512, "seed": 0, "padding": 0}


def workload(ground: Ground, kind: str, **specification: object) -> Status:
    """Execute a task of Trogdor's class `kind` and return its last status."""
    nodes = {
        "platform": "org.apache.kafka.trogdor.basic.BasicPlatform",
        "nodes": {"node0": {"hostname": "localhost", "trogdor.agent.port": free_port()}},
    }
    config = ground.log.with_suffix(".agent.json")
    config.write_text(json.dumps(nodes))
    task = {
        "class": f"org.apache.kafka.trogdor.workload.{kind}Spec",
        "durationMs": 90_000,
        "bootstrapServers": ground.bootstrap,
        **specification,
    }
    arguments = ["--agent.config", str(config), "--node-name", "node0", "--exec", json.dumps(task)]
    # An agent that is done ends itself, but often waits for its web server's end, and that for the agent's.
    with ground.running("trogdor.agent.Agent", *arguments, end=signal.SIGKILL) as agent:
        wait(lambda: _is_done(agent), "the task is done")
        said = agent.said()
    _, found, status = said.partition(SUCCESS)
    assert found, said.partition(FAILURE)[2].partition("\n")[0] or "it did not tell a status"
    return json.JSONDecoder().raw_decode(status)[0]


def _is_done(agent: Running) -> bool:
    """Return whether the status was printed whole: what comes after it is the shutdown's."""
    return agent.is_over() or "Running agent shutdown hook." in agent.said()


def produce(ground: Ground, topics: Mapping[str, object] | None = None, **more: object) -> Status:
    """Run ProduceBench: MESSAGES records, spread over the topics' partitions."""
    status = workload(
        ground, "ProduceBench", producerNode="node0", targetMessagesPerSec=5_000, maxMessages=MESSAGES,
        activeTopics=topics or {ground.name: TOPIC}, keyGenerator=KEYS, valueGenerator=VALUES, **more,
    )  # fmt: skip
    assert status["totalSent"] == MESSAGES, status
    return status


def consume(ground: Ground, kind: str = "ConsumeBench", *, messages: int = MESSAGES, **more: object) -> list[Status]:
    """Run ConsumeBench: every consumer reads `messages` records; return the status of each.

    It looks whether the consumers are done once a minute, so it takes that long.
    """
    statuses = workload(
        ground, kind, consumerNode="node0", targetMessagesPerSec=10_000, maxMessages=messages, **more
    ).values()
    assert statuses and all(each["totalMessagesReceived"] >= messages for each in statuses), statuses
    return list(statuses)


def produce_bench(ground: Ground) -> None:
    """ProduceBench into several topics, beside others that it only creates."""
    produce(
        ground,
        {f"{ground.name}-[1-3]": TOPIC},
        inactiveTopics={f"{ground.name}-[4-5]": TOPIC},
        producerConf={"compression.type": "lz4"},
    )


def produce_bench_transactions(ground: Ground) -> None:
    """ProduceBench in transactions of 50 records."""
    status = produce(ground, transactionGenerator={"type": "uniform", "messagesPerTransaction": 50})
    assert status["transactionsCommitted"] == MESSAGES / 50, status


def consume_bench_assigned(ground: Ground) -> None:
    """ConsumeBench with partitions assigned by hand."""
    produce(ground)
    (status,) = consume(ground, activeTopics=[f"{ground.name}:[0-{PARTITIONS - 1}]"])
    assert len(status["assignedPartitions"]) == PARTITIONS, status


def consume_bench_subscribed(ground: Ground) -> None:
    """ConsumeBench with a group of one for each of two consumers, both of which read everything."""
    produce(ground)
    assert len(consume(ground, activeTopics=[ground.name], threadsPerWorker=2)) == 2


def consume_bench_group(ground: Ground) -> None:
    """ConsumeBench with a consumer for each partition in one group, which share the records evenly."""
    produce(ground)
    share = MESSAGES // PARTITIONS
    statuses = consume(
        ground, messages=share, activeTopics=[ground.name], threadsPerWorker=PARTITIONS, consumerGroup=ground.name
    )
    assert len(statuses) == PARTITIONS, statuses


def share_consume_bench(ground: Ground) -> None:
    """ShareConsumeBench: a share group of one, which is told beforehand to start at the beginning."""
    produce(ground)
    ground.run(
        "tools.VerifiableShareConsumer", "--bootstrap-server", ground.bootstrap, "--topic", ground.name,
        "--group-id", ground.name, "--offset-reset-strategy", "earliest", "--max-messages", "0",
    )  # fmt: skip
    consume(ground, "ShareConsumeBench", activeTopics=[ground.name], shareGroup=ground.name)


def round_trip(kind: str, ground: Ground) -> None:
    """RoundTripWorkload: what is sent is waited for; it succeeds only if all came.

    With a share group, Trogdor 4.3.1 gives its consumer a setting that it refuses, whatever the broker.
    """
    status = workload(
        ground, kind, clientNode="node0", targetMessagesPerSec=5_000, maxMessages=MESSAGES,
        activeTopics={f"{ground.name}-[0-1]": TOPIC}, valueGenerator=VALUES,
    )  # fmt: skip
    assert (status["totalUniqueSent"], status["totalReceived"]) == (MESSAGES, MESSAGES), status


def connection_stress(action: str, ground: Ground) -> None:
    """ConnectionStress: one connection after the other, none of which may fail."""
    status = workload(
        ground, "ConnectionStress", clientNode="node0", durationMs=LASTS_MS, targetConnectionsPerSec=50, numThreads=4,
        action=action,
    )  # fmt: skip
    assert status["totalConnections"] and not status["totalFailedConnections"], status


def sustained_connection(ground: Ground) -> None:
    """SustainedConnection: producers, consumers and admin clients that are used now and then."""
    produce(ground)
    status = workload(
        ground, "SustainedConnection", clientNode="node0", durationMs=LASTS_MS, topicName=ground.name,
        keyGenerator=KEYS, valueGenerator=VALUES, producerConnectionCount=3, consumerConnectionCount=3,
        metadataConnectionCount=3, numThreads=9, refreshRateMs=500, commonClientConf={"group.id": ground.name},
    )  # fmt: skip
    for kind in ("Producer", "Consumer", "Metadata"):
        assert (status[f"total{kind}Connections"], status[f"total{kind}FailedConnections"]) == (3, 0), status
    assert not status["totalAbortedThreads"], status


def configurable_producer(ground: Ground) -> None:
    """ConfigurableProducer: records of varying size and rate to one partition."""
    status = workload(
        ground, "ConfigurableProducer", producerNode="node0", durationMs=FIRST_COUNT_MS + LASTS_MS,
        activeTopic={ground.name: TOPIC}, activePartition=1, keyGenerator={"type": "constant", "size": 8},
        flushGenerator={"type": "gaussian", "messagesPerFlushAverage": 16, "messagesPerFlushDeviation": 4},
        throughputGenerator={
            "type": "gaussian", "messagesPerWindowAverage": 50, "messagesPerWindowDeviation": 5,
            "windowsUntilRateChange": 100, "windowSizeMs": 100,
        },
        valueGenerator={
            "type": "gaussianTimestampRandom", "messageSizeAverage": 512, "messageSizeDeviation": 100,
            "messagesUntilSizeChange": 100,
        },
    )  # fmt: skip
    assert status["totalSent"] > 100, status


TESTS = [
    Test("trogdor", "ProduceBench", produce_bench),
    Test("trogdor", "ProduceBench-transactions", produce_bench_transactions, waits_for="transactions"),
    Test("trogdor", "ConsumeBench-assigned", consume_bench_assigned),
    Test("trogdor", "ConsumeBench-subscribed", consume_bench_subscribed),
    Test("trogdor", "ConsumeBench-group", consume_bench_group),
    Test("trogdor", "ShareConsumeBench", share_consume_bench, waits_for="share groups"),
    Test("trogdor", "RoundTripWorkload", partial(round_trip, "RoundTripWorkload")),
    Test("trogdor", "ShareRoundTripWorkload", partial(round_trip, "ShareRoundTripWorkload")),
    Test("trogdor", "ConnectionStress-connect", partial(connection_stress, "CONNECT")),
    Test("trogdor", "ConnectionStress-metadata", partial(connection_stress, "FETCH_METADATA")),
    Test("trogdor", "SustainedConnection", sustained_connection),
    Test("trogdor", "ConfigurableProducer", configurable_producer),
]
