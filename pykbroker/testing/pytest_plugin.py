"""Fixtures for pytest, found by it when pykbroker is installed: a broker, clean for every test.

    def test_orders_are_paid(kafka):
        kafka.topic("orders").produce({"id": 1})
        run_my_program(kafka.bootstrap_servers)
        kafka.topic("payments").expect(value={"id": 1, "paid": True})

`kafka_broker` (session) runs one broker for all tests of a process, so that every worker of pytest-xdist has its own.
`kafka` (function) is that broker, and removes after the test what came during the test. `kafka_topic` is a new topic.
The mark `kafka(num_partitions=3)` asks for other settings; tests with the same ones share a broker. The ini option
`kafka_config` has the settings of all.

Every run of pytest imports this module: nothing here costs anything until a test asks for a fixture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pykbroker.testing.embedded import Broker, Value
    from pykbroker.testing.topics import Topic

_MARK = (
    "kafka(**settings, config={}): run the test against a Kafka broker with these settings, "
    "such as num_partitions=3; of several marks the closest wins, setting by setting"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini option."""
    parser.addini("kafka_config", "settings of the Kafka broker of all tests, a NAME=VALUE on each line", "linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line("markers", _MARK)


class Brokers:
    """The brokers of this process, one for each set of settings; started when first asked for. Owned by a fixture."""

    def __init__(self, defaults: dict[str, Value]) -> None:
        self._defaults = defaults
        self._started: dict[tuple[tuple[str, str], ...], Broker] = {}

    def get(self, settings: dict[str, Value]) -> Broker:
        """Return a running broker with these settings on top of the defaults; one line if one of them is wrong."""
        from pykbroker.config import ConfigError, StartError
        from pykbroker.testing.embedded import Broker, settings_in

        try:
            key = tuple(sorted(settings_in({**self._defaults, **settings}, {}).items()))
            if key not in self._started:
                self._started[key] = Broker(config=dict(key))
            return _running(self._started[key])
        except (ConfigError, StartError) as error:
            pytest.fail(f"kafka: {error}", pytrace=False)

    def stop(self) -> None:
        """Stop all of them."""
        for broker in self._started.values():
            broker.stop()


@pytest.fixture(scope="session")
def _kafka_brokers(pytestconfig: pytest.Config) -> Iterator[Brokers]:
    brokers = Brokers(dict(_setting(line) for line in pytestconfig.getini("kafka_config")))
    yield brokers
    brokers.stop()


@pytest.fixture(scope="session")
def kafka_broker(_kafka_brokers: Brokers) -> Broker:
    """A Kafka broker for the whole session (`pykbroker.testing.Broker`), with the settings of `kafka_config`."""
    return _kafka_brokers.get({})


@pytest.fixture
def kafka(request: pytest.FixtureRequest, _kafka_brokers: Brokers) -> Iterator[Broker]:
    """A Kafka broker (`pykbroker.testing.Broker`) without what other tests left: `kafka.bootstrap_servers`."""
    settings = _marked(request.node)
    broker: Broker = _kafka_brokers.get(settings) if settings else _running(request.getfixturevalue("kafka_broker"))
    before = broker.state()
    yield broker
    if not broker.is_running:
        return  # the test stopped it; the next one starts it again
    for group_id in broker.reset(before):
        # They join again, and may meet the next test there.
        request.node.warn(pytest.PytestWarning(f"kafka: the test left consumers of group {group_id} running"))


@pytest.fixture
def kafka_topic(request: pytest.FixtureRequest, kafka: Broker) -> Topic:
    """A new topic (`pykbroker.testing.Topic`) named after the test; `kafka_topic.name` for clients."""
    readable = re.sub(r"[^a-zA-Z0-9_-]+", "-", request.node.name).strip("-")[:100]
    taken = set(kafka.topics())
    return kafka.create_topic(next(name for n in count(1) if (name := f"{readable}-{n}") not in taken))


def _running(broker: Broker) -> Broker:
    return broker if broker.is_running else broker.start()


def _marked(node: Any) -> dict[str, Value]:  # pytest.Item, or whatever else has fixtures
    """Return the settings that marks ask for, under Kafka's names."""
    settings: dict[str, Value] = {}
    for mark in reversed(list(node.iter_markers("kafka"))):
        if mark.args:
            pytest.fail("kafka: the mark takes settings by name, such as num_partitions=3", pytrace=False)
        keywords = dict(mark.kwargs)
        settings.update(keywords.pop("config", {}))
        settings.update((name.replace("_", "."), value) for name, value in keywords.items())
    return settings


def _setting(line: str) -> tuple[str, Value]:
    name, equals, value = line.partition("=")
    if not equals:
        pytest.fail(f"kafka: kafka_config: {line!r} is not NAME=VALUE", pytrace=False)
    return name.strip(), value.strip()
