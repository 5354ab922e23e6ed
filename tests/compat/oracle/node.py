"""`Node`: one broker as a scenario sees it. Everything sent through it is recorded."""

from collections.abc import Callable
from typing import Any, TypeVar

from pykbroker.wire import catalog
from pykbroker.wire.message import Message
from tests.compat.oracle.compare import Exchange
from tests.compat.oracle.connection import Closed, Connection
from tests.compat.oracle.plain import Plain, plain
from tests.compat.polling import eventually
from tests.compat.process import Broker

T = TypeVar("T")
Versions = dict[int, tuple[int, int]]


class Waiting:
    """An answer that is still to come."""

    def __init__(self, node: "Node", connection: Connection, request: Message, version: int) -> None:
        self._node = node
        self._connection = connection
        self._request = request
        self._version = version
        connection.send(request, version)

    def answer(self) -> Any:
        """Wait for the answer, record and return it."""
        return self._node.received(self._connection, self._request, self._version)


class Node:
    """A broker under one scenario: connections, versions, names that nobody else uses, and the record.

    `version` is the one in which the scenario's API (`api`) is to be shown; all other requests go out in the newest
    version that both brokers know.
    """

    def __init__(self, broker: Broker, versions: Versions, name: str, api: int | None = None, version: int = 0) -> None:
        self.broker = broker
        self.versions = versions
        self.name = name
        self.api = api
        self.version = version
        self.record: list[Exchange] = []
        self.topic_ids: dict[str, bytes] = {}
        self.settled = 100
        self.members = 0
        self._connections: list[Connection] = []
        self.main = self.connect()

    def connect(self, client_id: str = "oracle") -> Connection:
        """Return a new connection, which the scenario need not close."""
        connection = Connection(self.broker.host, self.broker.port, client_id)
        self._connections.append(connection)
        return connection

    def reconnect(self) -> None:
        """Take a new main connection: the broker has closed the old one, or was restarted."""
        self.main = self.connect()

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()

    def version_of(self, request: Message | type[Message]) -> int:
        """Return the version in which a request goes out."""
        key = request.__key__
        assert key is not None
        return self.version if key == self.api else self.versions[key][1]

    def send(self, request: Message, version: int | None = None, on: Connection | None = None) -> Any:
        """Send a request and return its answer; both are recorded. `Closed` is recorded as well, and raised."""
        return self.start(request, version, on).answer()

    def start(self, request: Message, version: int | None = None, on: Connection | None = None) -> Waiting:
        """Send a request that is answered later; it is recorded when the answer is taken."""
        return Waiting(self, on or self.main, request, self.version_of(request) if version is None else version)

    def received(self, connection: Connection, request: Message, version: int) -> Any:
        """Read the answer to a request and record both."""
        try:
            answer = connection.receive()
        except Closed:
            self._note(request, version, "closed")
            raise
        self._note(request, version, plain(answer, version))
        return answer

    def closes(self, request: Message, version: int | None = None) -> bool:
        """Send a request on a connection of its own; return whether the broker closes that instead of answering."""
        try:
            self.send(request, version, self.connect())
        except Closed:
            return True
        return False

    def tell(self, request: Message, version: int | None = None, on: Connection | None = None) -> None:
        """Send a request that gets no answer."""
        (on or self.main).tell(request, self.version_of(request) if version is None else version)

    def ask(self, request: Message, version: int | None = None) -> Any:
        """As `send`, on a connection of its own and not recorded: to wait for something."""
        connection = self.connect()
        connection.send(request, self.version_of(request) if version is None else version)
        answer = connection.receive()
        connection.close()
        return answer

    def note(self, what: str, seen: Plain) -> None:
        """Record something that is no answer, such as whether a connection was closed."""
        self.record.append(Exchange(what, 0, None, seen))

    def until(self, question: Callable[[], T], why: str = "") -> T:
        """Ask again and again until the answer is true; return it."""
        return eventually(question, 20.0, why or self.name)

    def _note(self, request: Message, version: int, answer: Plain) -> None:
        key = type(request).__key__
        assert key is not None
        self.record.append(Exchange(catalog.APIS[key].name, version, plain(request, version), answer))
