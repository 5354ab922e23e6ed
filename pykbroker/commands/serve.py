"""`pykbroker serve`: from the command line to a configuration, and from there to a broker.

A command line in its ordinary form is read here by hand; argparse, which takes longer to import than the configuration
takes to load, explains everything else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from pykbroker import __version__
from pykbroker.commands.failure import USAGE, CommandError
from pykbroker.config import Config, ConfigError, StartError

if TYPE_CHECKING:
    from pykbroker.commands.arguments import Parser
    from pykbroker.env import Files
    from pykbroker.server.loop import Server

LOG_FORMATS: Final = ("text", "json")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")


class Options:
    """What the command line says."""

    def __init__(self) -> None:
        self.properties: str | None = None
        self.override: list[str] = []
        self.advertise: list[str] = []
        self.port: int | None = None
        self.data: str | None = None
        self.memory = False
        self.log_format = "text"
        self.log_level = "info"


def run(arguments: Sequence[str]) -> int:
    """Serve until a signal; return the exit status."""
    options = plain(arguments) or parser().parse_args(arguments, Options())
    try:
        if options.memory:
            if options.data is not None:
                raise ConfigError("--data", "does not go with --memory, which keeps nothing")
            return _serve_from_memory(options)
        return _serve(options, configuration(options, options.data))
    except (ConfigError, StartError) as error:
        raise CommandError(str(error), USAGE) from None


def _serve(options: Options, config: Config, is_temporary: bool = False) -> int:
    from pykbroker.server.logs import log_to_stderr, logger
    from pykbroker.server.loop import serve

    log_to_stderr(options.log_format, options.log_level)
    for name in config.unknown:
        logger().warning("%s: is not a setting; ignored", name)

    def ready(server: Server) -> None:
        line = banner(server, is_temporary)
        if options.log_format == "json":
            logger().info("%s", line)
        else:
            print(line, flush=True)

    return serve(config, ready, files=_unsynced() if is_temporary else None)


def _serve_from_memory(options: Options) -> int:
    from pykbroker.testing.temporary import TemporaryDirectory

    directory = TemporaryDirectory(in_memory=True)
    try:
        return _serve(options, configuration(options, directory.path), is_temporary=True)
    finally:
        directory.remove()


def _unsynced() -> Files:
    from pykbroker.testing.temporary import UnsyncedFiles

    return UnsyncedFiles()


def banner(server: Server, is_temporary: bool = False) -> str:
    """Return the line that says that clients are served: which version, where, and where the data is."""
    several = len(server.listeners) > 1
    addresses = [
        f"{each.listener.name} " * several + f"{_in_url(each.listener.host or '*')}:{each.port}"
        for each in server.listeners
    ]
    directories = ", ".join(map(os.path.abspath, server.config.log_dirs))
    until = ", gone when it stops" if is_temporary else ""
    return f"pykbroker {__version__} on {', '.join(addresses)}, data in {directories}{until}"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def configuration(options: Options, data: str | None) -> Config:
    """Return the configuration: the file's, if one is named, under overrides, port and data directory.

    Raises ConfigError, also for a file that cannot be read.
    """
    overrides: dict[str, str] = {}
    for setting in options.override:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise ConfigError("--override", f"{setting!r} is not NAME=VALUE")
        overrides[name.strip()] = value
    if options.advertise:
        overrides["pykbroker.advertise"] = ",".join(options.advertise)
    if data is not None:
        overrides["log.dirs"] = data
    content = None if options.properties is None else _content(options.properties)
    hostname = os.uname().nodename
    config = Config.load(content, overrides, hostname)
    if options.memory and config["metadata.log.dir"] is not None:
        overrides["metadata.log.dir"] = config.log_dirs[0]
        config = Config.load(content, overrides, hostname)
    if options.port is not None:
        overrides.update(listening_on(config, options.port))
        config = Config.load(content, overrides, hostname)
    return config


def listening_on(config: Config, port: int) -> dict[str, str]:
    """Return the settings that give the first listener another port, also where clients are told of it."""
    name = config.listeners[0].name
    settings = {}
    for setting in ("listeners", "advertised.listeners"):
        addresses = config.strings(setting)
        if addresses:
            settings[setting] = ",".join(
                f"{address.rpartition(':')[0]}:{port}" if address.upper().startswith(f"{name}://") else address
                for address in addresses
            )
    return settings


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ConfigError(path, error.strerror or str(error)) from None


def plain(arguments: Sequence[str]) -> Options | None:
    """Return the options of a command line in its ordinary form; None for anything else, also if it is wrong."""
    options = Options()
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument == "--memory":
            options.memory = True
        elif name in _TAKE:
            given = value if equals else next(rest, None)
            if given is None or not _TAKE[name](options, given):
                return None
        elif argument.startswith("-") or options.properties is not None:
            return None
        else:
            options.properties = argument
    return options


def _take_override(options: Options, value: str) -> bool:
    options.override.append(value)
    return True


def _take_advertise(options: Options, value: str) -> bool:
    options.advertise.append(value)
    return True


def _take_port(options: Options, value: str) -> bool:
    if not value.isdecimal() or int(value) > 65535:
        return False
    options.port = int(value)
    return True


def _take_data(options: Options, value: str) -> bool:
    options.data = value
    return True


def _take_format(options: Options, value: str) -> bool:
    options.log_format = value
    return value in LOG_FORMATS


def _take_level(options: Options, value: str) -> bool:
    options.log_level = value
    return value in LOG_LEVELS


_TAKE: Final[dict[str, Callable[[Options, str], bool]]] = {
    "--override": _take_override,
    "--advertise": _take_advertise,
    "--port": _take_port,
    "--data": _take_data,
    "--log-format": _take_format,
    "--log-level": _take_level,
}


def parser() -> Parser:
    """Return the parser of this command."""
    from pykbroker.commands import arguments

    serve = arguments.Parser(
        prog="pykbroker serve",
        description="Run a broker until SIGTERM or Ctrl-C. Settings are Kafka's.",
        examples=[
            ("localhost:9092, data in ./data", "pykbroker serve"),
            ("another port, and nothing left behind", "pykbroker serve --port 19092 --memory"),
            ("for other machines, too", "pykbroker serve --override listeners=PLAINTEXT://:9092"),
            ("in a container that publishes 9092 as 19092", "pykbroker serve --advertise outside=localhost:19092"),
            ("with the settings of an Apache Kafka broker", "pykbroker serve config/server.properties"),
            ("in a container, for a log collector", "pykbroker serve --data /var/lib/kafka --log-format json"),
        ],
    )
    serve.add_argument("properties", nargs="?", metavar="server.properties", help="settings, in Kafka's format")
    serve.add_argument(
        "--override",
        action="append",
        metavar="NAME=VALUE",
        help="a setting that wins over the file's; may be given several times",
    )
    serve.add_argument(
        "--advertise",
        action="append",
        metavar="CLIENTS=HOST:PORT",
        help="what clients outside of this machine's networks (outside), in a network (10.1.0.0/16) or coming in "
        "by HOST:PORT are told instead of the address that they reached; may be given several times",
    )
    serve.add_argument("--port", type=arguments.port, metavar="N", help="the port of the first listener; 0: a free one")
    serve.add_argument("--data", metavar="DIR", help="where topics, groups and offsets are kept: log.dirs")
    serve.add_argument("--memory", action="store_true", help="keep the data in memory, and nothing when it stops")
    serve.add_argument("--log-format", choices=LOG_FORMATS, help="how the log on stderr looks (default: text)")
    serve.add_argument("--log-level", choices=LOG_LEVELS, help="what is in it at least (default: info)")
    return serve
