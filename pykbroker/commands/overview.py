"""Which commands there are, and the parser of a command line without one: help, version and mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pykbroker import __version__

if TYPE_CHECKING:
    from pykbroker.commands.arguments import Parser

COMMANDS: Final = {
    "serve": "run a broker until it is interrupted",
    "topics": "list, describe, create and delete topics",
    "groups": "list, describe and delete consumer groups, reset their offsets",
    "produce": "write records from standard input to a topic",
    "consume": "write the records of a topic to standard output",
    "check": "tell what a client would see of a broker, and what is wrong",
    "dump-log": "print what is in log, index, snapshot and checkpoint files",
    "completion": "print a completion script for a shell",
}
"""What there is, and what it does; the module of each has the same name, with underscores."""


def parser() -> Parser:
    """Return the parser, which knows the names of the commands, and not what follows them."""
    from pykbroker.commands.arguments import Parser

    top = Parser(
        prog="pykbroker",
        description="A Kafka broker in Python, and what it takes to look into one.",
        examples=[
            ("a broker on localhost:9092, data in ./data", "pykbroker serve"),
            ("a throw-away one on another port", "pykbroker serve --memory --port 19092"),
            ("write, and read again", "echo hello | pykbroker produce greetings; pykbroker consume greetings"),
            ("why a client cannot connect", "pykbroker check localhost:9092"),
            ("more of a command", "pykbroker topics --help"),
        ],
    )
    top.add_argument("--version", action="version", version=f"pykbroker {__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, purpose in COMMANDS.items():
        commands.add_parser(name, help=purpose)
    return top
