"""Directories that a broker has written, and brokers that are started on copies of them."""

import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.compat.process import Broker, KafkaBroker
from tests.oracle.scenario import SETTINGS, Contents

_KAFKA_COMPLAINS = re.compile(r"\[[^\]]*\] (?:WARN|ERROR) (?P<logger>\S+) - .*")
_USUAL = re.compile(r"pykbroker\b.* on .*|.*\bINFO .*|.*\bchecking \d+ logs, because .*")
_ABOUT_FILES = ("org.apache.kafka.storage.", "kafka.log.", "org.apache.kafka.image.", "org.apache.kafka.server.fault.")


class Kafka(KafkaBroker):
    """Apache Kafka, which also tells how it opens its logs."""

    info = ("org.apache.kafka.storage.internals.log", "kafka.log")

    def complaints(self) -> list[str]:
        """Return what it has warned of that is about files."""
        found = [match for line in self.log().splitlines() if (match := _KAFKA_COMPLAINS.fullmatch(line))]
        return [match[0] for match in found if match["logger"].startswith(_ABOUT_FILES)]


class Ours(Broker):
    """pykbroker."""

    def complaints(self) -> list[str]:
        """Return what it has written to stderr beside that it serves, and that it checks what a kill left."""
        return [line for line in self.log().splitlines() if not _USUAL.fullmatch(line)]


class Written(NamedTuple):
    """What a broker left: a data directory, and what must be in it."""

    data: Path
    contents: Contents

    def copied_to(self, directory: Path) -> Path:
        """Copy the data directory into `directory`, where a broker finds it; return that."""
        shutil.copytree(self.data, directory / "data")
        return directory


@contextmanager
def serving(broker: Ours | Kafka) -> Iterator[Ours | Kafka]:
    """Start a broker; stop it in good order at the end, however that comes. It must have nothing to complain of."""
    broker.overrides = {**SETTINGS, "group.initial.rebalance.delay.ms": "0", **broker.overrides}
    broker.start()
    try:
        yield broker
    finally:
        if broker.process is not None:
            status = broker.stop()
            complaints = broker.complaints()
            assert not complaints, "\n".join(complaints)
            assert status == broker.clean_status, broker.log()[-4000:]


def killed(broker: Ours | Kafka) -> None:
    """Kill a broker, and wait until it is gone."""
    broker.stop(signal.SIGKILL)
