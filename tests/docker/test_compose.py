"""The compose files: valid by the Compose Specification, and each makes a broker that its ports lead to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pykbroker.config import Config
from pykbroker.container import plan_of

DIRECTORY = Path(__file__).parent.parent.parent / "docker"
FILES = sorted(DIRECTORY.glob("compose*.yaml"))


def services(path: Path) -> dict[str, dict[str, Any]]:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]
    return found


def broker_of(path: Path) -> tuple[dict[str, Any], Config, list[str]]:
    """Return the service that is a broker, what its environment makes, and the notes."""
    (service,) = [each for each in services(path).values() if each["image"] == "pykbroker"]
    environment = {name: str(value) for name, value in service.get("environment", {}).items()}
    plan = plan_of(environment)
    return service, Config(plan.settings), plan.notes


def test_there_is_one_for_each_purpose() -> None:
    assert [path.name for path in FILES] == [
        "compose.apache.yaml",
        "compose.bitnami.yaml",
        "compose.confluent.yaml",
        "compose.ui.yaml",
        "compose.yaml",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_is_valid(path: Path) -> None:
    specification = pytest.importorskip("compose_spec", reason="needs compose-spec, the validator")
    specification.PyCompose.from_yaml(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_environment_has_nothing_that_is_not_known(path: Path) -> None:
    _, config, notes = broker_of(path)
    assert config.unknown == ()
    assert len(notes) in (0, 3)  # roles, voters and the controller's listener, where there are any


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_host_is_told_the_port_that_is_published(path: Path) -> None:
    """`PUBLISHED:PORT`: what is told to the host has the first, and a listener has the second."""
    service, config, _ = broker_of(path)
    (mapping,) = service["ports"]
    published, port = (int(number) for number in mapping.split(":"))
    (listener,) = [each for each in config.listeners if each.port == port]
    rules = [rule for rule in config.advertise_rules if rule.clients == "outside"]
    if rules:
        assert (rules[0].host, rules[0].port or port) == ("localhost", published)
    else:
        (told,) = [each for each in config.advertised_listeners if each.name == listener.name]
        assert (told.host, told.port) == ("localhost", published)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_volume_is_one_that_is_looked_for(path: Path) -> None:
    from pykbroker.container import VOLUMES

    service, _, _ = broker_of(path)
    for volume in service.get("volumes", []):
        assert volume.partition(":")[2] in VOLUMES
