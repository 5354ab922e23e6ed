"""COORD: FindCoordinator."""

from pykbroker.wire.messages.find_coordinator import FindCoordinatorRequest
from tests.compat.oracle.groups import stable
from tests.compat.oracle.node import Node
from tests.compat.oracle.statement import statement


@statement("COORD-01", "COORD-02", "COORD-03", "COORD-05", "COORD-10", api=FindCoordinatorRequest, until=3)
def one_key(at: Node) -> None:
    for key in (at.name, "", "ä"):
        answer = at.send(FindCoordinatorRequest(key=key, key_type=0))
        assert (answer.error_code, answer.node_id) == (0, 1)


@statement("COORD-01", "COORD-04", "COORD-10", api=FindCoordinatorRequest, since=4)
def several_keys(at: Node) -> None:
    answer = at.send(FindCoordinatorRequest(key_type=0, coordinator_keys=[at.name, "", "b", at.name]))
    assert [each.error_code for each in answer.coordinators] == [0] * len(answer.coordinators)
    assert at.send(FindCoordinatorRequest(key_type=0, coordinator_keys=[])).coordinators == []


@statement("COORD-07", api=FindCoordinatorRequest, since=1, until=5)
def share_coordinator_too_early(at: Node) -> None:
    answer = at.send(
        FindCoordinatorRequest(key="g:x:0", key_type=2, coordinator_keys=["g:x:0"] if at.version >= 4 else [])
    )
    assert (answer.coordinators[0].error_code if at.version >= 4 else answer.error_code) == 42


@statement("COORD-08", api=FindCoordinatorRequest, since=1)
def unknown_key_type(at: Node) -> None:
    answer = at.send(FindCoordinatorRequest(key="g", key_type=9, coordinator_keys=["g"] if at.version >= 4 else []))
    assert (answer.coordinators[0].error_code if at.version >= 4 else answer.error_code) == 42


@statement("COORD-06", api=FindCoordinatorRequest, since=1)
def transaction_coordinator(at: Node) -> None:
    def ask() -> FindCoordinatorRequest:
        return FindCoordinatorRequest(key="t", key_type=1, coordinator_keys=["t"] if at.version >= 4 else [])

    def found() -> bool:
        answer = at.ask(ask())
        return not (answer.coordinators[0] if at.version >= 4 else answer).error_code

    at.until(found, "the transaction coordinator is there")
    at.send(ask())


@statement("COORD-03")
def groups_work_on_one_node(at: Node) -> None:
    assert stable(at)[0].generation == 1
