"""Finding and administrating groups: FindCoordinator, DescribeGroups, ListGroups, DeleteGroups.

    FindCoordinator  10   v1 key_type and error_message; v3 flexible; v4 several keys (KIP-699); v6 share groups
    DescribeGroups   15   v3 authorized operations (KIP-430); v4 group_instance_id; v5 flexible;
                          v6 GROUP_ID_NOT_FOUND and error_message (KIP-1043)
    ListGroups       16   v3 flexible; v4 states (KIP-518); v5 types (KIP-848)
    DeleteGroups     42   v2 flexible; v3 error_message
"""

from __future__ import annotations

from typing import Final

from pykbroker import errors
from pykbroker.apis import authorized
from pykbroker.apis.context import Context
from pykbroker.apis.endpoints import advertised
from pykbroker.apis.replies import reply_of
from pykbroker.errors import KafkaError
from pykbroker.groups import describing
from pykbroker.groups.membership import group_error
from pykbroker.groups.retention import delete_group
from pykbroker.later import Later, gather, resolved
from pykbroker.wire.messages.delete_groups import DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse
from pykbroker.wire.messages.describe_groups import DescribedGroup, DescribeGroupsRequest, DescribeGroupsResponse
from pykbroker.wire.messages.find_coordinator import Coordinator, FindCoordinatorRequest, FindCoordinatorResponse
from pykbroker.wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse

GROUP: Final = 0
TRANSACTION: Final = 1
SHARE: Final = 2

SEVERAL_KEYS_SINCE: Final = 4
SHARE_SINCE: Final = 6
GROUP_ID_NOT_FOUND_SINCE: Final = 6


def find_coordinator(ctx: Context, request: FindCoordinatorRequest) -> FindCoordinatorResponse:
    """Return who coordinates: this node, whatever the key, as the only one there is (COORD-01, 06, 10)."""
    if ctx.version >= SEVERAL_KEYS_SINCE:
        return FindCoordinatorResponse(
            coordinators=[_coordinator(ctx, request.key_type, key) for key in request.coordinator_keys]
        )
    one = _coordinator(ctx, request.key_type, request.key)
    return FindCoordinatorResponse(
        error_code=one.error_code,
        error_message=one.error_message or errors.name_of(one.error_code),  # "NONE", as Kafka says it (COORD-05)
        node_id=one.node_id,
        host=one.host,
        port=one.port,
    )


def _coordinator(ctx: Context, key_type: int, key: str) -> Coordinator:
    try:
        _check_key(ctx.version, key_type, key)
        if key_type == GROUP:
            ctx.services.groups.make_ready()
    except KafkaError as error:
        return Coordinator(
            key=key, node_id=-1, host="", port=-1, error_code=error.code, error_message=error.message or ""
        )
    node_id, host, port = advertised(ctx.services, ctx.session)
    return Coordinator(key=key, node_id=node_id, host=host, port=port)


def _check_key(version: int, key_type: int, key: str) -> None:
    if key_type in (GROUP, TRANSACTION):
        return
    if key_type != SHARE or version < SHARE_SINCE:
        raise KafkaError(errors.INVALID_REQUEST, f"coordinator key type {key_type} at version {version}")
    group_id, _, rest = key.partition(":")
    topic_id, _, partition = rest.rpartition(":")
    if not group_id or not topic_id or not partition.isdecimal():
        raise KafkaError(errors.INVALID_REQUEST, "a share coordinator's key is group:topicId:partition")  # COORD-07


def describe_groups(ctx: Context, request: DescribeGroupsRequest) -> DescribeGroupsResponse:
    """Return groups with their members. One that does not exist is Dead; from v6 that is an error too (GAD-07)."""
    return DescribeGroupsResponse(groups=[_describe(ctx, request, group_id) for group_id in request.groups])


def _describe(ctx: Context, request: DescribeGroupsRequest, group_id: str) -> DescribedGroup:
    try:
        state = ctx.services.groups.state_for(group_id)
    except KafkaError as error:
        return DescribedGroup(group_id=group_id, error_code=error.code, error_message=error.message)
    group = None if state is None else describing.described(state, group_id)
    if group is None:
        group = describing.dead(group_id)
        if ctx.version >= GROUP_ID_NOT_FOUND_SINCE:
            group.error_code = errors.GROUP_ID_NOT_FOUND
            group.error_message = f"Group {group_id} not found."
    if request.include_authorized_operations:
        group.authorized_operations = authorized.GROUP
    return group


def list_groups(ctx: Context, request: ListGroupsRequest) -> ListGroupsResponse:
    """Return all groups, or those in some states and of some types (GAD-01, GAD-02)."""
    states = {state.lower() for state in request.states_filter}
    types = {kind.lower() for kind in request.types_filter}
    try:
        shards = ctx.services.groups.shards()
    except KafkaError as error:
        return ListGroupsResponse(error_code=error.code)
    return ListGroupsResponse(
        groups=[group for shard in shards for group in describing.listed(shard.state, states, types)]
    )


def delete_groups(
    ctx: Context, request: DeleteGroupsRequest
) -> DeleteGroupsResponse | Later[DeleteGroupsResponse]:
    """Remove Empty groups with their offsets; a name given twice is answered once (GAD-10, GAD-11)."""
    results = [_delete(ctx, group_id) for group_id in dict.fromkeys(request.groups_names)]
    if not any(isinstance(each, Later) for each in results):
        return DeleteGroupsResponse(results=[each for each in results if not isinstance(each, Later)])
    all_results = gather([each if isinstance(each, Later) else resolved(each) for each in results])
    answer: Later[DeleteGroupsResponse] = Later()
    all_results.then(lambda done: answer.resolve(DeleteGroupsResponse(results=done.result())))
    return answer


def _delete(ctx: Context, group_id: str) -> DeletableGroupResult | Later[DeletableGroupResult]:
    def deleted() -> Later[None] | None:
        if ctx.services.groups.state_for(group_id) is None:
            raise KafkaError(errors.GROUP_ID_NOT_FOUND)
        return ctx.services.groups.run(group_id, lambda state: delete_group(state, group_id))

    return reply_of(
        deleted,
        lambda _: DeletableGroupResult(group_id=group_id),
        lambda error: DeletableGroupResult(
            group_id=group_id, error_code=group_error(error.code), error_message=error.message
        ),
    )
