"""The composition root: builds the core's parts and wires them; start, handle, stop. No sockets, no event loop.

The order of a start: the log directories are locked and looked at, the metadata log is replayed, this broker registers
itself, and groups that have members are loaded, because their sessions run. Partitions open when first used; after an
unclean stop all are checked before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from pykbroker.apis.context import Services
from pykbroker.apis.dispatch import Dispatcher
from pykbroker.apis.fetch_sessions import FetchSessions
from pykbroker.config import Config, StartError
from pykbroker.env import Env
from pykbroker.errors import KafkaError, Malformed
from pykbroker.groups.coordinator import GroupCoordinator
from pykbroker.metadata.controller import open_controller, registration_of
from pykbroker.metadata.housekeeping import Housekeeping
from pykbroker.metadata.image import Topic
from pykbroker.metadata.moves import Moves
from pykbroker.metadata.names import CLUSTER_METADATA_TOPIC
from pykbroker.metadata.partitions import Partitions
from pykbroker.storage.store import Store, StoreError


class Broker:
    """One broker: its data, its state, its dispatcher. Owned by a server, or by a test.

    `handle` serves one request frame of a session: see `Dispatcher.handle`. `on_lost` is called, with one line, when
    the data is gone for good and the broker should stop.
    """

    def __init__(self, config: Config, env: Env) -> None:
        self._env = env
        self._store = Store(
            env,
            config.log_dirs,
            node_id=config.node_id,
            cluster_id=config.text("pykbroker.cluster.id") or None,
            metadata_directory=config.text("metadata.log.dir") or None,
            producer_id_expiration_ms=config.integer("producer.id.expiration.ms"),
        )
        self._config = config
        self.on_lost: Callable[[str], None] = lambda reason: None
        self.services: Services
        self.housekeeping: Housekeeping

    def start(self) -> None:
        """Open the data and get ready to serve.

        Raises StartError, with one line, if the data cannot be used; nothing is left locked then.
        """
        try:
            self._store.open()
        except StoreError as error:
            raise StartError(str(error)) from error
        try:
            self._assemble()
        except (KafkaError, Malformed) as error:
            self._store.close()
            raise StartError(f"cannot read {CLUSTER_METADATA_TOPIC}: {error}") from error

    def _assemble(self) -> None:
        config, env, store = self._config, self._env, self._store
        controller = open_controller(env, store, config)
        store.on_lost = lambda reason: self.on_lost(reason)
        controller.register_broker(registration_of(store, config))  # before any partition opens: it may get a leader
        image = controller.image
        partitions = Partitions.of(controller, store)
        partitions.recover(config.integer("num.recovery.threads.per.data.dir"))
        groups = GroupCoordinator(config, env, image, partitions, controller.ensure_internal_topic)
        sessions = FetchSessions(config.integer("max.incremental.fetch.session.cache.slots"), env.clock, env.random)
        moves = Moves(env, partitions)
        services = Services(controller.config, env, image, controller, partitions, groups, sessions, moves)

        def topics_deleted(topics: Collection[Topic]) -> None:
            groups.topics_deleted([topic.name for topic in topics])

        def configs_changed(_: Collection[tuple[int, str]]) -> None:
            services.config = controller.config

        controller.on_topics_deleted.append(topics_deleted)
        controller.on_configs_changed.append(configs_changed)
        groups.load_existing()
        self.services = services
        self.housekeeping = Housekeeping(env, lambda: controller.config, partitions)
        self.housekeeping.start()
        self.handle = Dispatcher(services).handle

    def release_parked(self) -> None:
        """Answer every request that waits, as the broker stops: fetches with what there is, joins with an error."""
        for wait in list(self.services.fetch_waits):
            wait.release()
        self.services.groups.release_parked()

    def stop(self) -> None:
        """Close everything and leave the data as after a clean stop."""
        self.housekeeping.close()
        self.services.moves.close()
        self.services.groups.close()
        self.services.controller.close()
        self._store.close()
