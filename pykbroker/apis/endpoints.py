"""Under which address this broker is known to a client: the one advertised for the listener that it came in by.

Source: KIP-103, `advertised.listeners`.
"""

from __future__ import annotations

from pykbroker.apis.context import Services, Session


def advertised(services: Services, session: Session) -> tuple[int, str, int]:
    """Return this node's id, and the host and port that clients of the session's listener connect to."""
    config = services.config
    listener = next(one for one in config.advertised_listeners if one.name == session.listener)
    return config.node_id, listener.host, listener.port
