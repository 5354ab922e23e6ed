"""Apache Kafka's own classes: where their jars are, whether they can be run here, and the command lines that run them.

`tools/fetch_kafka_jars.sh` fills the directory that `PYKBROKER_KAFKA_JARS` names.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from shutil import which

_DIRECTORIES = ("broker", "logging")
_FLAGS = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # quick to start, and small


def reason_to_skip() -> str:
    """Return why Kafka's classes cannot be run here, or an empty string."""
    named = os.environ.get("PYKBROKER_KAFKA_JARS")
    if not which("java"):
        return "needs java"
    if not named or not all(list((Path(named) / name).glob("*.jar")) for name in _DIRECTORIES):
        return "needs Kafka's jars: tools/fetch_kafka_jars.sh DIRECTORY, and PYKBROKER_KAFKA_JARS=DIRECTORY"
    return ""


def java(main_class: str, *arguments: str, info: Sequence[str] = ()) -> list[str]:
    """Return a command line that runs one of Kafka's classes.

    What it logs from level WARN on, and from INFO on if the logger's name begins as one of `info`, goes to stderr.
    """
    jars = Path(os.environ["PYKBROKER_KAFKA_JARS"])
    levels = {"defaultLogLevel": "warn"} | {f"log.{logger}": "info" for logger in info}
    logging = [f"-Dorg.slf4j.simpleLogger.{name}={level}" for name, level in levels.items()]
    class_path = ":".join(str(jars / name / "*") for name in _DIRECTORIES)
    return ["java", *_FLAGS, *logging, "-cp", class_path, main_class, *arguments]
