"""`Broker`: a Kafka broker inside the process of the tests, gone without a trace at the end.

    with Broker() as kafka:                 # in a thread of its own
        run_my_program(kafka.bootstrap_servers)
        kafka.topic("orders").expect(key="a", value={"paid": True})

    async with Broker() as kafka:           # in the event loop that runs already
        ...
        await kafka.topic("orders").aexpect(key="a")

It speaks to real clients over a real socket; only the assertions look into the broker directly.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Self, TypeVar

from pykbroker.config import ROWS, Config, ConfigError
from pykbroker.server.loop import Server
from pykbroker.testing import cleaning
from pykbroker.testing.cleaning import State
from pykbroker.testing.hosting import Host
from pykbroker.testing.temporary import TemporaryDirectory, UnsyncedFiles
from pykbroker.testing.topics import Topic, topic_names

if TYPE_CHECKING:
    from pykbroker.testing.groups import Group

Value = str | int | float | bool | list[str] | tuple[str, ...]

T = TypeVar("T")

DEFAULTS: Final[dict[str, tuple[str, str]]] = {
    "listeners": ("PLAINTEXT://127.0.0.1:0", "a free port, which clients on this machine reach"),
    "log.segment.delete.delay.ms": ("0", "the files of a deleted topic are gone at once"),
    "offsets.topic.num.partitions": ("1", "a few groups need no fifty partitions"),
    "share.coordinator.state.topic.num.partitions": ("1", "as for groups"),
    "transaction.state.log.num.partitions": ("1", "as for groups"),
}
"""Settings whose defaults are others than those of `pykbroker serve`, and why."""


class Broker:
    """A broker for tests: a context manager, or `start` and `stop`. It can be started again, and is a new one then.

    Topics, groups and offsets are in a temporary directory: in memory where the system has a file system for that
    (/dev/shm) with 1 GiB free, unless `memory` is False. In `data`, a directory of your own, they are there again the
    next time.

    Settings are Kafka's: as keywords with underscores for dots, `num_partitions=3`, or in `config` under their own
    names. ConfigError, with one line, for one that does not exist or cannot have that value.
    """

    def __init__(
        self,
        *,
        data: str | os.PathLike[str] | None = None,
        memory: bool = True,
        config: Mapping[str, Value] | None = None,
        **settings: Value,
    ) -> None:
        self._settings = settings_in(config, settings)
        self._data = None if data is None else os.path.abspath(data)
        self._in_memory = memory
        self._temporary: TemporaryDirectory | None = None
        self._host: Host | None = None

    # -- life

    def start(self) -> Self:
        """Start in a thread; clients are served when this returns. StartError, with one line, if it cannot be."""
        host = self._new_host()
        try:
            host.start()
        except BaseException:
            self._remove_temporary()
            raise
        self._host = host
        return self

    def stop(self) -> None:
        """Stop, whatever clients are still doing, and remove what is temporary; harmless when stopped already."""
        if self._host is None:
            return
        if not self._host.has_thread:
            raise RuntimeError("a broker that runs in the caller's event loop stops at the end of its `async with`")
        host, self._host = self._host, None
        try:
            host.stop()
        finally:
            self._remove_temporary()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        host = self._new_host()
        try:
            await host.start_here()
        except BaseException:
            self._remove_temporary()
            raise
        self._host = host
        return self

    async def __aexit__(self, *_: object) -> None:
        host, self._host = self._host, None
        if host is not None:
            try:
                await host.stop_here()
            finally:
                self._remove_temporary()

    # -- what clients and tests need to know

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._host is not None

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`, as every client takes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def host(self) -> str:
        """The address of the first listener, as clients are told."""
        return self._running.config.advertised_listeners[0].host

    @property
    def port(self) -> int:
        """The port of the first listener."""
        return self._running.config.advertised_listeners[0].port

    @property
    def directory(self) -> str:
        """Where the data is while the broker runs, in Kafka's own layout."""
        return self._running.config.log_dirs[0]

    # -- arranging and asserting

    def topic(self, name: str) -> Topic:
        """Return a topic by name, to look at and to wait for; it need not exist."""
        return Topic(self._running, name)

    def topics(self) -> list[str]:
        """Return the names of all topics but the broker's own, sorted."""
        return self._call(topic_names)

    def create_topic(self, name: str, partitions: int | None = None, **configs: Value) -> Topic:
        """Create a topic with so many partitions (default: `num.partitions`) and configs, `cleanup_policy="compact"`.

        Raises the KafkaError that CreateTopics would answer.
        """
        from pykbroker.metadata.topics import NewTopic

        wanted: dict[str, str | None] = {key.replace("_", "."): as_text(value) for key, value in configs.items()}
        new = NewTopic(name, -1 if partitions is None else partitions, configs=wanted)
        error = self._call(lambda services: services.controller.create_topics([new])[0].error)
        if error is not None:
            raise error
        return self.topic(name)

    def group(self, group_id: str) -> Group:
        """Return a consumer group by id, to look at and to wait for; it need not exist."""
        from pykbroker.testing.groups import Group

        return Group(self._running, group_id)

    def state(self) -> State:
        """Return what exists now, for `reset`: topics, groups and dynamic configs, not their content."""
        return self._call(cleaning.state_of)

    def reset(self, to: State | None = None) -> list[str]:
        """Remove topics and groups that exist since `to`, by default all of them, and undo changes of configs.

        Return the ids of removed groups that still had members: their consumers were not closed.
        """
        state = State(frozenset(), frozenset(), {}) if to is None else to
        return self._call(lambda services: cleaning.reset(services, state))

    # -- inside

    def _call(self, work: Callable[..., T]) -> T:
        return self._running.call(work)

    @property
    def _running(self) -> Host:
        if self._host is None:
            raise RuntimeError("the broker does not run: use it inside `with Broker() as kafka:`, or start() it")
        return self._host

    def _new_host(self) -> Host:
        if self._host is not None:
            raise RuntimeError("the broker runs already")
        if self._data is not None:
            return Host(Server(Config({**self._settings, "log.dirs": self._data})))
        self._temporary = TemporaryDirectory(self._in_memory)
        return Host(Server(Config({**self._settings, "log.dirs": self._temporary.path}), UnsyncedFiles()))

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            self._temporary.remove()
            self._temporary = None


def settings_in(config: Mapping[str, Value] | None, keywords: Mapping[str, Value]) -> dict[str, str]:
    """Return settings as text under Kafka's names, the defaults of tests among them. ConfigError for an unknown one."""
    given = {**(config or {}), **{name.replace("_", "."): value for name, value in keywords.items()}}
    settings = {name: default for name, (default, _) in DEFAULTS.items()}
    settings.update((name, as_text(value)) for name, value in given.items())
    for name in ("log.dirs", "log.dir"):
        if name in settings:
            raise ConfigError(name, "is given as data=DIRECTORY")
    for name in Config(settings).unknown:
        from difflib import get_close_matches

        similar = get_close_matches(name, ROWS, 1)
        raise ConfigError(name, f"is not a setting{f'; is {similar[0]} meant?' if similar else ''}")
    return settings


def as_text(value: Value) -> str:
    """Return a setting's value as it stands in a properties file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(value)
    return str(value)
