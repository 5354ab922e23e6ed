"""PHP's client is the extension `rdkafka`, a binding of librdkafka, which Debian does not package."""

from collections.abc import Sequence
from pathlib import Path

from tests.compat.matrix.client import Client, Missing


def _rdkafka(_directory: Path) -> Sequence[str]:
    raise Missing("the extension is in PECL only, not among Debian's packages")


CLIENTS = [Client("php", "rdkafka", "6", _rdkafka)]
