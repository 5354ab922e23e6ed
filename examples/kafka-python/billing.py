"""Bills the orders that are there, and ends: `python billing.py localhost:9092`, every night."""

import json
import sys

from kafka import KafkaConsumer, KafkaProducer


def run(bootstrap_servers: str, idle_ms: int = 10_000) -> int:
    """Write an invoice for each new order; return how many once none has come for a while."""
    consumer = KafkaConsumer(
        "orders",
        bootstrap_servers=bootstrap_servers,
        group_id="billing",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=idle_ms,
    )
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers)
    count = 0
    for message in consumer:
        order = json.loads(message.value)
        invoice = {"order": order["id"], "total": order["price"] * order["count"]}
        producer.send("invoices", json.dumps(invoice).encode(), message.key, headers=[("origin", b"billing")])
        count += 1
    producer.flush()
    consumer.commit()
    consumer.close()
    producer.close()
    return count


if __name__ == "__main__":
    print(run(sys.argv[1]), "invoices")
