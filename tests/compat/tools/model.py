"""The words that flows are written in.

A `Tool` has `Flow`s, columns of the page; a flow is a list of steps. Most steps are `Run`s of the tool, whose output
and exit status are compared between the brokers; the others (`before.py`) make what the tool is to find. In texts,
`$name` stands for what the place gives (`place.py`): `$bootstrap`, `$topic` and `$group` (of this flow alone), `$dir`.

A flow that fails on both brokers has shown nothing. So Kafka's output is held to what the flow says: it ends with
`status`, has no complaint in it unless `refused` quotes it, and is not empty unless `silent`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tests.compat.tools.normalise import Rule

if TYPE_CHECKING:
    from tests.compat.tools.place import Place


class Preparation(Protocol):
    """A step that is not compared."""

    def do(self, place: "Place") -> None:
        """Make it so."""


@dataclass(frozen=True, slots=True)
class Run:
    """One call of a command line. `arguments` are split as a shell would, then placeholders are filled in."""

    arguments: str
    stdin: str = ""
    tool: str = ""
    """Another tool than the flow's, by name; it gets nothing of what the flow's tool always gets."""
    status: int = 0
    refused: str = ""
    """The complaint that is the point of this run: a part of what Kafka's tool says."""
    silent: bool = False
    rules: Sequence[Rule] = ()
    """What may differ here, beside what may differ everywhere."""
    any_order: bool = False
    """Lines come in an order that means nothing, such as that of a hash table keyed by topic ids."""
    until: str = ""
    """Run again, for a while, until it says this on Kafka and here: what becomes so soon, but not at once."""

    interrupt_at: str = ""
    """One of Kafka's tools that does not end by itself: in a JVM of its own, press Ctrl-C once it has said this."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One cell of the page. `not_yet` and `differs` say why pykbroker may answer otherwise; equal answers pass."""

    name: str
    steps: Sequence[Run | Preparation]
    not_yet: str = ""
    """The feature that pykbroker has not got yet."""
    differs: str = ""
    """What differs, as docs/skipped.md explains."""
    differing_lines: str = ""
    """With either: a regular expression that every differing line matches as a whole; all others must be equal."""
    limit_s: float = 60.0
    """For each run."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One row of the page."""

    name: str
    program: str
    """A Java class of Kafka's tools; or else the name of a program in `programs.py`."""
    flows: Sequence[Flow]
    always: str = "--bootstrap-server $bootstrap"
    """Arguments of every run, before the run's own."""
    rules: Sequence[Rule] = field(default=())
    """What may differ in every output of this tool."""

    @property
    def is_java(self) -> bool:
        """Whether it is one of Kafka's own, which run in a JVM."""
        return "." in self.program
