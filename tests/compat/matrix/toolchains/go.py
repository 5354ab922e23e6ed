"""Go: each driver is a module that pins its library; `go build` fetches what it needs and makes one program of it.

All drivers share the module `driving`. The compiler keeps what it compiled, so building again costs a second at most.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.compat.matrix.client import SOURCES, Client, run

DRIVERS = SOURCES / "go"

AUTO_CREATE = {"auto-created": {"AllowAutoTopicCreation": True}}

SARAMA_CONFIGS = {
    name: {"Producer": {"Retry": {"Max": 200}}} for name in ("restart-under-load", "kill-under-load")
}  # fmt: skip
"""Sarama tries three times within half a second."""

KAFKA_GO_CONFIGS = {
    **AUTO_CREATE,
    **{name: {"BatchTimeout": 5_000_000} for name in ("restart-under-load", "kill-under-load")},  # nanoseconds
}
"""kafka-go waits for a second before it sends."""

CONFLUENT_CONFIGS = {"idempotent-over-lost-replies": {"reconnect.backoff.max.ms": 100}}
"""librdkafka waits up to ten seconds before it connects anew when a connection did not last."""


def _client(
    name: str,
    module: str,
    configs: Mapping[str, Mapping[str, object]] | None = None,
    needs: Sequence[str] = ("go",),
    *,
    core: bool = False,
) -> Client:
    source = DRIVERS / name

    def install(directory: Path) -> Sequence[str]:
        driver = directory / "driver"
        run(["go", "build", "-o", driver, "."], cwd=source)
        return [str(driver)]

    return Client("go", name, _pinned(source, module), install, needs, core=core, configs=configs)


def _pinned(source: Path, module: str) -> str:
    """Return the version of a module that a driver's go.mod requires."""
    found = re.search(rf"^\s*{re.escape(module)} v(\S+)", (source / "go.mod").read_text(), re.MULTILINE)
    assert found, f"{source} does not require {module}"
    return found[1]


CLIENTS = [
    _client("franz-go", "github.com/twmb/franz-go", AUTO_CREATE, core=True),
    _client("sarama", "github.com/IBM/sarama", SARAMA_CONFIGS),
    _client("kafka-go", "github.com/segmentio/kafka-go", KAFKA_GO_CONFIGS),
    _client(
        "confluent-kafka-go", "github.com/confluentinc/confluent-kafka-go/v2", CONFLUENT_CONFIGS, needs=("go", "gcc")
    ),
]
