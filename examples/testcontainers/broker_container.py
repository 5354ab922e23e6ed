"""A broker in a container for tests: `with BrokerContainer() as kafka: ... kafka.bootstrap_servers`.

For programs that run in containers themselves, or that are tested from another language; a Python test has no need of
Docker: see the other examples.
"""

from __future__ import annotations

import socket

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HealthcheckWaitStrategy

PORT = 9092


class BrokerContainer(DockerContainer):
    """The image of docker/Dockerfile. Settings are Kafka's, with underscores: `BrokerContainer(num_partitions=3)`.

    Clients on the host use `bootstrap_servers`; containers in the same network (`with_network`) use any alias of it and
    port 9092. Both are told an address that works for them, so one listener is enough.
    """

    def __init__(self, image: str = "pykbroker", *, host: str = "localhost", **settings: object) -> None:
        super().__init__(image)
        # The broker must know its published port when it starts, so that is not left to Docker.
        self.host, self.published = host, free_port()
        self.with_bind_ports(PORT, self.published)
        self.with_env("PYKBROKER_ADVERTISE", f"outside={host}:{self.published}")
        for name, value in settings.items():
            self.with_env(f"KAFKA_{name.upper()}", text_of(value))
        # The image's own check: the broker answers clients.
        self.waiting_for(HealthcheckWaitStrategy())

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` for clients on the host."""
        return f"{self.host}:{self.published}"


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def text_of(value: object) -> str:
    """Return a setting as Kafka writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
