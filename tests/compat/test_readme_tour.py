"""The README's 60-second tour, word by word but for the port."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compat.process import Broker

README = (Path(__file__).parents[2] / "README.md").read_text()
SNIPPETS = re.findall(r"\*\*(\S+)\*\*.*\n\n    \.venv/bin/python - <<'EOF'\n((?:    .*\n|\n)*?)    EOF\n", README)


def test_the_tour_has_a_snippet_for_each_python_client() -> None:
    assert [name for name, _ in SNIPPETS] == ["kafka-python", "confluent-kafka", "aiokafka"]


@pytest.mark.parametrize(("client", "snippet"), SNIPPETS, ids=[name for name, _ in SNIPPETS])
def test_the_tour_works(broker: Broker, client: str, snippet: str) -> None:
    program = "\n".join(line[4:] for line in snippet.splitlines()).replace("localhost:9092", broker.bootstrap)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f"b'hello from {client}'" in done.stdout
