"""The README says what is: the table of deviating defaults is that of the configuration; the test in it passes."""

import sys
from pathlib import Path

import pytest

from pykbroker.config import deviations
from tests.code_blocks import code_blocks
from tests.testing.inner import OPTIONS

pytest_plugins = "pytester"

README = Path(__file__).parent.parent / "README.md"


def deviation_table() -> str:
    rows = [f"| `{name}` | `{ours}` | {f'`{kafkas}`' if kafkas is not None else '—'} | {why} |"
            for name, ours, kafkas, why in deviations()]  # fmt: skip
    return "\n".join(["| Property | Here | Kafka | Because |", "|---|---|---|---|", *rows])


def test_readme_lists_every_default_that_is_not_kafkas() -> None:
    text = README.read_text()
    start, end = "<!-- deviations -->\n", "\n<!-- /deviations -->"
    assert text[text.index(start) + len(start) : text.index(end)] == deviation_table()


def test_readme_names_every_dependency() -> None:
    text = README.read_text()
    for name in (
        "crc32c", "lz4", "zstandard", "python-snappy",
        "kafka-python", "confluent-kafka", "aiokafka", "kio", "pytest-xdist",
    ):  # fmt: skip
        assert f"`{name}`" in text


def test_the_test_in_the_readme_passes(pytester: pytest.Pytester) -> None:
    section = README.read_text().split("\n## In your tests\n")[1].split("\n## ")[0]
    test, script = code_blocks(section)
    pytester.makepyfile(test)
    result = pytester.runpytest_inprocess(*OPTIONS)
    result.assert_outcomes(passed=test.count("def test_"))
    done = pytester.run(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(README.parent)!r})\n{script}")
    done.stdout.re_match_lines([r"127\.0\.0\.1:\d+$"])
