"""The parsers of the commands: help with examples, mistakes in one line, options that several commands share."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from pykbroker.commands.failure import USAGE

DEFAULT_BOOTSTRAP: Final = "localhost:9092"

Example = tuple[str, str]
"""What it is for, and the command line."""


class Parser(ArgumentParser):
    """Shows examples below its help, and says what is wrong in one line, without the usage."""

    def __init__(self, *, examples: Sequence[Example] = (), **settings: Any) -> None:
        # argparse's own subparsers pass on what they are given; hence Any.
        shown = "".join(f"\n  # {purpose}\n  {line}\n" for purpose, line in examples)
        settings.setdefault("formatter_class", RawDescriptionHelpFormatter)
        settings.setdefault("allow_abbrev", False)
        super().__init__(epilog=f"examples:{shown}" if shown else None, **settings)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"pykbroker: {message}\n")


def add_shared(parser: ArgumentParser, *, json: str | None = "print JSON instead of a table") -> None:
    """Give a command, or an action of one, the options to say where the cluster is, and (unless None) for JSON.

    They may stand before the action or after it, so they leave no default behind: `shared` adds it.
    """
    parser.add_argument(
        "--bootstrap",
        "-b",
        default=SUPPRESS,
        metavar="HOST:PORT",
        help=f"a broker, or several with commas between them (default: {DEFAULT_BOOTSTRAP})",
    )
    if json is not None:
        parser.add_argument("--json", action="store_true", default=SUPPRESS, help=json)


def parse(parser: ArgumentParser, arguments: Sequence[str]) -> Namespace:
    """Return the options of a command line, with the defaults of the shared ones."""
    return parser.parse_args(arguments, Namespace(bootstrap=DEFAULT_BOOTSTRAP, json=False))


def port(text: str) -> int:
    """Return a port to listen on; ArgumentTypeError if it is none. 0 is any that is free."""
    if not text.isdecimal() or int(text) > 65535:
        raise ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def count(text: str) -> int:
    """Return a number of at least 1; ArgumentTypeError if it is none."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def index(text: str) -> int:
    """Return a partition's number; ArgumentTypeError if it is none."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not the number of a partition")
    return int(text)


def pair(text: str) -> tuple[str, str]:
    """Return name and value of NAME=VALUE; ArgumentTypeError if it is not that."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name.strip(), value


def unescaped(text: str) -> str:
    r"""Return a text in which \t, \n, \r, \0, \\ and \xHH are what they mean; ArgumentTypeError if others occur."""
    out, at = [], 0
    while at < len(text):
        if text[at] != "\\":
            out.append(text[at])
            at += 1
            continue
        escape = text[at + 1 : at + 2]
        if escape == "x":
            digits = text[at + 2 : at + 4]
            try:
                out.append(chr(int(digits, 16)))
            except ValueError:
                raise ArgumentTypeError(f"\\x{digits} is not a character") from None
            at += 4
        elif escape in _ESCAPES:
            out.append(_ESCAPES[escape])
            at += 2
        else:
            raise ArgumentTypeError(f"\\{escape} is not a character")
    return "".join(out)


_ESCAPES: Final = {"t": "\t", "n": "\n", "r": "\r", "0": "\0", "\\": "\\"}
