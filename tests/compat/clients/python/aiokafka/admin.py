"""The `admin` verb of aiokafka, which answers with the broker's responses as they came, error codes and all.

An action is a coroutine of the client and the verb's arguments that returns the fields of its result. Groups can be
looked at, but not deleted.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code
from connection import connection
from driving import Arguments, Unsupported, emit

try:
    from aiokafka.admin import RecordsToDelete
except ImportError:
    RecordsToDelete = None  # new in 0.11

Result = dict[str, Any]


@asynccontextmanager
async def administration(bootstrap: str, arguments: Arguments) -> AsyncIterator[AIOKafkaAdminClient]:
    """Give a started client, and close it."""
    client = AIOKafkaAdminClient(**(connection(bootstrap, arguments) | arguments.get("config", {})))
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def check(code: int, message: object = None) -> None:
    """Raise the library's exception of an error code."""
    if code:
        raise for_code(code)(message)


async def create_topic(client: AIOKafkaAdminClient, arguments: Arguments) -> Result:
    topic = NewTopic(arguments["topic"], arguments.get("partitions", 1), 1, topic_configs=arguments.get("configs", {}))
    ((_, code, *message),) = (await client.create_topics([topic])).topic_errors
    check(code, message)
    return {}


async def delete_topic(client: AIOKafkaAdminClient, arguments: Arguments) -> Result:
    ((_, code, *_),) = (await client.delete_topics([arguments["topic"]])).topic_error_codes
    check(code)
    return {}


async def describe_topic(client: AIOKafkaAdminClient, arguments: Arguments) -> Result:
    (topic,) = await client.describe_topics([arguments["topic"]])
    check(topic["error_code"], arguments["topic"])
    return {"partitions": len(topic["partitions"]), "leaders": [at["leader"] for at in topic["partitions"]]}


async def grow_topic(client: AIOKafkaAdminClient, arguments: Arguments) -> Result:
    await client.create_partitions({arguments["topic"]: NewPartitions(arguments["partitions"])})
    return {}


async def delete_records(client: AIOKafkaAdminClient, arguments: Arguments) -> Result:
    at = TopicPartition(arguments["topic"], arguments["partition"])
    found = await client.delete_records({at: RecordsToDelete(before_offset=arguments["before"])})
    return {"low_watermark": found[at]}


async def get_configs(client: AIOKafkaAdminClient, arguments: Arguments) -> Result:
    (response,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, arguments["topic"])])
    ((code, message, _, _, configs),) = response.resources
    check(code, message)
    return {"configs": {config[0]: config[1] for config in configs}}


async def set_config(client: AIOKafkaAdminClient, arguments: Arguments) -> Result:
    configs = {arguments["name"]: arguments["value"]}
    resource = ConfigResource(ConfigResourceType.TOPIC, arguments["topic"], configs)
    (response,) = await client.alter_configs([resource])
    ((code, message, *_),) = response.resources
    check(code, message)
    return {}


async def list_groups(client: AIOKafkaAdminClient, _arguments: Arguments) -> Result:
    return {"groups": [found[0] for found in await client.list_consumer_groups()]}


async def describe_group(client: AIOKafkaAdminClient, arguments: Arguments) -> Result:
    (response,) = await client.describe_consumer_groups([arguments["group"]])
    ((code, _, state, _, _, members, *_),) = response.groups
    check(code)
    return {"state": state, "members": len(members)}


async def reset_group(_client: AIOKafkaAdminClient, arguments: Arguments) -> Result:
    """No such call: a consumer commits that is in the group's name, but not a member."""
    at = TopicPartition(arguments["topic"], arguments["partition"])
    settings = connection(arguments["bootstrap"], arguments)
    consumer = AIOKafkaConsumer(**settings, group_id=arguments["group"], enable_auto_commit=False)
    await consumer.start()
    consumer.assign([at])
    await consumer.commit({at: arguments["offset"]})
    await consumer.stop()
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
    "reset-group": reset_group,
}


def actions() -> list[str]:
    """Return the names of the actions that this version has."""
    return [name for name in ACTIONS if name != "delete-records" or RecordsToDelete]


async def act(bootstrap: str, arguments: Arguments) -> None:
    if arguments["do"] not in actions():
        raise Unsupported(arguments["do"])
    async with administration(bootstrap, arguments) as client:
        emit("result", **await ACTIONS[arguments["do"]](client, {**arguments, "bootstrap": bootstrap}))
