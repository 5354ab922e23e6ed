"""The matrix's own machinery: a driver that hangs, crashes or lies is a cell that says so."""

import json
import sys
import time
from pathlib import Path

import pytest

from tests.compat import cells
from tests.compat.cells import Cell
from tests.compat.matrix import page, regressions
from tests.compat.matrix.client import Client, Missing, run
from tests.compat.matrix.driver import Broken, Driver, Refused, TimeUp, Unsupported
from tests.compat.matrix.lossy import LOSE_EVERY, LossyProxy
from tests.compat.matrix.records import Record, decoded, encoded
from tests.compat.matrix.scenario import Scenario
from tests.compat.matrix.scenarios import SCENARIOS
from tests.compat.process import Broker, free_port

DRIVER = """
import json, sys, time
verb, arguments = sys.argv[1], json.loads(sys.stdin.readline())
tell = lambda **event: print(json.dumps(event), flush=True)
if verb == "echo":
    tell(event="arguments", **arguments)
    for line in sys.stdin:
        tell(event="command", **json.loads(line))
        if json.loads(line)["do"] == "stop":
            break
    tell(event="done")
elif verb == "refuse":
    tell(event="error", error="TOPIC_ALREADY_EXISTS", message="there already")
elif verb == "lack":
    tell(event="unsupported", what="zstd")
elif verb == "crash":
    raise SystemExit("no word on stdout")
elif verb == "lie":
    print("hello", flush=True)
elif verb == "hang":
    time.sleep(600)
"""


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    """A driver that does what its verb says."""
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    return Driver([sys.executable, str(script)], "nowhere:1", tmp_path / "log", time.monotonic() + 20)


def test_arguments_commands_and_events_pass_both_ways(driver: Driver) -> None:
    session = driver.open("echo", topic="t")
    session.until(lambda: session.told("arguments"), "its arguments")
    session.send({"do": "commit"})
    session.send({"do": "stop"})
    events = session.finish()
    assert events[0] == {"event": "arguments", "topic": "t"}
    assert [event["do"] for event in events if event["event"] == "command"] == ["commit", "stop"]
    driver.close()


@pytest.mark.parametrize(
    ("verb", "outcome"), [("refuse", Refused), ("lack", Unsupported), ("crash", Broken), ("lie", Broken)]
)
def test_a_driver_that_fails_says_how(driver: Driver, verb: str, outcome: type[Exception]) -> None:
    with pytest.raises(outcome):
        driver.call(verb)
    driver.close()


def test_a_driver_that_hangs_is_killed_when_the_time_is_up(driver: Driver) -> None:
    session = driver.open("hang")
    with pytest.raises(TimeUp):
        session.finish("anything", limit_s=0.2)
    assert session.process.poll() is not None
    driver.close()


def test_records_survive_the_way_to_a_driver_and_back() -> None:
    """Null and empty are different."""
    headers = (("h", None), ("h", b""))
    sent = [Record(None, b"k"), Record(b"", b""), Record(b"\xff", None, headers), Record(b"v", None, (), 5)]
    assert decoded([{"event": "record", **each} for each in encoded(sent)]) == sent


def test_a_client_that_cannot_be_had_is_missing_with_the_reason(tmp_path: Path) -> None:
    def install(directory: Path) -> list[str]:
        return [run([sys.executable, "-c", "raise SystemExit('no such version')"], directory)]

    with pytest.raises(Missing, match="no such version"):
        Client("x", "y", "1", install).driver(tmp_path)
    with pytest.raises(Missing, match="needs no-such-program"):
        Client("x", "y", "1", install, needs=["no-such-program"]).driver(tmp_path)


def test_a_partial_run_replaces_only_its_own_cells(tmp_path: Path) -> None:
    cells.merge("clients", [Cell("a", "x", cells.PASS), Cell("a", "y", cells.FAIL, "no")], build=tmp_path)
    cells.merge("clients", [Cell("a", "y", cells.PASS)], build=tmp_path)
    assert {key: cell.status for key, cell in cells.read("clients", tmp_path).items()} == {
        ("a", "x"): cells.PASS, ("a", "y"): cells.PASS,
    }  # fmt: skip
    cells.merge("clients", [Cell("a", "y", cells.PASS)], {("a", "y")}, tmp_path)
    assert list(cells.read("clients", tmp_path)) == [("a", "y")]


def test_only_red_cells_that_were_green_are_regressions(tmp_path: Path) -> None:
    before = tmp_path / "page.json"
    statuses = {"x": cells.PASS, "y": cells.FAIL, "z": cells.PASS}
    rows = [{"row": "a", "column": column, "status": status} for column, status in statuses.items()]
    before.write_text(json.dumps({"parts": {"clients": rows}}))
    assert regressions.told("clients", [Cell("a", "y", cells.FAIL), Cell("a", "z", cells.MISSING)], before) == 0
    assert regressions.told("clients", [Cell("a", "new", cells.FAIL)], before) == 0
    assert regressions.told("clients", [Cell("a", "x", cells.TIMEOUT)], before) == 1


def test_the_page_shows_every_cell_and_links_red_ones_to_their_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("docs").mkdir()
    Path("build/compat/logs").mkdir(parents=True)
    Path("build/compat/logs/bad.log").write_text(f"{tmp_path}/secret place\nwhat went wrong\n")
    cells.merge("clients", [
        Cell("go/one@1", "codec-none", cells.PASS), Cell("go/one@1", "codec-gzip", cells.FAIL, "lost", "logs/bad.log"),
        Cell("go/one@1", "codec-lz4", cells.TIMEOUT, "late"), Cell("go/two@1", "codec-none", cells.MISSING, "needs go"),
    ])  # fmt: skip
    cells.merge("clients-on-kafka", [Cell("go/one@1", "codec-lz4", cells.FAIL, "late as well")])
    assert page.main() == 1
    text = Path("docs/compatibility.md").read_text()
    assert "| codec-none | ✓ |" in text
    assert "| codec-gzip | [✗](compatibility/bad.log) |" in text
    assert "| codec-lz4 | ≈ |" in text
    assert "two@1 is not in the table: needs go" in text
    assert Path("docs/compatibility/bad.log").read_text() == "/secret place\nwhat went wrong\n"
    found = json.loads(Path("docs/compatibility.json").read_text())["parts"]["clients"]
    assert {(each["column"], each["status"]) for each in found} >= {("codec-lz4", cells.LIKE_KAFKA)}


def test_scenarios_have_names_of_their_own_and_say_what_they_are() -> None:
    names = [each.name for each in SCENARIOS]
    assert len(set(names)) == len(names) > 40
    assert all(each.says for each in SCENARIOS)


def test_a_scenario_names_what_a_client_lacks() -> None:
    scenario = Scenario("s", "says", lambda world: None, ("group", "range|roundrobin"))
    assert scenario.missing(frozenset({"group", "roundrobin"})) == ""
    assert scenario.missing(frozenset({"group"})) == "range|roundrobin"


def test_the_lossy_proxy_loses_replies_to_produce(tmp_path: Path) -> None:
    """The broker has stored the records, so that a producer without idempotence stores some twice."""
    from confluent_kafka import Producer

    proxy_port, broker = free_port(), Broker(tmp_path)
    broker.overrides["advertised.listeners"] = f"PLAINTEXT://127.0.0.1:{proxy_port}"
    broker.start()
    try:
        with LossyProxy(proxy_port, broker.port) as proxy:
            producer = Producer({
                "bootstrap.servers": f"127.0.0.1:{proxy_port}", "max.in.flight": 1, "batch.num.messages": 1,
                "retry.backoff.ms": 1, "reconnect.backoff.ms": 1,
            })  # fmt: skip
            for number in range(3 * LOSE_EVERY):
                producer.produce("t", str(number).encode())
            assert producer.flush(20) == 0
            assert proxy.lost >= 3
    finally:
        broker.stop()
