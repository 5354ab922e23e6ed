"""Apache Kafka's own client, kafka-clients, in six versions from 2.1 on; one driver is compiled against each.

Maven fetches the jars. The driver's sources are a common directory and one per generation of the library, named after
the first version that it is for. A driver is started for every verb, and half of the work of so short a life is to load
classes; so each version has an archive of those that it needs (the JVM's class data sharing), found out by trying a few
verbs against a broker.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.compat.matrix.client import SOURCES, Client, Missing, run
from tests.compat.matrix.driver import Broken, Driver, Refused, TimeUp
from tests.compat.process import Broker

DRIVER = SOURCES / "java" / "kafka-clients"

VERSIONS = ("4.4.0", "4.0.2", "3.9.2", "3.4.1", "2.8.2", "2.1.1")

FLAGS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256m")
"""Quick to start, and small."""

TRIES: Sequence[tuple[str, dict[str, object], str]] = (
    ("produce", {"topic": "t", "records": [{"value": "aGVsbG8="}]}, "delivered"),
    ("consume", {"topic": "t", "count": 1}, "record"),
    ("group", {"topics": ["t"], "group": "g"}, "record"),
    ("admin", {"do": "describe-group", "group": "g"}, "result"),
)
"""Verbs that together load most classes, their arguments, and the event that shows that they worked."""

TRIES_LIMIT_S = 60.0


def _client(version: str) -> Client:
    def install(directory: Path) -> Sequence[str]:
        return installed(version, directory)

    return Client(
        "java", "kafka-clients", version, install, needs=("mvn", "javac", "java"), core=version == VERSIONS[0]
    )


CLIENTS = [_client(version) for version in VERSIONS]


def installed(version: str, directory: Path) -> list[str]:
    """Install a version into `directory`, unless one newer than the sources is there; return its command."""
    jars, classes, archive = directory / "jars", directory / "classes", directory / "classes.jsa"
    command = _driver(jars, f"-XX:SharedArchiveFile={archive}")
    parts = (DRIVER / "src" / "common", DRIVER / "src" / _generation(version))
    sources = [path for part in parts for path in sorted(part.rglob("*.java"))]
    newest = max(path.stat().st_mtime for path in [DRIVER / "pom.xml", *sources])
    if archive.exists() and archive.stat().st_mtime > newest:
        return command
    run(
        [
            "mvn", "--quiet", "--batch-mode", "--file", DRIVER / "pom.xml", "dependency:copy-dependencies",
            f"-Dkafka.version={version}", f"-DoutputDirectory={jars}", "-DincludeScope=runtime",
        ]
    )  # fmt: skip
    run(["javac", "-nowarn", "--release", "17", "-d", classes, "-cp", f"{jars}/*", *sources])
    run(["jar", "--create", "--file", jars / "driver.jar", "-C", classes, "."])
    _archive(jars, archive)
    return command


def _driver(jars: Path, *flags: str) -> list[str]:
    return ["java", *FLAGS, *flags, "-cp", f"{jars}/*", "matrix.Driver"]


def _archive(jars: Path, archive: Path) -> None:
    """Make the archive of classes, which is the last that an installation makes."""
    archive.unlink(missing_ok=True)
    with TemporaryDirectory(prefix="pykbroker-compat-") as name:
        directory = Path(name)
        loaded = directory / "classes.txt"
        loaded.write_text("".join(f"{name}\n" for name in _loaded(jars, directory)))
        run(_driver(jars, "-Xshare:dump", f"-XX:SharedClassListFile={loaded}", f"-XX:SharedArchiveFile={archive}"))


def _loaded(jars: Path, directory: Path) -> Sequence[str]:
    """Return the names of the classes that TRIES load."""
    names: dict[str, None] = {}
    broker = Broker(directory / "broker").start()
    try:
        for verb, arguments, event in TRIES:
            told = directory / verb
            command = _driver(jars, f"-XX:DumpLoadedClassList={told}")
            driver = Driver(command, broker.bootstrap, directory / "log", time.monotonic() + TRIES_LIMIT_S)
            try:
                _try(driver, verb, arguments, event)
            finally:
                driver.close()
            names |= dict.fromkeys(told.read_text().splitlines())
    except (Broken, Refused, TimeUp) as error:
        raise Missing(f"its first try fails: {error}") from error
    finally:
        broker.stop()
    return list(names)


def _try(driver: Driver, verb: str, arguments: dict[str, object], event: str) -> None:
    session = driver.open(verb, **arguments)
    session.until(lambda: session.told(event), event)
    session.send({"do": "stop"})
    session.finish()


def _generation(version: str) -> str:
    """Return the newest generation of sources that is not newer than the version."""
    generations = [path.name for path in (DRIVER / "src").iterdir() if path.name != "common"]
    return max((each for each in generations if _numbers(each) <= _numbers(version)), key=_numbers)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
