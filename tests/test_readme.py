"""The README says what is: the table of deviating defaults is that of the configuration."""

from pathlib import Path

from pykbroker.config import deviations

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
    for name in ("crc32c", "lz4", "zstandard", "python-snappy", "kafka-python", "confluent-kafka", "aiokafka", "kio"):
        assert f"`{name}`" in text
