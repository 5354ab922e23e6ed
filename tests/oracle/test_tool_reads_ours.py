"""Kafka's own `kafka-dump-log` reads every file that pykbroker writes, complains of nothing, finds what was produced.

What it reads, and the comparison record by record, is in `reading.assert_readable`.
"""

from typing import Any

import pytest

from tests.oracle.dump import Dump
from tests.oracle.reading import assert_readable
from tests.oracle.scenario import CODECS, COMPACTED, TOPICS, TRANSACTIONS
from tests.oracle.written import Written

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def seen(all_ours: dict[str, Written]) -> Dump:
    """What the tool says about the directory of a broker that was stopped."""
    return assert_readable(*all_ours["stopped"])


@pytest.mark.parametrize("state", ["killed", "recovered"])
def test_tool_reads_what_a_kill_leaves(all_ours: dict[str, Written], state: str) -> None:
    """STO-01, STO-04, STO-24, STO-25, STO-28"""
    assert_readable(*all_ours[state])


def test_every_file_of_the_layout_is_there(seen: Dump, all_ours: dict[str, Written]) -> None:
    """STO-04: nothing that is not Kafka's, either; and the tool has read all but the little text files."""
    names = {path.relative_to(all_ours["stopped"].data) for path in all_ours["stopped"].data.glob("*/*")}
    unread = {name.name for name in names if str(name) not in seen.files and name.suffix != ".deleted"}
    assert unread == {"leader-epoch-checkpoint", "partition.metadata"}
    suffixes = {name.rpartition(".")[2] for name in seen.files}
    assert suffixes == {"log", "index", "timeindex", "snapshot", "txnindex", "checkpoint"}


def batches(seen: Dump, topic: str) -> list[dict[str, str]]:
    return [batch for name, file in seen.files.items() if name.startswith(f"{topic}-") for batch in file.batches]


def test_batches_are_stored_as_the_topic_wants_them(seen: Dump) -> None:
    """STO-02: codecs, and the type of the timestamps."""
    assert {batch["codec"] for batch in batches(seen, "codecs")} == set(CODECS)
    assert {batch["codec"] for batch in batches(seen, "producer-codec")} == {"zstd"}
    for topic in TOPICS:
        types = {batch["time"] for batch in batches(seen, topic)}
        assert types <= {"LogAppendTime" if topic == "append-time" else "CreateTime"}


def test_producers_are_in_batches_and_snapshots(seen: Dump) -> None:
    """STO-08: one snapshot per segment but the first, and one of the stop; the last has what the last batches say."""
    for partition in (0, 1):
        files = {name: file for name, file in seen.files.items() if name.startswith(f"idempotent-{partition}/")}
        last: dict[str, int] = {}
        for file in files.values():
            for batch in file.batches:
                last[batch["producer"]] = int(batch["sequence"]) + int(batch["count"]) - 1
        newest = max(name for name in files if name.endswith(".snapshot"))
        fields = [entry.replace(": ", ":").split() for entry in files[newest].entries]
        entries = [dict(field.split(":") for field in entry) for entry in fields]
        assert {entry["producerId"]: int(entry["lastSequence"]) for entry in entries} == last
        assert len(last) == 3


def test_compacted_log_has_gaps_and_batches_that_keep_their_ends(seen: Dump) -> None:
    """STO-19, STO-21: gaps are where records went; where the last of a batch went, the batch still ends there."""
    assert {name.partition("/")[0] for name in seen.gaps} == {"compacted-0"}
    thinned = [batch for batch in batches(seen, "compacted") if _span(batch) > int(batch["count"])]
    assert thinned
    ends = {record.offset for record in seen.records("compacted-0")}
    assert any(int(batch["last"]) not in ends for batch in thinned)
    assert any(record.value_size == -1 for record in seen.records("compacted-0"))  # for delete.retention.ms


def _span(batch: dict[str, str]) -> int:
    return int(batch["last"]) - int(batch["base"]) + 1


def test_aborted_transactions_are_indexed(seen: Dump, all_ours: dict[str, Written]) -> None:
    """STO-07: in the segment with the marker; and a producer's open transaction is in the snapshot of the stop."""
    names = [name for name in seen.files if name.endswith(".txnindex")]
    assert len(names) > 4
    found = [entry for name in names if name.startswith("transactions-0/") for entry in seen.files[name].entries]
    aborted = [record.offset for record in all_ours["stopped"].contents.aborted["transactions", 0]]
    assert [int(entry.split()[5]) for entry in found] == aborted[::5]
    (snapshot,) = [file for name, file in seen.files.items() if name.startswith("open-0/") and "snapshot" in name]
    assert ["currentTxnFirstOffset: OptionalLong[3]" in entry for entry in snapshot.entries] == [True]


def test_indexes_have_the_entries_that_kafka_would_write(seen: Dump) -> None:
    """STO-05, STO-06: after more than index.interval.bytes since the last one, and the newest time at the end."""
    for name in (name.removesuffix(".log") for name in seen.files if name.endswith(".log")):
        configs = TOPICS.get(name.partition("/")[0].rpartition("-")[0], (1, {}))[1]
        offsets, times = _entries_for(seen.files[f"{name}.log"].batches, int(configs.get("index.interval.bytes", 4096)))
        assert seen.files[f"{name}.index"].entries == offsets
        assert seen.files[f"{name}.timeindex"].entries == times


def _entries_for(batches: list[dict[str, str]], interval: int) -> tuple[list[str], list[str]]:
    offsets, times = [], []
    since, newest, newest_at = 0, -1, ""
    for number, batch in enumerate(batches):
        if int(batch["newest"]) > newest:
            newest, newest_at = int(batch["newest"]), f"timestamp: {batch['newest']} offset: {batch['last']}"
        if number and since > interval:
            offsets.append(f"offset: {batch['last']} position: {batch['position']}")
            times.append(newest_at)
            since = 0
        since += int(batch["size"])
    return offsets, list(dict.fromkeys(filter(None, [*times, newest_at])))


def test_offsets_and_groups_are_decoded(seen: Dump, all_ours: dict[str, Written]) -> None:
    """The newest record of each key: what was committed, no deleted group, and a static member that is still there."""
    state: dict[str, tuple[Any, Any]] = {}
    for name, file in seen.files.items():
        if name.startswith("__consumer_offsets-"):
            state.update({str(key): (key, value) for key, value in (record.decoded for record in file.records)})
    offsets = {
        (key["data"]["group"], key["data"]["topic"], key["data"]["partition"]): value["data"]["offset"]
        for key, value in state.values()
        if key["type"] == "1" and value is not None
    }
    committed = all_ours["stopped"].contents.committed
    expected = {(group, *place): offset for group, places in committed.items() for place, offset in places.items()}
    assert offsets == expected
    (group,) = [value for key, value in state.values() if key["type"] == "2" and key["data"]["group"] == "members"]
    assert "static" in {member["groupInstanceId"] for member in group["data"]["members"]}


def test_metadata_is_decoded(seen: Dump) -> None:
    """Every record is one that Kafka knows; the topics are those that were created, but for the deleted ones."""
    names = [name for name in seen.files if name.startswith("__cluster_metadata-0/") and name.endswith(".log")]
    records = [value for name in names for _, value in (record.decoded for record in seen.files[name].records)]
    by_type: dict[str, list[Any]] = {}
    for record in records:
        by_type.setdefault(record["type"], []).append(record["data"])
    topics = {data["topicId"]: data["name"] for data in by_type["TOPIC_RECORD"]}
    for data in by_type["REMOVE_TOPIC_RECORD"]:
        del topics[data["topicId"]]
    many = {f"many-{number}" for number in range(20)} - {"many-3", "many-4"}
    assert set(topics.values()) == {*TOPICS, *TRANSACTIONS, *COMPACTED, *many, "__consumer_offsets"}
    assert by_type["FEATURE_LEVEL_RECORD"][0] == {"name": "metadata.version", "featureLevel": 30}
