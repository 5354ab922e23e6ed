"""Reads orders and writes an invoice for each: `python billing.py localhost:9092`."""

import json
import sys
from threading import Event

from confluent_kafka import Consumer, Producer


def run(bootstrap_servers: str, stop: Event) -> None:
    """Bill orders until told to stop."""
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "billing",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(["orders"])
    while not stop.is_set():
        message = consumer.poll(0.1)
        if message is None or message.error():
            continue
        order = json.loads(message.value())
        invoice = {"order": order["id"], "total": order["price"] * order["count"]}
        producer.produce("invoices", json.dumps(invoice), message.key())
        producer.flush()
        consumer.commit(message, asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    run(sys.argv[1], Event())
