"""What a red cell is worth, given what Apache Kafka got in the same place."""

import pytest

from tests.compat import cells
from tests.compat.cells import Cell, excused

RED = Cell("suite", "test", cells.FAIL, "it broke")


def test_a_failure_that_kafka_shares_says_nothing_about_pykbroker() -> None:
    cell = excused(RED, Cell("suite", "test", cells.TIMEOUT, "it hung", "kafka.log"))

    assert (cell.status, cell.log) == (cells.LIKE_KAFKA, "kafka.log")
    assert "it hung" in cell.reason


@pytest.mark.parametrize("referee", [None, Cell("suite", "test", cells.PASS)])
def test_a_failure_that_kafka_does_not_share_stays_red(referee: Cell | None) -> None:
    assert excused(RED, referee) == RED


def test_a_pass_stays_one_whatever_kafka_got() -> None:
    passed = Cell("suite", "test", cells.PASS)

    assert excused(passed, RED) == passed
