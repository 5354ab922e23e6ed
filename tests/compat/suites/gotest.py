"""Go modules' own tests, from the module cache: copied, compiled to one program, and run one test at a time.

The tests find the broker behind a `Proxy`. One that passed or was skipped without a connection has nothing to
say of a broker and gets no cell; nor does a test count as passed of which all parts were skipped.
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.compat.cells import FAIL, NOT_YET, PASS, TIMEOUT, UNSUPPORTED
from tests.compat.matrix.client import run
from tests.compat.proxying import Proxy
from tests.compat.suites.running import Cell, Ended, log_path, relative, run_logged

TEST_LIMIT_S = 240.0


def copied(module: str, version: str, directory: Path) -> Path:
    """Return a writable copy of a module's sources below `directory`; made if it is not there yet."""
    target = directory / f"source-{version}"
    if not target.exists():
        fetched = json.loads(run(["go", "mod", "download", "-json", f"{module}@v{version}"]))
        shutil.copytree(fetched["Dir"], target, copy_function=shutil.copyfile)
        for each in (target, *target.rglob("*")):
            each.chmod(0o755 if each.is_dir() else 0o644)  # the cache is read-only
    return target


def compiled(source: Path, package: str, binary: Path, tags: Sequence[str] = ()) -> Path:
    """Compile a package's tests into a program; its go.mod, which is our copy, may be put in order for that."""
    run(["go", "test", "-c", "-mod=mod", "-tags", ",".join(tags), "-o", binary, package], cwd=source)
    return binary


def tests_of(binary: Path, cwd: Path) -> list[str]:
    """Return the names of all top-level tests."""
    return [line for line in run([binary, "-test.list", "^Test"], cwd=cwd).splitlines() if line.startswith("Test")]


@dataclass(frozen=True, slots=True)
class GoTests:
    """A program of tests, and the broker that they run against, behind a proxy."""

    suite: str
    row: str
    binary: Path
    cwd: Path
    kind: str
    proxy: Proxy
    environment: Mapping[str, str]
    not_yet: Mapping[str, str]
    """What pykbroker lacks for a test, by the test's name."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Parts that cannot be run, by the test's name: a pattern of the parts' names."""

    def cell(self, test: str, note: str = "", **extra: str) -> Cell | None:
        """Run a test; None when it did not need a broker. `note` is added to its column, `extra` to the environment."""
        parts = self.left_out.get(test)
        column = " ".join(filter(None, (test, note, f"(without {parts})" if parts else "")))
        if self.kind == "pykbroker" and test in self.not_yet:
            return Cell(self.row, column, NOT_YET, self.not_yet[test])
        log = log_path(self.suite, self.kind, column)
        before = self.proxy.connections
        ended = run_logged(
            [
                self.binary, "-test.v", "-test.run", f"^{test}$", "-test.timeout", f"{TEST_LIMIT_S:.0f}s",
                *(("-test.skip", f"{test}/{parts}") if parts else ()),
            ],
            log, TEST_LIMIT_S + 10, self.cwd, {**self.environment, **extra},
        )  # fmt: skip
        status, reason = outcome(test, ended)
        if status in (PASS, UNSUPPORTED) and self.proxy.connections == before:
            return None
        return Cell(self.row, column, status, reason, relative(log), round(ended.seconds, 1))


def outcome(test: str, ended: Ended) -> tuple[str, str]:
    """Return what a test's output says: a status and its reason."""
    if ended.status is None or "panic: test timed out" in ended.output:
        return TIMEOUT, f"stopped after {ended.seconds:.0f} s"
    verdicts = re.findall(rf"--- (PASS|FAIL|SKIP): {test}(/\S+)? \(", ended.output)
    whole = {verdict for verdict, part in verdicts if not part}
    parts = {verdict for verdict, part in verdicts if part}
    logged = "; ".join(re.findall(r"^\s+\w+\.go:\d+: (.*)$", ended.output, re.MULTILINE))
    if ended.status != 0 or not whole or "FAIL" in whole:
        return FAIL, _complaint(ended.output)
    if "SKIP" in whole or parts == {"SKIP"}:
        waits_for = next((name for name in ("KIP-848", "share groups") if name in logged), None)
        return (NOT_YET, waits_for) if waits_for else (UNSUPPORTED, f"skipped: {logged}"[:200])
    return PASS, ""


def _complaint(output: str) -> str:
    """Return the last line in which a test complains."""
    said = re.findall(r"^\s+\w+_test\.go:\d+: (.+)$|^(panic: .+)$", output, re.MULTILINE)
    return "".join(said[-1])[:200] if said else "no verdict"
