"""Topics with the partitions and configs that a test needs, made with kafka-python's admin client."""

from typing import Any

from kafka import KafkaAdminClient


def create_topic(bootstrap: str, name: str, partitions: int = 1, **configs: str) -> str:
    """Create a topic, wait until its partitions have leaders, and return its name."""
    settings: dict[str, Any] = {"num_partitions": partitions, "replication_factor": 1}
    if configs:
        settings["configs"] = {key.replace("_", "."): value for key, value in configs.items()}
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics({name: settings}, wait_for_metadata=True)
    finally:
        admin.close()
    return name
