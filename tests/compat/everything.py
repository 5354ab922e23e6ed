"""`make compat`: every part of the compatibility matrix that this machine's toolchains allow, then the page.

    python -m tests.compat.everything [PART...]     # e.g. `tools oracle`; all of them without

The parts run one after the other, each as a process with a limit of time; one that fails does not stop the next. With
Java and Maven here, Apache Kafka's jars are fetched first, for the tools, the oracle and the Java suites. Exit status 1
if the page has a red cell.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import which

PARTS = {
    "oracle": "tests.compat.oracle",
    "tools": "tests.compat.tools",
    "clients": "tests.compat.matrix",
    "suites-java": "tests.compat.suites.java",
    "suites-kgo": "tests.compat.suites.kgo",
    "suites-kafka-go": "tests.compat.suites.kafka_go",
    "suites-node-rdkafka": "tests.compat.suites.node_rdkafka",
    "suites-rust": "tests.compat.suites.rust",
}

LIMIT_S = 30 * 60
JARS = Path("build/kafka-jars")


def main(chosen: Sequence[str]) -> int:
    """Run parts, write the page, and return its exit status."""
    unknown = set(chosen) - set(PARTS)
    if unknown:
        print(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    environment = {**os.environ, **_kafka()}
    for name, module in PARTS.items():
        if chosen and name not in chosen:
            continue
        print(f"== {name}", flush=True)
        start = time.monotonic()
        try:
            subprocess.run([sys.executable, "-m", module], env=environment, timeout=LIMIT_S, check=False)
        except subprocess.TimeoutExpired:
            print(f"{name} was stopped after {LIMIT_S} s", file=sys.stderr)
        print(f"== {name}: {time.monotonic() - start:.0f} s", flush=True)
    return subprocess.run([sys.executable, "-m", "tests.compat.matrix.page"], check=False).returncode


def _kafka() -> dict[str, str]:
    """Return the setting that names Apache Kafka's jars, fetched if they can be; nothing without Java and Maven."""
    if os.environ.get("PYKBROKER_KAFKA_JARS") or not (which("java") and which("mvn") and which("bash")):
        return {}
    subprocess.run(["bash", "tools/fetch_kafka_jars.sh", str(JARS)], check=True)
    return {"PYKBROKER_KAFKA_JARS": str(JARS.absolute())}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
