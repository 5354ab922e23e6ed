"""The `admin` verb of confluent-kafka. Its calls give futures by name; an action returns the fields of its result."""

from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
)
from connection import CALL_S, connection
from driving import Arguments, Unsupported, emit

Result = dict[str, Any]

GROUP_STATES = {"PREPARING_REBALANCING": "PreparingRebalance", "COMPLETING_REBALANCING": "CompletingRebalance"}
"""Kafka's names of the group states that are not simply the library's, capitalized."""


def done(futures: dict[Any, Any]) -> Any:
    """Return what the only future has, or raise it."""
    (future,) = futures.values()
    return future.result(CALL_S)


def create_topic(client: AdminClient, arguments: Arguments) -> Result:
    configs = arguments.get("configs", {})
    done(client.create_topics([NewTopic(arguments["topic"], arguments.get("partitions", 1), 1, config=configs)]))
    return {}


def delete_topic(client: AdminClient, arguments: Arguments) -> Result:
    done(client.delete_topics([arguments["topic"]]))
    return {}


def describe_topic(client: AdminClient, arguments: Arguments) -> Result:
    topic = client.list_topics(arguments["topic"], timeout=CALL_S).topics[arguments["topic"]]
    if topic.error:
        raise KafkaException(topic.error)
    return {"partitions": len(topic.partitions), "leaders": [at.leader for at in topic.partitions.values()]}


def grow_topic(client: AdminClient, arguments: Arguments) -> Result:
    done(client.create_partitions([NewPartitions(arguments["topic"], arguments["partitions"])]))
    return {}


def delete_records(client: AdminClient, arguments: Arguments) -> Result:
    at = TopicPartition(arguments["topic"], arguments["partition"], arguments["before"])
    return {"low_watermark": done(client.delete_records([at])).low_watermark}


def get_configs(client: AdminClient, arguments: Arguments) -> Result:
    found = done(client.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, arguments["topic"])]))
    return {"configs": {name: entry.value for name, entry in found.items()}}


def set_config(client: AdminClient, arguments: Arguments) -> Result:
    entry = ConfigEntry(arguments["name"], arguments["value"], incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, arguments["topic"], incremental_configs=[entry])
    done(client.incremental_alter_configs([resource]))
    return {}


def list_groups(client: AdminClient, _arguments: Arguments) -> Result:
    found = client.list_consumer_groups().result(CALL_S)
    for error in found.errors:
        raise error
    return {"groups": [group.group_id for group in found.valid]}


def describe_group(client: AdminClient, arguments: Arguments) -> Result:
    found = done(client.describe_consumer_groups([arguments["group"]]))
    state = GROUP_STATES.get(found.state.name, found.state.name.capitalize())
    return {"state": state, "members": len(found.members)}


def delete_group(client: AdminClient, arguments: Arguments) -> Result:
    done(client.delete_consumer_groups([arguments["group"]]))
    return {}


def reset_group(client: AdminClient, arguments: Arguments) -> Result:
    at = TopicPartition(arguments["topic"], arguments["partition"], arguments["offset"])
    answer = done(client.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(arguments["group"], [at])]))
    for partition in answer.topic_partitions:
        if partition.error:
            raise KafkaException(partition.error)
    return {}


ACTIONS = {
    "create-topic": create_topic,
    "delete-topic": delete_topic,
    "describe-topic": describe_topic,
    "grow-topic": grow_topic,
    "delete-records": delete_records,
    "get-configs": get_configs,
    "set-config": set_config,
    "list-groups": list_groups,
    "describe-group": describe_group,
    "delete-group": delete_group,
    "reset-group": reset_group,
}


def actions() -> list[str]:
    """Return the names of the actions that this version has: `delete-records` is the newest, of 2.6."""
    return [name for name in ACTIONS if name != "delete-records" or hasattr(AdminClient, "delete_records")]


def act(bootstrap: str, arguments: Arguments) -> None:
    if arguments["do"] not in actions():
        raise Unsupported(arguments["do"])
    client = AdminClient(connection(bootstrap, arguments) | arguments.get("config", {}))
    emit("result", **ACTIONS[arguments["do"]](client, arguments))
