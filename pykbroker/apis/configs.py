"""DescribeConfigs (32), AlterConfigs (33), IncrementalAlterConfigs (44), ListConfigResources (74): settings of topics,
brokers, groups and client metrics subscriptions.

DescribeConfigs: v1 sources and synonyms (KIP-226) · v3 types and documentation (KIP-569) · v4 flexible.
AlterConfigs: v0 KIP-133, replaces everything that is set on a resource · v2 flexible.
IncrementalAlterConfigs: v0 KIP-339 · v1 flexible.
ListConfigResources: v0 client metrics subscriptions only (KIP-1000) · v1 all types (KIP-1142).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pykbroker import errors
from pykbroker.apis.config_entries import entries_of
from pykbroker.apis.context import Context
from pykbroker.config_describe import ConfigEntry
from pykbroker.errors import KafkaError
from pykbroker.metadata.configs import SET, Alteration
from pykbroker.metadata.image import BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC, Image
from pykbroker.wire.messages import alter_configs as legacy
from pykbroker.wire.messages import incremental_alter_configs as incremental
from pykbroker.wire.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
)
from pykbroker.wire.messages.list_config_resources import (
    ConfigResource,
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
)

_ALL_TYPES_SINCE: Final = 1
_TYPES: Final = (GROUP, CLIENT_METRICS, BROKER_LOGGER, BROKER, TOPIC)


def describe_configs(ctx: Context, request: DescribeConfigsRequest) -> DescribeConfigsResponse:
    """List the effective settings of every resource that is asked for, in order."""
    return DescribeConfigsResponse(results=[_described(ctx, request, each) for each in request.resources])


def _described(
    ctx: Context, request: DescribeConfigsRequest, resource: DescribeConfigsResource
) -> DescribeConfigsResult:
    result = DescribeConfigsResult(resource_type=resource.resource_type, resource_name=resource.resource_name)
    try:
        entries = entries_of(ctx.services, resource.resource_type, resource.resource_name)
    except KafkaError as error:
        result.error_code, result.error_message = error.code, error.message
        return result
    wanted = set(resource.configuration_keys or ())  # an empty list asks for all, as null does (CONF-01)
    result.configs = [_entry(request, entry) for entry in entries if not wanted or entry.name in wanted]
    return result


def _entry(request: DescribeConfigsRequest, entry: ConfigEntry) -> DescribeConfigsResourceResult:
    described = DescribeConfigsResourceResult(
        name=entry.name,
        value=entry.value,
        read_only=entry.is_read_only,
        config_source=entry.source,
        is_sensitive=entry.is_sensitive,
        config_type=entry.type_number,
        documentation=entry.doc if request.include_documentation else None,
    )
    if request.include_synonyms:
        described.synonyms = [
            DescribeConfigsSynonym(name=each.name, value=each.value, source=each.source) for each in entry.synonyms
        ]
    return described


def alter_configs(ctx: Context, request: legacy.AlterConfigsRequest) -> legacy.AlterConfigsResponse:
    """Replace everything that is set on each resource (CONF-19)."""
    wanted = [
        Alteration(
            each.resource_type,
            each.resource_name,
            [(entry.name, SET, entry.value) for entry in each.configs],
            replaces=True,
        )
        for each in request.resources
    ]
    return legacy.AlterConfigsResponse(
        responses=[
            legacy.AlterConfigsResourceResponse(
                resource_type=result.resource_type,
                resource_name=result.name,
                error_code=errors.NONE if result.error is None else result.error.code,
                error_message=None if result.error is None else result.error.message,
            )
            for result in ctx.services.controller.alter_configs(wanted, request.validate_only)
        ]
    )


def incremental_alter_configs(
    ctx: Context, request: incremental.IncrementalAlterConfigsRequest
) -> incremental.IncrementalAlterConfigsResponse:
    """Change only the settings that are named: set, delete, append to a list, subtract from it (CONF-13)."""
    wanted = [
        Alteration(
            each.resource_type,
            each.resource_name,
            [(entry.name, entry.config_operation, entry.value) for entry in each.configs],
        )
        for each in request.resources
    ]
    return incremental.IncrementalAlterConfigsResponse(
        responses=[
            incremental.AlterConfigsResourceResponse(
                resource_type=result.resource_type,
                resource_name=result.name,
                error_code=errors.NONE if result.error is None else result.error.code,
                error_message=None if result.error is None else result.error.message,
            )
            for result in ctx.services.controller.alter_configs(wanted, request.validate_only)
        ]
    )


def list_config_resources(ctx: Context, request: ListConfigResourcesRequest) -> ListConfigResourcesResponse:
    """List what has settings, by type: all topics and brokers, and what groups and subscriptions something is set on.

    No types ask for all of them (CONF-24).
    """
    wanted = set(request.resource_types or _TYPES) if ctx.version >= _ALL_TYPES_SINCE else {CLIENT_METRICS}
    if not wanted <= set(_TYPES):
        raise KafkaError(errors.UNSUPPORTED_VERSION, f"Unsupported resource types in {sorted(wanted)}")
    return ListConfigResourcesResponse(
        config_resources=[
            ConfigResource(resource_name=name, resource_type=kind)
            for kind in _TYPES
            if kind in wanted
            for name in _names(ctx.services.image, kind)
        ]
    )


def _names(image: Image, resource_type: int) -> Iterable[str]:
    if resource_type == TOPIC:
        return image.topics
    if resource_type in (BROKER, BROKER_LOGGER):
        return map(str, image.brokers)
    return [name for kind, name in image.configs if kind == resource_type]
