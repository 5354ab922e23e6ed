"""Under which address this broker is known to a client: its connection's own, or the one its listener advertises.

Source: KIP-103, `advertised.listeners`. What is said for one connection is decided when it opens: `server/telling.py`.
"""

from __future__ import annotations

from pykbroker.apis.context import Services, Session


def advertised(services: Services, session: Session) -> tuple[int, str, int]:
    """Return this node's id, and the host and port that the client of this session connects to."""
    config = services.config
    if session.told is not None:
        return config.node_id, *session.told
    listener = next(one for one in config.advertised_listeners if one.name == session.listener)
    return config.node_id, listener.host, listener.port
