"""UnregisterBroker (64): a broker that will not come back is forgotten.

v0 KIP-500.
"""

from __future__ import annotations

from pykbroker.apis.context import Context
from pykbroker.metadata.leadership import unregister
from pykbroker.wire.messages.unregister_broker import UnregisterBrokerRequest, UnregisterBrokerResponse


def unregister_broker(ctx: Context, request: UnregisterBrokerRequest) -> UnregisterBrokerResponse:
    """Forget a registered broker.

    This very broker, too, if it is asked to: like one of Kafka's it is then in nobody's metadata and leads nothing,
    until it is started again.
    """
    ctx.services.controller.decide(lambda image: unregister(image, request.broker_id))
    ctx.services.partitions.forget_lost()
    if request.broker_id == ctx.services.config.node_id:
        ctx.services.groups.resign()
    return UnregisterBrokerResponse()
