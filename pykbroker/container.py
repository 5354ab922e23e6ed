"""`python -m pykbroker.container [options of serve]`: what a container runs. The environment says how.

Settings come, the later ones over the earlier, from what is below, from a mounted server.properties (where apache/kafka
and bitnami/kafka look for it), from environment variables (environment.py), and from the command line.

    listeners             those of KAFKA_ADVERTISED_LISTENERS on all interfaces, as cp-kafka has it; without that
                          variable PLAINTEXT://:9092. A container has no other clients than those that come from outside
    log.dirs              the volume that is there: those of the three images, in turn
    pykbroker.advertise   outside=localhost, if no advertised.listeners are set: on the container's host, its port is
                          published as the same one; the other containers are told the address at which they reach it
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pykbroker.environment import settings_from

MOUNTED_PROPERTIES: Final = ("/mnt/shared/config/server.properties", "/bitnami/kafka/config/server.properties")

VOLUMES: Final = {
    "/bitnami/kafka": "/bitnami/kafka/data",
    "/tmp/kraft-combined-logs": "/tmp/kraft-combined-logs",
    "/var/lib/kafka/data": "/var/lib/kafka/data",
}
"""The volumes of the three images, and where in them the data is. Ours has all three directories."""

_WITHOUT_VOLUME: Final = "/var/lib/kafka/data"


class Plan:
    """What a container serves: the properties file that is mounted, if one is, the settings over it, and notes."""

    __slots__ = ("notes", "properties", "settings")

    def __init__(self, properties: str | None, settings: dict[str, str], notes: list[str]) -> None:
        self.properties = properties
        self.settings = settings
        self.notes = notes

    def arguments(self) -> list[str]:
        """Return it as arguments of `pykbroker serve`."""
        overrides = [part for name, value in self.settings.items() for part in ("--override", f"{name}={value}")]
        return overrides if self.properties is None else [self.properties, *overrides]


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run `pykbroker serve` as the environment says, until it ends; return its exit status."""
    from pykbroker.cli import main as command_line

    plan = plan_of(os.environ if environment is None else environment)
    for note in plan.notes:
        print(f"pykbroker: {note}", file=sys.stderr, flush=True)
    return command_line(["serve", *plan.arguments(), *(sys.argv[1:] if arguments is None else arguments)])


def plan_of(environment: Mapping[str, str], root: str = "/") -> Plan:
    """Return what to serve. Files are looked for below `root`; `serve` complains of one that cannot be read."""
    mapped = settings_from(environment)
    mounted = next((path for path in _below(root, MOUNTED_PROPERTIES) if os.path.isfile(path)), None)
    known = {**(_names_in(mounted) if mounted else {}), **mapped.settings}
    defaults = _defaults(known, environment.get("KAFKA_ADVERTISED_LISTENERS"), root)
    return Plan(mounted, {**defaults, **mapped.settings}, mapped.notes)


def _defaults(known: Mapping[str, str], told: str | None, root: str) -> dict[str, str]:
    """Return settings for those that nobody set."""
    defaults: dict[str, str] = {}
    if "listeners" not in known:
        defaults["listeners"] = _everywhere(told) if told else "PLAINTEXT://:9092"
    if "advertised.listeners" not in known and "pykbroker.advertise" not in known:
        defaults["pykbroker.advertise"] = "outside=localhost"
    if "log.dirs" not in known and "log.dir" not in known:
        defaults["log.dirs"] = data_directory(root)
    return defaults


def _everywhere(told: str) -> str:
    """Return listeners on all interfaces with the names and ports of advertised ones."""
    addresses = (address.strip().partition("://") for address in told.split(","))
    return ",".join(f"{name}://:{rest.rpartition(':')[2]}" for name, _, rest in addresses)


def data_directory(root: str = "/", is_mounted: Callable[[str], bool] = os.path.ismount) -> str:
    """Return where the data goes: into the first of the images' volumes that is mounted and can be written to."""
    for volume, data in VOLUMES.items():
        path, inside = _below(root, (volume, data))
        if is_mounted(path) and os.access(path, os.W_OK):
            return inside
    return _below(root, (_WITHOUT_VOLUME,))[0]


def _names_in(path: str) -> dict[str, str]:
    from pykbroker.properties import parse

    try:
        with open(path, "rb") as file:
            return parse(file.read())
    except (OSError, ValueError):
        return {}


def _below(root: str, paths: Sequence[str]) -> list[str]:
    return [os.path.join(root, path.lstrip("/")) for path in paths]


if __name__ == "__main__":
    sys.exit(main())
