"""The command line: `pykbroker serve [server.properties] [--override NAME=VALUE]...`.

Only arguments and printing. What is wrong with them, or with the configuration, is one line on stderr and exit status
2. `serve` in its ordinary form is read here by hand; argparse, which takes longer to import than the configuration
takes to load, explains everything else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pykbroker.config import Config, ConfigError, StartError

if TYPE_CHECKING:
    from argparse import ArgumentParser

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    plain = _plain_serve(arguments)
    path, settings = _parsed(arguments) if plain is None else plain
    try:
        config = load(path, settings)
        for name in config.unknown:
            print(f"pykbroker: {name}: is not a setting; ignored", file=sys.stderr)
        from pykbroker.server.loop import serve

        return serve(config)
    except (ConfigError, StartError) as error:
        print(f"pykbroker: {error}", file=sys.stderr)
        return USAGE_ERROR


def load(path: str | None, settings: Sequence[str]) -> Config:
    """Return the configuration in a properties file, if one is named, under settings written NAME=VALUE.

    Raises ConfigError, also for a file that cannot be read.
    """
    overrides: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise ConfigError("--override", f"{setting!r} is not NAME=VALUE")
        overrides[name.strip()] = value
    content = None
    if path is not None:
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError as error:
            raise ConfigError(path, error.strerror or str(error)) from None
    return Config.load(content, overrides, hostname=os.uname().nodename)


def _plain_serve(arguments: Sequence[str]) -> tuple[str | None, list[str]] | None:
    """Return the path and the overrides of a plain `serve`; None for anything else, also if it is wrong."""
    if not arguments or arguments[0] != "serve":
        return None
    path: str | None = None
    settings: list[str] = []
    rest = iter(arguments[1:])
    for argument in rest:
        if argument == "--override":
            setting = next(rest, None)
            if setting is None:
                return None
            settings.append(setting)
        elif argument.startswith("--override="):
            settings.append(argument.removeprefix("--override="))
        elif argument.startswith("-") or path is not None:
            return None
        else:
            path = argument
    return path, settings


def _parsed(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    parser = _parser()
    known = parser.parse_args(arguments)
    return known.properties, known.override


def _parser() -> ArgumentParser:
    from argparse import ArgumentParser
    from typing import NoReturn

    class OneLine(ArgumentParser):
        """Says what is wrong in one line, without the usage."""

        def error(self, message: str) -> NoReturn:
            self.exit(USAGE_ERROR, f"pykbroker: {message}\n")

    parser = OneLine(prog="pykbroker", description="A Kafka broker in Python.")
    parser.add_argument("--version", action="version", version=f"pykbroker {_version()}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run a broker until it is interrupted")
    serve.add_argument("properties", nargs="?", metavar="server.properties", help="settings, in Kafka's format")
    serve.add_argument(
        "--override",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting that wins over the file's; may be given several times",
    )
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pykbroker")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "(not installed)"
