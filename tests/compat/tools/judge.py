"""What two outcomes of a flow make of its cell. Pure: texts in, a verdict out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff

from tests.compat.tools.model import Flow, Run

COMPLAINT = re.compile(
    r"(?m)\bException\b|\bError\b|\bERROR\b|^Failed|\bWARN\b|^usage:|^Usage:|[a-z]Exception\b|Missing required"
)
"""What no output may have in it that is compared as a success."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one run of a program came to, normalised. `hung` is not empty when its time was up."""

    run: Run
    command: str
    status: int
    out: str
    err: str
    hung: str = ""

    def transcript(self) -> str:
        """Return it as it is compared."""
        return f"$ {self.command}\n{self.out}\n--- stderr\n{self.err}\n--- status {self.status}\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """All runs of a flow on one broker; `broke` says why there are not more of them."""

    said: Sequence[Said]
    broke: str = ""
    seconds: float = 0.0

    def transcript(self) -> str:
        """Return all runs, one below the other."""
        return "\n".join(said.transcript() for said in self.said) + (f"\nbroke: {self.broke}\n" if self.broke else "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A cell: its status, why, and the lines in which the brokers differ."""

    status: str
    reason: str = ""
    difference: str = ""


def judge(flow: Flow, ours: Outcome, kafkas: Outcome) -> Verdict:
    """Return the cell of a flow that ran on both brokers."""
    if wrong := unfit(kafkas):
        return Verdict("fail", f"Apache Kafka: {wrong[0]}", "\n".join(wrong))
    if hung := [said for said in ours.said if said.hung]:
        return Verdict("timeout", f"{hung[0].command[:80]}: did not end within {flow.limit_s:.0f} s")
    difference = list(
        unified_diff(
            kafkas.transcript().splitlines(),
            ours.transcript().splitlines(),
            "Apache Kafka",
            "pykbroker",
            lineterm="",
            n=1,
        )
    )
    if not difference:
        return Verdict("pass")
    text = "\n".join(difference)
    changed = [line[1:] for line in difference[2:] if line[0] in "+-"]
    if flow.differing_lines and not all(re.fullmatch(flow.differing_lines, line) for line in changed):
        return Verdict("fail", f"{len(changed)} lines differ from Apache Kafka's, and not as expected", text)
    if flow.not_yet:
        return Verdict("not-yet", flow.not_yet, text)
    if flow.differs:
        return Verdict("differs", flow.differs, text)
    return Verdict("fail", ours.broke or f"{len(changed)} lines differ from Apache Kafka's", text)


def unfit(kafkas: Outcome) -> list[str]:
    """Return why the referee's outcome shows nothing, if it does not."""
    wrong = [f"{said.command[:100]}: {why}" for said in kafkas.said if (why := _unfit(said))]
    return [*wrong, kafkas.broke] if kafkas.broke else wrong


def _unfit(said: Said) -> str:
    both = f"{said.out}\n{said.err}"
    if said.hung:
        return "did not end in time"
    if said.status != said.run.status:
        return f"ended with {said.status}: {(said.err or said.out)[-200:]}"
    if said.run.refused:
        return "" if said.run.refused in both else f"does not say {said.run.refused!r}: {both.strip()[-200:]}"
    if complaint := COMPLAINT.search(both):
        return f"complains: {both[complaint.start() : complaint.start() + 200]}"
    if not said.run.silent and not both.strip():
        return "says nothing"
    return ""
