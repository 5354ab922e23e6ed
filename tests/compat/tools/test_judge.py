"""What makes a cell green, and what must not."""

from tests.compat.tools.judge import Outcome, Said, judge
from tests.compat.tools.model import Flow, Run
from tests.compat.tools.normalise import CONFIGS_IN_ANY_ORDER, normalised


def an_outcome(out: str = "fine", run: Run | None = None, *, err: str = "", status: int = 0, hung: str = "") -> Outcome:
    return Outcome([Said(run or Run("--list"), "tool --list", status, out, err, hung)])


FLOW = Flow("list", [])


def test_equal_outputs_pass() -> None:
    assert judge(FLOW, an_outcome(), an_outcome()).status == "pass"


def test_different_outputs_fail_and_are_shown() -> None:
    verdict = judge(FLOW, an_outcome("one"), an_outcome("two"))
    assert verdict.status == "fail"
    assert {"-two", "+one"} <= set(verdict.difference.splitlines())


def test_the_exit_status_and_stderr_are_compared() -> None:
    assert judge(FLOW, an_outcome(status=1), an_outcome()).status == "fail"
    assert judge(FLOW, an_outcome(err="x"), an_outcome()).status == "fail"


def test_the_same_unexpected_error_on_both_is_no_pass() -> None:
    failed = an_outcome("Error: no", status=0)
    assert judge(FLOW, failed, failed).status == "fail"
    silent = an_outcome("")
    assert judge(FLOW, silent, silent).status == "fail"
    ended = an_outcome(status=3)
    assert judge(FLOW, ended, ended).status == "fail"


def test_an_error_that_is_the_point_must_be_that_error() -> None:
    run = Run("--list", refused="does not exist")
    expected, another = an_outcome("Error: it does not exist", run), an_outcome("Error: out of memory", run)
    assert judge(FLOW, expected, expected).status == "pass"
    assert judge(FLOW, another, another).status == "fail"


def test_a_run_that_hangs_is_a_timeout_even_where_a_feature_is_missing() -> None:
    flow = Flow("list", [], not_yet="transactions")
    assert judge(flow, an_outcome(hung="main"), an_outcome()).status == "timeout"


def test_what_is_not_built_yet_turns_green_by_itself() -> None:
    flow = Flow("list", [], not_yet="transactions")
    assert judge(flow, an_outcome("no"), an_outcome()).status == "not-yet"
    assert judge(flow, an_outcome(), an_outcome()).status == "pass"


def test_only_the_lines_that_are_explained_may_differ() -> None:
    flow = Flow("list", [], differs="as explained", differing_lines=r"port \d+")
    assert judge(flow, an_outcome("port 1\nsame"), an_outcome("port 2\nsame")).status == "differs"
    assert judge(flow, an_outcome("port 1\nother"), an_outcome("port 2\nsame")).status == "fail"


def test_known_texts_are_replaced_longest_first() -> None:
    assert normalised("/a/b/c /a", {"/a": "A", "/a/b": "B"}, ()) == "B/c A"


def test_configs_are_compared_in_any_order() -> None:
    text = "Configs: b=1,2,a=3"
    assert normalised(text, {}, [CONFIGS_IN_ANY_ORDER]) == "Configs: a=3,b=1,2"
