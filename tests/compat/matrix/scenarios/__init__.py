"""The scenarios, in the order of the page: importing the modules registers them."""

from tests.compat.matrix.scenario import scenario

from tests.compat.matrix.scenarios import records  # isort: skip
from tests.compat.matrix.scenarios import positions  # isort: skip
from tests.compat.matrix.scenarios import groups  # isort: skip
from tests.compat.matrix.scenarios import commits  # isort: skip
from tests.compat.matrix.scenarios import failures  # isort: skip
from tests.compat.matrix.scenarios import administration  # isort: skip
from tests.compat.matrix.scenarios import unbuilt  # isort: skip

SCENARIOS = scenario.scenarios

__all__ = ["SCENARIOS", "administration", "commits", "failures", "groups", "positions", "records", "unbuilt"]
