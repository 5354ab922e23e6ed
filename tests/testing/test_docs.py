"""docs/testing.md: what it shows works."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.code_blocks import code_blocks
from tests.testing.inner import OPTIONS

pytest_plugins = "pytester"

BLOCKS = code_blocks((Path(__file__).parents[2] / "docs" / "testing.md").read_text())


def block_with(text: str) -> str:
    (found,) = (block for block in BLOCKS if text in block)
    return found


def test_a_test_with_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(block_with("def test_an_order_is_published(kafka)"))
    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=1)


def test_settings_in_an_ini_file_and_in_a_mark(pytester: pytest.Pytester) -> None:
    ini, test = block_with("# pytest.ini").split("\n\n")
    pytester.makeini(ini)
    pytester.makepyfile("import pytest\n" + test)
    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=1)


def test_a_broker_of_the_users_own(pytester: pytest.Pytester, tmp_path: Path) -> None:
    fixture = block_with("def kafka_broker():").replace("/some/where", str(tmp_path))
    pytester.makeconftest("import pytest\nfrom pykbroker.testing import Broker\n" + fixture)
    pytester.makepyfile(f"def test_it(kafka):\n    assert kafka.directory == {str(tmp_path)!r}")
    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=1)


def test_brokers_without_pytest() -> None:
    names: dict[str, Any] = {}
    exec(block_with("async with Broker() as kafka:"), names)
    asyncio.run(names["scenario"]())
