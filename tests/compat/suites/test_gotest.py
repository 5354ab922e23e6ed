"""How the output of a Go test becomes a cell."""

from tests.compat.suites.gotest import outcome
from tests.compat.suites.running import Ended


def ended(*lines: str, status: int | None = 0) -> Ended:
    return Ended(status, "\n".join(lines) + "\n", 1.0)


def test_a_test_that_passed_has_passed() -> None:
    assert outcome("TestX", ended("=== RUN   TestX", "--- PASS: TestX (0.10s)", "PASS")) == ("pass", "")


def test_a_test_that_said_nothing_has_not_passed() -> None:
    assert outcome("TestX", ended("testing: warning: no tests to run", "PASS")) == ("fail", "no verdict")


def test_the_verdict_on_another_test_is_none() -> None:
    assert outcome("TestX", ended("--- PASS: TestXY (0.10s)", "PASS"))[0] == "fail"


def test_a_skip_is_no_pass_and_tells_why() -> None:
    said = ended("    x_test.go:3: no docker here", "    x_test.go:9: bye", "--- SKIP: TestX (0.00s)")
    assert outcome("TestX", said) == ("unsupported", "skipped: no docker here; bye")


def test_a_test_is_skipped_when_all_its_parts_are() -> None:
    said = ended("    x_test.go:3: too old", "--- PASS: TestX (0.00s)", "    --- SKIP: TestX/one (0.00s)")
    assert outcome("TestX", said) == ("unsupported", "skipped: too old")


def test_a_test_passes_with_one_part_that_ran() -> None:
    said = ended("--- PASS: TestX (0.00s)", "    --- SKIP: TestX/one (0.00s)", "    --- PASS: TestX/two (0.00s)")
    assert outcome("TestX", said) == ("pass", "")


def test_what_a_skip_waits_for_makes_it_not_yet() -> None:
    said = ended("    x.go:3: broker does not support share groups (requires ShareFetch v2)", "--- SKIP: TestX (0.00s)")
    assert outcome("TestX", said) == ("not-yet", "share groups")


def test_a_failure_tells_the_last_complaint() -> None:
    said = ended("    x_test.go:3: topic made", "    x_test.go:4: got 3, wanted 4", "--- FAIL: TestX (0.00s)", status=1)
    assert outcome("TestX", said) == ("fail", "got 3, wanted 4")


def test_a_program_that_ended_badly_after_a_pass_has_failed() -> None:
    said = ended("--- PASS: TestX (0.00s)", "panic: closed twice", status=2)
    assert outcome("TestX", said) == ("fail", "panic: closed twice")


def test_a_test_that_was_stopped_is_a_timeout() -> None:
    assert outcome("TestX", ended("=== RUN   TestX", status=None))[0] == "timeout"
