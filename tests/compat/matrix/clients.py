"""All clients of the matrix, from the toolchains that are there."""

from importlib import import_module
from pathlib import Path

from tests.compat.matrix.client import Client


def all_clients() -> list[Client]:
    """Return the clients of every toolchain, in the order of the page."""
    found: list[Client] = []
    for module in sorted((Path(__file__).parent / "toolchains").glob("[a-z]*.py")):
        found += import_module(f"tests.compat.matrix.toolchains.{module.stem}").CLIENTS
    return found
