"""What a handler is given besides its request: the broker's services, and the connection it serves.

A handler is a plain function

    def heartbeat(ctx: Context, request: HeartbeatRequest) -> HeartbeatResponse | Later[HeartbeatResponse] | None

that answers now, later, or (acks=0) never. It raises `KafkaError` for an error that belongs to the whole request;
`dispatch` turns it into the request's own error response (`errors_in.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pykbroker.apis.fetch import FetchWait
    from pykbroker.apis.fetch_sessions import FetchSessions
    from pykbroker.apis.traffic import Traffic
    from pykbroker.config import Config
    from pykbroker.env import Env
    from pykbroker.groups.coordinator import GroupCoordinator
    from pykbroker.metadata.controller import Controller
    from pykbroker.metadata.image import Image
    from pykbroker.metadata.moves import Moves
    from pykbroker.metadata.partitions import Partitions


class Session:
    """One client connection, as the core sees it. Owned by the dispatcher; gone when the client disconnects.

    `told` is the host and port under which this client knows this broker; None for what its listener advertises.
    `names_topics` becomes True when it asks for topics by name.
    """

    __slots__ = ("listener", "names_topics", "peer_host", "software_name", "software_version", "told")

    def __init__(self, listener: str, peer_host: str, told: tuple[str, int] | None = None) -> None:
        self.listener = listener
        self.peer_host = peer_host
        self.told = told
        self.names_topics = False
        self.software_name = ""
        self.software_version = ""


class Services:
    """The parts of a running broker that handlers use. Built once, by `broker.Broker`.

    `fetch_waits` are the fetches that are parked now, so that a broker that stops can answer them. `traffic` is told
    what goes through; None as long as nobody wants metrics.
    """

    __slots__ = (
        "config", "controller", "env", "fetch_sessions", "fetch_waits", "groups", "image", "moves", "partitions",
        "traffic",
    )  # fmt: skip

    def __init__(
        self,
        config: Config,
        env: Env,
        image: Image,
        controller: Controller,
        partitions: Partitions,
        groups: GroupCoordinator,
        fetch_sessions: FetchSessions,
        moves: Moves,
    ) -> None:
        self.config = config
        self.env = env
        self.image = image
        self.controller = controller
        self.partitions = partitions
        self.groups = groups
        self.fetch_sessions = fetch_sessions
        self.moves = moves
        self.fetch_waits: set[FetchWait] = set()
        self.traffic: Traffic | None = None


class Context:
    """One request's surroundings."""

    __slots__ = ("client_id", "services", "session", "version")

    def __init__(self, services: Services, session: Session, version: int, client_id: str) -> None:
        self.services = services
        self.session = session
        self.version = version
        self.client_id = client_id
