"""A broker's metadata over a real store: `a_cluster(tmp_path)`, and `plain` to compare images by value."""

from __future__ import annotations

from pathlib import Path

from pykbroker.apis.context import Context, Services, Session
from pykbroker.config import Config
from pykbroker.env import Env
from pykbroker.metadata.controller import Controller, open_controller, registration_of
from pykbroker.metadata.image import Image
from pykbroker.metadata.moves import Moves
from pykbroker.metadata.partitions import Partitions
from pykbroker.storage.store import Store
from tests.fakes import fake_env

SETTINGS = {"listeners": "PLAINTEXT://localhost:9092,SECOND://localhost:9093", "advertised.listeners": (
    "PLAINTEXT://kafka.example:19092,SECOND://second.example:19093"),
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECOND:PLAINTEXT", "broker.rack": "r1"}  # fmt: skip


class Cluster:
    """One broker without sockets: everything below the dispatcher."""

    def __init__(self, path: Path, env: Env, settings: dict[str, str]) -> None:
        self.path = path
        self.env = env
        self.settings = settings
        config = Config({"log.dirs": str(path), **SETTINGS, **settings})
        self.store = Store(env, config.log_dirs, node_id=config.node_id)
        self.store.open()
        self.controller: Controller = open_controller(env, self.store, config)
        self.controller.register_broker(registration_of(self.store, config))
        self.partitions = Partitions.of(self.controller, self.store)
        self.image: Image = self.controller.image
        self.services = Services(
            self.controller.config,
            env,
            self.image,
            self.controller,
            self.partitions,
            None,  # type: ignore[arg-type]  # no groups here
            None,  # type: ignore[arg-type]  # no fetches here
            Moves(env, self.partitions),
        )
        self.controller.on_configs_changed.append(lambda _: self._take_config())

    def _take_config(self) -> None:
        self.services.config = self.controller.config

    def context(self, version: int, listener: str = "PLAINTEXT") -> Context:
        return Context(self.services, Session(listener, "127.0.0.1"), version, "client")

    def restarted(self) -> Cluster:
        """Stop cleanly and start again."""
        self.store.close()
        return Cluster(self.path, fake_env(seed=2), self.settings)

    def killed(self) -> Cluster:
        """Start again without a stop: files stay as they are, only the lock is let go of."""
        for directory in self.store.directories:
            directory.release()
        return Cluster(self.path, fake_env(seed=3), self.settings)


def a_cluster(path: Path, **settings: str) -> Cluster:
    """Return a started broker; `num_partitions="3"` sets num.partitions."""
    return Cluster(path, fake_env(seed=1), {name.replace("_", "."): value for name, value in settings.items()})


def plain(image: Image) -> object:
    """Return an image's whole content as plain values, but for what a restart changes: registrations, `version`."""
    return (
        image.cluster_id,
        {name: (t.id, t.config, [_slots(state) for state in t.partitions]) for name, t in image.topics.items()},
        {topic_id: topic.name for topic_id, topic in image.topics_by_id.items()},
        {key: dict(entries) for key, entries in image.configs.items()},
        dict(image.features),
        {entity: dict(quotas) for entity, quotas in image.quotas.items()},
        {user: _slots(credential) for user, credential in image.scram.items()},
        image.next_producer_id,
        sorted(image.brokers),
    )


def _slots(value: object) -> tuple[object, ...]:
    return tuple(getattr(value, name) for name in type(value).__slots__)  # type: ignore[attr-defined]
