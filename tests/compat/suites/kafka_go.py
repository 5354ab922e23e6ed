"""segmentio/kafka-go's own tests of its root package, which its module carries.

    python -m tests.compat.suites.kafka_go

They look for the broker at localhost:9092 and expect it to say so of itself. They are compiled from a copy that has
another port, and the broker advertises that.
"""

import shutil
from collections.abc import Collection
from pathlib import Path

from tests.compat.matrix.toolchains.go import CLIENTS
from tests.compat.process import free_port
from tests.compat.proxying import Proxy
from tests.compat.suites.gotest import GoTests, compiled, copied, tests_of
from tests.compat.suites.running import Cell, broker, install_directory, main

NAME = "kafka_go"
MODULE = "github.com/segmentio/kafka-go"
BROKER = {"message.max.bytes": "200000000", "auto.create.topics.enable": "true"}
"""As in the module's docker-compose.yml."""

KAFKA_VERSION = "4.3.1"
"""What the tests are told: they leave out what this version does not have any more."""

NOT_YET = {
    "TestClientCreateACLs": "ACLs",
    "TestClientDeleteACLs": "ACLs",
    "TestClientDescribeACLs": "ACLs",
}

LEFT_OUT = {
    "TestDialerResolver": "domain_to_ip",  # at the library's default port
    "TestWriter": "SASL",  # at a second listener, whose port is another
    "TestReaderConsumerGroup": "commit",  # which calls a function that it has not set, which ends the program
}


def run(kind: str, only: Collection[str]) -> list[Cell]:
    """Run the tests wanted, all when there are none, and return a cell for each that speaks to the broker."""
    (client,) = (each for each in CLIENTS if each.name == "kafka-go")
    directory = install_directory(NAME)
    source = copied(MODULE, client.version, directory)
    port = free_port()
    overrides = {**BROKER, "advertised.listeners": f"PLAINTEXT://localhost:{port}"}
    with broker(kind, overrides) as running, Proxy(running.port, port) as proxy:
        addressed = _addressed(source, directory / f"addressed-{kind}", port)
        binary = compiled(addressed, ".", directory / f"kafka-go-{kind}.test")
        row = f"kafka-go@{client.version}"
        environment = {"KAFKA_VERSION": KAFKA_VERSION}
        tests = GoTests(NAME, row, binary, addressed, kind, proxy, environment, NOT_YET, LEFT_OUT)
        cells = [tests.cell(name) for name in tests_of(binary, addressed) if not only or name in only]
    return [cell for cell in cells if cell]


def _addressed(source: Path, target: Path, port: int) -> Path:
    """Return a copy of the sources whose tests look for the broker at `port` of loopback."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    for file in target.glob("*_test.go"):
        if file.name == "address_test.go":  # is about addresses, and connects to nothing
            continue
        text = file.read_text().replace('TCP("localhost")', 'TCP("localhost:9092")').replace("9092", str(port))
        file.write_text(text)
    return target


if __name__ == "__main__":
    main(NAME, run)
