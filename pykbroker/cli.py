"""The command line: `pykbroker COMMAND ...`.

Each command is a module of `commands/`, imported when it is called: `serve` must not wait for what `consume` needs. Its
`run` takes the arguments behind the command's name. Whatever goes wrong is one line on stderr and the exit status: 1
if it could not be done, 2 if the command line, or the configuration, is wrong.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

from pykbroker.commands.failure import CommandError
from pykbroker.commands.overview import COMMANDS, parser
from pykbroker.errors import KafkaError

INTERRUPTED: Final = 130  # what a shell says of a program that SIGINT ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return the exit status. SystemExit after a help or a bad command line."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] not in COMMANDS:
        parser().parse_args(arguments)  # it says what is wrong, or what was asked, and exits
        raise AssertionError("a command that the parser knows, and the table does not")
    try:
        status = _run(arguments[0], arguments[1:])
        sys.stdout.flush()
    except CommandError as error:
        return _failed(str(error), error.status)
    except KafkaError as error:
        return _failed(str(error), 1)
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would try to flush the rest when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        return _failed(f"{where}{error.strerror or error}", 1)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _run(command: str, arguments: Sequence[str]) -> int:
    if command == "serve":
        from pykbroker.commands.serve import run  # without importlib, which takes its time
    else:
        from importlib import import_module

        run = import_module(f"pykbroker.commands.{command.replace('-', '_')}").run
    return run(arguments)


def _failed(message: str, status: int) -> int:
    print(f"pykbroker: {message}", file=sys.stderr)
    return status
