"""Reads orders and writes an invoice for each: `python billing.py localhost:9092`."""

import sys

from quixstreams import Application


def build(bootstrap_servers: str) -> Application:
    """Return the pipeline; `run()` it."""
    app = Application(broker_address=bootstrap_servers, consumer_group="billing", auto_offset_reset="earliest")
    orders = app.topic("orders", value_deserializer="json")
    invoices = app.topic("invoices", value_serializer="json")
    bills = app.dataframe(orders).apply(lambda order: {"order": order["id"], "total": order["price"] * order["count"]})
    bills.to_topic(invoices)
    return app


if __name__ == "__main__":
    build(sys.argv[1]).run()
