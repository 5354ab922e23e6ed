"""The fixtures, in pytest runs of their own: tests as users would write them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import pykbroker.testing.embedded
import pykbroker.testing.groups  # noqa: F401  # here once, instead of in every run
from tests.testing.inner import MODULE, OPTIONS
from tests.testing.leaks import nothing_left_behind

pytest_plugins = "pytester"

ROOT = Path(__file__).parents[2]


def passes(pytester: pytest.Pytester, code: str, *options: str, **outcomes: int) -> pytest.RunResult:
    """Run tests in this process; all must pass, or end in these outcomes."""
    pytester.makepyfile(code)
    result = pytester.runpytest_inprocess(*OPTIONS, *options)
    expected = outcomes or {"passed": code.count("def test_")}
    result.assert_outcomes(**expected)
    return result


def test_the_plugin_is_what_pytest_finds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"pykbroker": MODULE}
    assert import_module(MODULE).kafka


def test_importing_the_plugin_imports_nothing_else_of_ours() -> None:
    program = (
        f"import sys, pytest; before = set(sys.modules); import {MODULE};"
        "print(*sorted(set(sys.modules) - before), sep=',')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == f"pykbroker,pykbroker.testing,{MODULE}"


def test_tests_find_a_clean_broker_each(pytester: pytest.Pytester) -> None:
    passes(
        pytester,
        """
        def test_first(kafka):
            assert kafka.topics() == []
            kafka.topic("orders").produce("x")

        def test_second(kafka, kafka_broker):
            assert kafka.topics() == []
            assert kafka is kafka_broker
        """,
    )


def test_what_a_session_has_prepared_stays(pytester: pytest.Pytester) -> None:
    passes(
        pytester,
        """
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def prepared(kafka_broker):
            kafka_broker.topic("prepared").produce("x")

        def test_first(kafka):
            kafka.create_topic("orders")

        def test_second(kafka):
            assert kafka.topics() == ["prepared"]
        """,
    )


def test_a_topic_is_new_and_named_after_its_test(pytester: pytest.Pytester) -> None:
    passes(
        pytester,
        """
        import pytest

        def test_plain(kafka_topic, kafka):
            assert kafka_topic.name == "test_plain-1"
            assert kafka_topic.partitions == 1
            assert kafka.topics() == ["test_plain-1"]

        @pytest.mark.parametrize("value", ["a/b c", "é" * 300], ids=str)
        def test_cleaned(kafka_topic, value):
            assert kafka_topic.name in ("test_cleaned-a-b-c-1", "test_cleaned-1") or len(kafka_topic.name) <= 102
            assert kafka_topic.produce(value).offset == 0

        @pytest.fixture
        def another(kafka):
            return kafka.create_topic("test_taken-1")

        def test_taken(another, kafka_topic):
            assert kafka_topic.name == "test_taken-2"
        """,
        passed=4,
    )


def test_marks_ask_for_settings_and_equal_ones_share_a_broker(pytester: pytest.Pytester) -> None:
    passes(
        pytester,
        """
        import pytest

        @pytest.mark.kafka(num_partitions=2)
        class TestTwo:
            def test_one(self, kafka, kafka_topic):
                TestTwo.first = kafka
                assert kafka_topic.partitions == 2

            @pytest.mark.kafka(config={"num.partitions": 2})
            def test_two(self, kafka, kafka_broker):
                assert kafka is TestTwo.first is not kafka_broker

            @pytest.mark.kafka(num_partitions=3, auto_create_topics_enable=False)
            def test_closest_wins(self, kafka, kafka_topic):
                assert kafka_topic.partitions == 3
        """,
    )


def test_the_ini_option_is_for_all(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nkafka_config =\n    num.partitions=3\n    log.retention.ms = 1000\n")
    passes(
        pytester,
        """
        import pytest

        def test_plain(kafka_broker, kafka, kafka_topic):
            assert kafka is kafka_broker
            assert kafka_topic.partitions == 3

        @pytest.mark.kafka(log_retention_ms=2000)
        def test_marked(kafka_topic):
            assert kafka_topic.partitions == 3
        """,
    )


def test_a_broker_that_a_test_stopped_is_started_for_the_next(pytester: pytest.Pytester) -> None:
    passes(
        pytester,
        """
        def test_first(kafka):
            kafka.stop()

        def test_second(kafka):
            assert kafka.topics() == []
        """,
    )


def test_a_fixture_of_the_users_can_replace_the_broker(pytester: pytest.Pytester) -> None:
    passes(
        pytester,
        """
        import pytest
        from pykbroker.testing import Broker

        @pytest.fixture(scope="session")
        def kafka_broker():
            with Broker(num_partitions=5) as broker:
                yield broker

        def test_it(kafka_topic):
            assert kafka_topic.partitions == 5
        """,
    )


@pytest.mark.parametrize(
    ("ini", "mark", "line"),
    [
        ("", "num_partition=3", "kafka: num.partition: is not a setting; is num.partitions meant?"),
        ("", "num_partitions='x'", "kafka: num.partitions: must be a whole number of 32 bits, not 'x'"),
        ("", "{'num.partitions': 3}", "kafka: the mark takes settings by name, such as num_partitions=3"),
        ("", "listeners='PLAINTEXT://256.0.0.1:0'", "kafka: listeners: cannot resolve 256.0.0.1: *"),
        ("num.partitions", "", "kafka: kafka_config: 'num.partitions' is not NAME=VALUE"),
    ],
)
def test_a_wrong_setting_is_one_line(pytester: pytest.Pytester, ini: str, mark: str, line: str) -> None:
    pytester.makeini(f"[pytest]\nkafka_config = {ini}\n")
    code = f"import pytest\n@pytest.mark.kafka({mark})\ndef test_it(kafka):\n    pass\n"
    result = passes(pytester, code, errors=1)
    result.stdout.fnmatch_lines([line])
    assert "Traceback" not in result.stdout.str()
    assert "pytest_plugin.py" not in result.stdout.str()


def test_the_mark_is_known(pytester: pytest.Pytester) -> None:
    passes(
        pytester,
        "import pytest\n@pytest.mark.kafka(num_partitions=2)\ndef test_it(kafka):\n    pass\n",
        "--strict-markers",
    )
    listed = pytester.runpytest_inprocess(*OPTIONS, "--markers")
    listed.stdout.fnmatch_lines(["@pytest.mark.kafka(*settings, config={}*"])


def test_a_failure_shows_the_users_line_and_the_topic(pytester: pytest.Pytester) -> None:
    result = passes(
        pytester,
        """
        def test_it(kafka_topic):
            kafka_topic.produce({"id": 1}, key="a")
            kafka_topic.expect(key="b", within=0)
        """,
        failed=1,
    )
    result.stdout.fnmatch_lines(
        [
            '>       kafka_topic.expect(key="b", within=0)',
            "E       AssertionError: no record with key 'b' within 0 s",
            "E       test_it-1 has 1 record in 1 partition:",
            "E         0:0  key='a'  value='{\"id\": 1}'",
        ]
    )
    assert "topics.py" not in result.stdout.str()


def test_consumers_that_a_test_left_are_warned_of(pytester: pytest.Pytester) -> None:
    result = passes(
        pytester,
        """
        from confluent_kafka import Consumer

        left = []

        def test_it(kafka, kafka_topic):
            left.append(Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "g", "log_level": 0}))
            left[0].subscribe([kafka_topic.name])
            kafka.group("g").wait_stable(members=1)

        def test_next(kafka):
            left.pop().close()
            assert kafka.topics() == []
        """,
        passed=2,
        warnings=1,
    )
    result.stdout.fnmatch_lines(["*kafka: the test left consumers of group g running"])


def test_everything_is_stopped_when_the_session_ends(pytester: pytest.Pytester) -> None:
    with nothing_left_behind():
        passes(
            pytester,
            """
            import pytest

            def test_plain(kafka):
                kafka.topic("orders").produce("x")

            @pytest.mark.kafka(num_partitions=2)
            def test_marked(kafka):
                kafka.topic("orders").produce("x")
            """,
        )


def test_every_worker_of_xdist_has_a_broker_of_its_own(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", range(20))
        def test_alone(kafka, kafka_broker, worker_id, number, record_property):
            assert kafka.topics() == []
            kafka.topic(worker_id).produce(str(number))
            print(f"at {kafka.bootstrap_servers}")
        """
    )
    result = pytester.runpytest_subprocess(*OPTIONS, "-n", "2", "-rP")
    result.assert_outcomes(passed=20)
    assert len({line for line in result.outlines if line.startswith("at 127.0.0.1:")}) == 2
