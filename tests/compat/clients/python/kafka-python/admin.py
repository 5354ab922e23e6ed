"""The `admin` verb of kafka-python, whose administration client was rewritten for 3.0.

2.x answers with the broker's response as it came, error codes and all; 3.x with dictionaries, and mostly raises.
An action is a function of the client and the verb's arguments that returns the fields of its result.
"""

import re
from typing import Any

import kafka.errors
from connection import connection
from driving import Arguments, Unsupported, emit
from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from members import with_metadata

REWRITTEN = hasattr(KafkaAdminClient, "describe_groups")
"""Whether this is 3.x."""

_ERROR = re.compile(r"\[Error (\d+)\]")

Result = dict[str, Any]


def check(code: int, message: object = None) -> None:
    """Raise the library's exception of an error code."""
    if code:
        raise kafka.errors.for_code(code)(message)


def topic_resource(arguments: Arguments, configs: dict[str, str] | None = None) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, arguments["topic"], configs=configs)


def create_topic(client: Any, arguments: Arguments) -> Result:
    configs = arguments.get("configs", {})
    if REWRITTEN:
        options = {"num_partitions": arguments.get("partitions", 1), "replication_factor": 1, "configs": configs}
        client.create_topics({arguments["topic"]: options})
    else:
        topic = NewTopic(
            name=arguments["topic"], num_partitions=arguments.get("partitions", 1), replication_factor=1,
            topic_configs=configs,
        )
        client.create_topics([topic])
    return {}


def delete_topic(client: Any, arguments: Arguments) -> Result:
    client.delete_topics([arguments["topic"]])
    return {}


def describe_topic(client: Any, arguments: Arguments) -> Result:
    (topic,) = client.describe_topics([arguments["topic"]])
    check(topic["error_code"], arguments["topic"])
    partitions = topic["partitions"]
    return {"partitions": len(partitions), "leaders": [at["leader_id" if REWRITTEN else "leader"] for at in partitions]}


def grow_topic(client: Any, arguments: Arguments) -> Result:
    total = arguments["partitions"]
    client.create_partitions({arguments["topic"]: total if REWRITTEN else NewPartitions(total)})
    return {}


def delete_records(client: Any, arguments: Arguments) -> Result:
    at = TopicPartition(arguments["topic"], arguments["partition"])
    return {"low_watermark": client.delete_records({at: arguments["before"]})[at]["low_watermark"]}


def get_configs(client: Any, arguments: Arguments) -> Result:
    if REWRITTEN:
        found = client.describe_configs([topic_resource(arguments)], config_filter="all")
        configs = found["topic"][arguments["topic"]]
        return {"configs": {name: config["value"] for name, config in configs.items()}}
    (response,) = client.describe_configs([topic_resource(arguments)])
    ((code, message, _, _, configs),) = response.resources
    check(code, message)
    return {"configs": {config[0]: config[1] for config in configs}}


def set_config(client: Any, arguments: Arguments) -> Result:
    answer = client.alter_configs([topic_resource(arguments, {arguments["name"]: arguments["value"]})])
    if REWRITTEN:
        check_text(answer["topic"][arguments["topic"]])
    else:
        ((code, message, *_),) = answer.resources
        check(code, message)
    return {}


def list_groups(client: Any, _arguments: Arguments) -> Result:
    if REWRITTEN:
        return {"groups": [found["group_id"] for found in client.list_groups()]}
    return {"groups": [found[0] for found in client.list_consumer_groups()]}


def describe_group(client: Any, arguments: Arguments) -> Result:
    if REWRITTEN:
        found = client.describe_groups([arguments["group"]])[arguments["group"]]
        check_text(found["error"])
        return {"state": found["group_state"], "members": len(found["members"])}
    (found,) = client.describe_consumer_groups([arguments["group"]])
    return {"state": found.state, "members": len(found.members)}


def delete_group(client: Any, arguments: Arguments) -> Result:
    if REWRITTEN:
        check_text(client.delete_groups([arguments["group"]])[arguments["group"]])
    else:
        ((_, error),) = client.delete_consumer_groups([arguments["group"]])
        check(error.errno)
    return {}


def check_text(said: str | None) -> None:
    """Raise what 3.x says as text: `[Error 69] …`, or the name of an exception of its own."""
    numbered = _ERROR.match(said or "")
    if numbered:
        check(int(numbered[1]), said)
    elif said and hasattr(kafka.errors, said):
        raise getattr(kafka.errors, said)


def reset_group(client: Any, arguments: Arguments) -> Result:
    at = TopicPartition(arguments["topic"], arguments["partition"])
    if REWRITTEN:
        error = client.alter_group_offsets(arguments["group"], {at: OffsetAndMetadata(arguments["offset"], "", -1)})[at]
        check(error.errno)
        return {}
    # No such call: what users of 2.x do is to commit from a consumer that is in the group's name, but not a member.
    consumer = KafkaConsumer(
        bootstrap_servers=client.config["bootstrap_servers"], group_id=arguments["group"], enable_auto_commit=False
    )
    consumer.assign([at])
    consumer.commit({at: with_metadata(arguments["offset"], "")})
    consumer.close()
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
    """Return the names of the actions that this version has."""
    return [name for name in ACTIONS if name != "delete-records" or hasattr(KafkaAdminClient, "delete_records")]


def act(bootstrap: str, arguments: Arguments) -> None:
    if arguments["do"] not in actions():
        raise Unsupported(arguments["do"])
    client = KafkaAdminClient(**(connection(bootstrap, arguments) | arguments.get("config", {})))
    emit("result", **ACTIONS[arguments["do"]](client, arguments))
    client.close()
