"""Where flows run: a broker, a directory for files, and what the placeholders of a flow stand for there.

A flow has names of its own: `$topic` and `$group` are called after it, so that both brokers hear the same names.
What a flow made is gone after it: the next one finds no topics but the internal ones, and no groups.
"""

import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from shutil import rmtree
from string import Template

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from tests.compat.polling import eventually
from tests.compat.process import Broker, KafkaBroker

SETTINGS = {
    "node.id": "1",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "log.dir.failure.timeout.ms": "31000",  # no default of Kafka's: so that both brokers have a static setting to show
}
"""What both brokers are started with."""


class Place:
    """One broker under test, running from `start` to `stop`."""

    def __init__(self, broker: Broker, directory: Path) -> None:
        self.broker = broker
        self.directory = directory
        self.values: dict[str, str] = {}
        self.closers: list[Callable[[], None]] = []
        """What a flow's preparations leave to be done after it."""
        self.admin: KafkaAdminClient

    def start(self) -> None:
        """Start the broker."""
        self.broker.start()
        self.admin = KafkaAdminClient(bootstrap_servers=self.broker.bootstrap, request_timeout_ms=30_000)
        self._cluster_id = str(self.admin.describe_cluster()["cluster_id"])
        # The first question makes __consumer_offsets: after that, listings have it on both brokers.
        eventually(self._has_coordinator, why="groups have a coordinator")

    def _has_coordinator(self) -> bool:
        try:
            self.admin.list_group_offsets({"warm-up": None})
        except KafkaError:
            return False
        return True

    def stop(self) -> None:
        """Stop the broker."""
        if self.broker.process is not None:
            self.broker.stop()

    def begin(self, tool: str, flow: str) -> None:
        """Take the names that a flow has, and give it an empty directory."""
        name = re.sub(r"[^a-z0-9]+", "-", f"{tool} {flow}".lower())
        scratch = self.directory / "flow"
        rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        self.values = {
            "bootstrap": self.broker.bootstrap,
            "host": self.broker.host,
            "port": str(self.broker.port),
            "controller": self._controller(),
            "data": str(self.broker.data),
            "dir": str(scratch),
            "topic": f"{name}-topic",
            "other": f"{name}-other",
            "group": f"{name}-group",
        }

    def end(self) -> None:
        """Take back what the flow made."""
        while self.closers:
            self.closers.pop()()
        eventually(self._has_no_groups, why="groups are deleted")
        eventually(self._has_no_topics, why="topics are deleted")

    def _has_no_groups(self) -> bool:
        groups = [found["group_id"] for found in self.admin.list_groups()]
        if groups:  # again and again: static members that do not leave are in them for a while
            self.admin.delete_groups(groups)
        return not groups

    def _has_no_topics(self) -> bool:
        topics = [name for name in self.admin.list_topics() if not name.startswith("__")]
        if topics:  # again and again: who still asked for one may have made it anew
            self.admin.delete_topics(topics, raise_errors=False)
        return not topics

    def fill(self, text: str) -> str:
        """Return `text` with its placeholders filled in; a name that nobody knows is a KeyError."""
        return Template(text).substitute(self.values)

    def words(self, line: str) -> list[str]:
        """Return a line's words as a shell would split it, with placeholders filled in."""
        return [self.fill(word) for word in shlex.split(line)]

    def environment(self) -> Mapping[str, str]:
        """Return the environment of programs: the flow's directory is home, so that nobody's own settings are read."""
        return {**os.environ, "HOME": self.values["dir"], "XDG_CONFIG_HOME": self.values["dir"], "TZ": "UTC"}

    def known(self) -> Mapping[str, str]:
        """Return what the normaliser may replace as it stands: what is this place's own."""
        return {
            str(self.directory): "DIRECTORY",
            str(self.broker.directory): "BROKER-DIRECTORY",
            f"{self.broker.host}:{self.broker.port}": "BROKER",
            f"{self.broker.host}, port={self.broker.port}": "BROKER",
            self._controller(): "BROKER",  # pykbroker has no listener of the controller's own: docs/skipped.md
            f":{self.broker.port}": ":PORT",
            self._cluster_id: "CLUSTER-ID",
        }

    def _controller(self) -> str:
        broker = self.broker
        return f"{broker.host}:{broker.controller_port if isinstance(broker, KafkaBroker) else broker.port}"
