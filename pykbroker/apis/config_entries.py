"""The effective settings of resources, as DescribeConfigs and CreateTopics answer with them."""

from __future__ import annotations

from collections.abc import Mapping

from pykbroker import errors
from pykbroker.apis.context import Services
from pykbroker.config_describe import (
    ConfigEntry,
    broker_default_entries,
    broker_entries,
    client_metrics_entries,
    effective_group_configs,
    effective_topic_configs,
)
from pykbroker.errors import KafkaError
from pykbroker.metadata.configs import check_node, check_topic
from pykbroker.metadata.image import BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC


def topic_entries(services: Services, overrides: Mapping[str, str]) -> list[ConfigEntry]:
    """Return every setting of a topic that has these configs of its own."""
    return effective_topic_configs(overrides, services.controller.config)


def entries_of(services: Services, resource_type: int, name: str) -> list[ConfigEntry]:
    """Return every setting of a resource, or raise the KafkaError of one that has none."""
    image, config = services.image, services.controller.config
    own = image.config_of(resource_type, name)
    if resource_type == TOPIC:
        check_topic(image, name)
        return effective_topic_configs(own, config)
    if resource_type == BROKER:
        check_node(name, config.node_id)
        return broker_entries(config) if name else broker_default_entries(own)
    if resource_type in (GROUP, CLIENT_METRICS):
        if not name:
            raise KafkaError(errors.INVALID_REQUEST, "The name of this resource must not be empty.")
        return effective_group_configs(own, config) if resource_type == GROUP else client_metrics_entries(own)
    if resource_type == BROKER_LOGGER:
        # Kafka's are the loggers of log4j; what this broker logs cannot be changed while it runs.
        raise KafkaError(errors.INVALID_REQUEST, "This broker has no loggers to be changed while it runs.")
    raise KafkaError(errors.INVALID_REQUEST, f"Unknown resource type {resource_type}")
