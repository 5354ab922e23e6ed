"""What a scenario is, and what it has at hand.

A scenario is a function from a `World` to nothing: it raises AssertionError when the broker and the client did not do
together what they should. It is registered by the decorator `scenario`, with the words of `features` that the client
must know for it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.compat.matrix.driver import Driver, Session
from tests.compat.matrix.records import Record, decoded, encoded
from tests.compat.matrix.witness import Witness
from tests.compat.process import Broker

LIMIT_S = 90.0
"""How long a cell may take."""


class World:
    """One cell's surroundings: a broker that runs, the client's driver, and a look at what the broker holds."""

    def __init__(
        self,
        broker: Broker,
        command: list[str],
        log: Path,
        *,
        can: frozenset[str],
        name: str,
        directory: Path,
        new_broker: Callable[[Path, dict[str, str]], Broker],
        config: Mapping[str, object] | None = None,
    ) -> None:
        self.name = name
        """A prefix for topics and groups that no other cell uses."""
        self.broker = broker
        self.can = can
        self.directory = directory
        self._new_broker = new_broker
        self._command = command
        self._log = log
        self._config = config
        self._deadline = time.monotonic() + LIMIT_S
        self._drivers: list[Driver] = []
        self.own: list[Broker] = []
        """Brokers that this cell started for itself."""
        self.use(broker.bootstrap)

    def use(self, bootstrap: str) -> None:
        """From now on, the client speaks to this address."""
        self.driver = Driver(self._command, bootstrap, self._log, self._deadline, self._config)
        self._drivers.append(self.driver)
        self.witness = Witness(bootstrap)

    def start_broker(self, port: int = 0, **overrides: str) -> Broker:
        """Start a broker of the cell's own, and use it."""
        settings = {name.replace("__", "-").replace("_", "."): value for name, value in overrides.items()}
        broker = self._new_broker(self.directory / f"broker{len(self.own)}", settings)
        broker.port = port or broker.port
        self.own.append(broker)
        broker.start()
        self.use(broker.bootstrap)
        self.broker = broker
        return broker

    def topic(self, partitions: int = 1, suffix: str = "", **configs: str) -> str:
        """Create a topic of this cell's own, and return its name."""
        return self.witness.create(self.name + suffix, partitions, **configs)

    def produce(self, topic: str, records: list[Record], **arguments: object) -> list[int]:
        """Send records, all of which must be delivered; return their offsets (-1 where the library does not tell)."""
        events = self.driver.call("produce", topic=topic, records=encoded(records), **arguments)
        failed = [event for event in events if event["event"] == "failed"]
        assert not failed, f"not delivered: {failed[:3]}"
        delivered = {event["index"]: event["offset"] for event in events if event["event"] == "delivered"}
        assert len(delivered) == len(records), f"{len(delivered)} of {len(records)} delivered"
        return [delivered[index] for index in range(len(records))]

    def consume(self, topic: str, count: int, start: object = "beginning", **arguments: object) -> list[Record]:
        """Read `count` records without a group, from `start` on, which is a driver's `from`."""
        return decoded(self.driver.call("consume", topic=topic, count=count, **{"from": start}, **arguments))

    def reader(self, topic: str, count: int, start: object, **arguments: object) -> Session:
        """Begin to read, return when the client knows where, and leave it running."""
        session = self.driver.open("consume", topic=topic, count=count, **{"from": start}, **arguments)
        session.until(lambda: session.told("ready"), "the reader has begun")
        return session

    def close(self) -> None:
        """End the cell's processes."""
        for driver in self._drivers:
            driver.close()
        for broker in self.own:
            if broker.process is not None:
                broker.stop()

    @contextmanager
    def closing(self) -> Iterator["World"]:
        """Close at the end, whatever happens."""
        try:
            yield self
        finally:
            self.close()


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a row of the page is."""

    name: str
    says: str
    run: Callable[[World], None]
    needs: tuple[str, ...] = ()
    """Words of a driver's `features`, all of which the client must know; `a|b` is either."""
    waits_for: str = ""
    """What the broker has not yet; empty if the scenario must be green."""
    core: bool = False
    """Whether CI runs it each time."""

    def missing(self, can: frozenset[str]) -> str:
        """Return the first need that a client has not, or an empty string."""
        return next((need for need in self.needs if not can.intersection(need.split("|"))), "")


@dataclass(slots=True)
class Registry:
    """The scenarios in the order of the page. Filled by importing `scenarios`."""

    scenarios: list[Scenario] = field(default_factory=list)

    def __call__(
        self,
        name: str,
        *needs: str,
        waits_for: str = "",
        core: bool = False,
    ) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
        """Register a function under a name; the first line of its docstring is what the page says."""

        def register(run: Callable[[World], None]) -> Callable[[World], None]:
            says = (run.__doc__ or "").strip().splitlines()[0].rstrip(".")
            self.scenarios.append(Scenario(name, says, run, needs, waits_for, core))
            return run

        return register


scenario = Registry()
