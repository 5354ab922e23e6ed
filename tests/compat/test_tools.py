"""Command-line tools against both brokers: one flow of most tools; `python -m tests.compat.tools` runs all of them.

host        that Kafka's tools say in one JVM what they say in a JVM of their own
flows       that they, and kcat, say the same about pykbroker and about Apache Kafka
"""

import subprocess
from collections.abc import Iterator

import pytest

from tests.compat.process import KAFKA
from tests.compat.tools.catalogue import tool_named
from tests.compat.tools.normalise import normalised
from tests.compat.tools.programs import Missing, command_of
from tests.compat.tools.runner import Benches
from tests.kafka_jars import java, reason_to_skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(KAFKA or bool(reason_to_skip()), reason=reason_to_skip() or "runs both brokers anyway"),
]

FAST = {
    "kafka-topics": "describe",
    "kafka-get-offsets": "all topics",
    "kafka-delete-records": "delete",
    "kafka-configs": "topics",
    "kafka-client-metrics": "alter and describe",
    "kafka-console-producer": "keys, headers, null",
    "kafka-console-consumer": "from the beginning",
    "kafka-consumer-groups": "describe: a live member",
    "kafka-groups": "list",
    "kafka-broker-api-versions": "list",
    "kafka-cluster": "endpoints",
    "kafka-features": "refusals",
    "kafka-metadata-quorum": "replication",
    "kafka-log-dirs": "one topic",
    "kafka-leader-election": "preferred",
    "kafka-reassign-partitions": "execute and verify",
    "kafka-acls": "without an authorizer",
    "kafka-transactions": "producers of a partition",
    "kafka-verifiable-producer": "acknowledged records",
    "kafka-dump-log": "records",
    "kcat": "metadata (-L)",
}
"""One flow of each of these."""


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Benches]:
    """Both brokers, running."""
    with Benches(tmp_path_factory.mktemp("tools")) as both:
        yield both


@pytest.mark.parametrize("name", FAST)
def test_tool_says_the_same_of_both_brokers(benches: Benches, name: str) -> None:
    tool = tool_named(name)
    if not tool.is_java:
        try:
            command_of(tool.program)
        except Missing as why:
            pytest.skip(str(why))
    (flow,) = (flow for flow in tool.flows if flow.name == FAST[name])
    verdict, _, _ = benches.verdict(tool, flow)
    assert verdict.status in ("pass", "differs", "not-yet"), f"{verdict.reason}\n{verdict.difference}"


def test_host_runs_a_tool_as_a_jvm_of_its_own_does(benches: Benches) -> None:
    main = tool_named("kafka-topics").program
    arguments = ["--bootstrap-server", benches.ours.place.broker.bootstrap, "--describe", "--topic", "nothing"]
    alone = subprocess.run(java(main, *arguments), capture_output=True, text=True, timeout=60, check=False)
    hosted = benches.ours.host.run(main, arguments)
    assert (hosted.status, hosted.out) == (alone.returncode, alone.stdout)
    assert normalised(hosted.err, {}, ()) == normalised(alone.stderr, {}, ())
    assert hosted.status == 1
