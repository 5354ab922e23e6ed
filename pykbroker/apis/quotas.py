"""DescribeClientQuotas (48), AlterClientQuotas (49): limits for users, client ids and addresses.

Both: v0 KIP-546 · v1 flexible. Quotas are stored and described; nothing is slowed down by them yet.
"""

from __future__ import annotations

from pykbroker.apis.context import Context
from pykbroker.errors import KafkaError
from pykbroker.metadata import quotas
from pykbroker.metadata.quotas import QuotaAlteration, QuotaResult
from pykbroker.wire.messages.alter_client_quotas import (
    AlterClientQuotasRequest,
    AlterClientQuotasResponse,
    AlterClientQuotasResponseEntityData,
    AlterClientQuotasResponseEntryData,
)
from pykbroker.wire.messages.describe_client_quotas import (
    DescribeClientQuotasRequest,
    DescribeClientQuotasResponse,
    EntityData,
    EntryData,
    ValueData,
)


def describe_client_quotas(ctx: Context, request: DescribeClientQuotasRequest) -> DescribeClientQuotasResponse:
    """List the quotas of the entities that match; a filter without components matches all, a strict one none."""
    components = [(each.entity_type, each.match_type, each.match) for each in request.components]
    try:
        found = quotas.find(ctx.services.image, components, strict=request.strict)
    except KafkaError as error:
        return DescribeClientQuotasResponse(error_code=error.code, error_message=error.message, entries=None)
    return DescribeClientQuotasResponse(
        entries=[
            EntryData(
                entity=[EntityData(entity_type=kind, entity_name=name) for kind, name in entity],
                values=[ValueData(key=key, value=value) for key, value in values.items()],
            )
            for entity, values in found
        ]
    )


def alter_client_quotas(ctx: Context, request: AlterClientQuotasRequest) -> AlterClientQuotasResponse:
    """Set and remove quotas; an entity succeeds or fails as a whole, and does not disturb the others."""
    wanted = [
        QuotaAlteration(
            [(part.entity_type, part.entity_name) for part in entry.entity],
            [(change.key, None if change.remove else change.value) for change in entry.ops],
        )
        for entry in request.entries
    ]
    results = ctx.services.controller.decide(lambda image: quotas.alter(image, wanted), request.validate_only)
    return AlterClientQuotasResponse(entries=[_altered(result) for result in results])


def _altered(result: QuotaResult) -> AlterClientQuotasResponseEntryData:
    entity = [AlterClientQuotasResponseEntityData(entity_type=kind, entity_name=name) for kind, name in result.entity]
    if result.error is None:
        return AlterClientQuotasResponseEntryData(error_message=None, entity=entity)
    return AlterClientQuotasResponseEntryData(
        error_code=result.error.code, error_message=result.error.message, entity=entity
    )
