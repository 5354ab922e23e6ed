"""DescribeAcls (29), CreateAcls (30), DeleteAcls (31): who may do what. There is no authorizer: everybody may do all.

All three: v1 pattern types (KIP-290) · v2 flexible · v3 user resources (KIP-373).
"""

from __future__ import annotations

from typing import Final

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.errors import KafkaError, Malformed
from pykbroker.wire.messages.create_acls import CreateAclsRequest, CreateAclsResponse
from pykbroker.wire.messages.delete_acls import DeleteAclsRequest, DeleteAclsResponse
from pykbroker.wire.messages.describe_acls import DescribeAclsRequest, DescribeAclsResponse

_UNKNOWN: Final = 0


def describe_acls(ctx: Context, request: DescribeAclsRequest) -> DescribeAclsResponse:
    """Refuse with SECURITY_DISABLED (SEC-13)."""
    _check(request.resource_type_filter, request.pattern_type_filter, request.operation, request.permission_type)
    raise _disabled("No Authorizer is configured on the broker")


def create_acls(ctx: Context, request: CreateAclsRequest) -> CreateAclsResponse:
    """Refuse each of the new rules with SECURITY_DISABLED (SEC-13)."""
    for each in request.creations:
        _check(each.resource_type, each.resource_pattern_type, each.operation, each.permission_type)
    raise _disabled()


def delete_acls(ctx: Context, request: DeleteAclsRequest) -> DeleteAclsResponse:
    """Refuse each of the filters with SECURITY_DISABLED (SEC-13)."""
    for each in request.filters:
        _check(each.resource_type_filter, each.pattern_type_filter, each.operation, each.permission_type)
    raise _disabled()


def _check(*numbers: int) -> None:
    """Drop a client that sends the number of its own «I do not know», as Kafka does when it reads the request."""
    if _UNKNOWN in numbers:
        raise Malformed("an ACL request has UNKNOWN elements")


def _disabled(words: str = "No Authorizer is configured.") -> KafkaError:
    return KafkaError(errors.SECURITY_DISABLED, words)
