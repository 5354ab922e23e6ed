"""A mark for what Apache Kafka does and pykbroker does not do yet: the test waits for whoever builds the feature."""

import pytest

from tests.compat.process import KAFKA


def not_yet(what: str) -> pytest.MarkDecorator:
    """Expect the test to fail against pykbroker, which has no `what`; take the mark away when it has.

    The test is not run meanwhile: some clients wait half a minute for what is not there.
    """
    return pytest.mark.xfail(not KAFKA, reason=f"not yet: {what}", run=False)
