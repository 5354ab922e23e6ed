"""Which address a client is told: where to find this broker, as seen by that client.

The first of these that says something:

1. a rule of `pykbroker.advertise` that fits the client, or the end it reached (config_advertise.py);
2. `advertised.listeners`, for the listener that the client came in by; where the host is empty, it says the port only;
3. the local end of its connection: an address at which that client has just reached us.

So without any settings the same broker serves clients on its host, in containers and in virtual machines. Who connects
to `localhost` is told 127.0.0.1 or ::1, whichever the name led to: that one works there, while the name might lead to
the other one, or, in a container, to the container.

It is decided once for each connection: all answers on it agree.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from pykbroker.config import Config, StartError
from pykbroker.config_advertise import OUTSIDE, SETTING, told_by


class Telling:
    """Decides by the settings. One for each server."""

    def __init__(self, config: Config, is_outside: Callable[[str], bool] | None = None) -> None:
        """Resolve the names in rules; StartError, with one line, for one that does not resolve."""
        self._rules = config.advertise_rules
        listeners = {each.name: each for each in config.advertised_listeners}
        self._listed = {name: (host, listeners[name]) for name, host in config.listed_hosts.items()}
        self._is_outside = is_outside or _never
        if not self._rules:
            return
        for rule in self._rules:
            try:
                rule.resolve(_addresses_of)
            except OSError as error:
                reason = error.strerror or error
                raise StartError(f"{SETTING}: {rule}: cannot resolve {rule.reached_host}: {reason}") from error
        if is_outside is None and any(rule.clients == OUTSIDE for rule in self._rules):
            from pykbroker.server import networks

            if not networks.are_known():
                raise StartError(f"{SETTING}: {OUTSIDE} is for Linux; name the networks of the clients instead")
            self._is_outside = networks.is_outside

    def told(self, listener: str, client: str, local: tuple[str, int]) -> tuple[str, int]:
        """Return host and port for a client, by its address, the listener, and the end of the connection it reached."""
        if self._rules:
            told = told_by(self._rules, client, local, self._is_outside)
            if told is not None:
                return told
        # A zone (fe80::1%eth0) is a name for a network that means something on this machine only.
        host, port = local[0].partition("%")[0], local[1]
        if listener in self._listed:
            # The port is asked for now: a port 0 became another one after the sockets were bound.
            listed_host, listed = self._listed[listener]
            return listed_host or host, listed.port
        return host, port


def _never(_: str) -> bool:
    return False


def _addresses_of(host: str) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
