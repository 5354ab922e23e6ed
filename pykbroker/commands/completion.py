"""`pykbroker completion SHELL`: a completion script, made from the commands' own parsers.

All scripts do the same: walk over the words in front of the cursor to know which command and action it is (`at`), then
offer what may follow there. Where nothing is known, bash and zsh offer files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from importlib import import_module
from shlex import quote
from typing import NamedTuple

from pykbroker.commands import overview
from pykbroker.commands.arguments import Parser
from pykbroker.commands.overview import COMMANDS


class Option(NamedTuple):
    """An option: its names, what it does, what its value may be (none: anything), whether it takes one."""

    names: tuple[str, ...]
    purpose: str
    choices: tuple[str, ...]
    has_value: bool


class Place(NamedTuple):
    """A command, or an action of one: the words that lead there, what may follow, and whether files may."""

    path: tuple[str, ...]
    words: dict[str, str]
    options: list[Option]
    takes_files: bool


def run(arguments: Sequence[str]) -> int:
    """Print the script for a shell."""
    shell = parser().parse_args(arguments).shell
    print({"bash": bash, "zsh": zsh, "fish": fish}[shell](list(places())))
    return 0


def parser() -> Parser:
    """Return the parser of this command."""
    top = Parser(
        prog="pykbroker completion",
        description="Print a completion script for a shell.",
        examples=[
            ("bash, in ~/.bashrc", "source <(pykbroker completion bash)"),
            ("zsh, in ~/.zshrc behind compinit", "source <(pykbroker completion zsh)"),
            ("fish", "pykbroker completion fish > ~/.config/fish/completions/pykbroker.fish"),
        ],
    )
    top.add_argument("shell", choices=("bash", "zsh", "fish"))
    return top


def places() -> Iterator[Place]:
    """Yield every place on the command line: the top, the commands, their actions."""
    yield Place((), COMMANDS, _options(overview.parser())[0], takes_files=False)
    for command in COMMANDS:
        module = import_module(f"pykbroker.commands.{command.replace('-', '_')}")
        yield from _places(module.parser(), (command,))


def _places(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[Place]:
    options, takes_files = _options(parser)
    words: dict[str, str] = {}
    inner = []
    for action in parser._actions:  # argparse has no other way to ask what it was told
        if isinstance(action, argparse._SubParsersAction):
            purposes = {each.dest: each.help or "" for each in action._choices_actions}
            words.update((name, purposes[name]) for name in action.choices)
            inner += list(action.choices.items())
        elif not action.option_strings and action.choices:
            words.update((str(choice), "") for choice in action.choices)
    yield Place(path, words, options, takes_files)
    for name, each in inner:
        yield from _places(each, (*path, name))


def _options(parser: argparse.ArgumentParser) -> tuple[list[Option], bool]:
    options, takes_files = [], False
    for action in parser._actions:
        if action.option_strings:
            purpose = (action.help or "").replace("%%", "%")
            choices = tuple(map(str, action.choices or ()))
            options.append(Option(tuple(action.option_strings), purpose, choices, action.nargs != 0))
        elif action.dest in ("path", "properties"):
            takes_files = True
    return options, takes_files


def _cases(places: Sequence[Place]) -> tuple[list[str], list[tuple[str, tuple[str, ...]]]]:
    """Return the patterns that lead from place to place, and for each option with choices its pattern and these."""
    steps = [f'"{" ".join(path[:-1])} {path[-1]}") at="{" ".join(path)}";;' for path, *_ in places if path]
    values = [
        (f'"{" ".join(each.path)} {name}"', option.choices)
        for each in places
        for option in each.options
        if option.choices
        for name in option.names
    ]
    return steps, values


def bash(places: Sequence[Place]) -> str:
    """Return the script for bash."""
    steps, values = _cases(places)
    lines = [
        "_pykbroker() {",
        '    local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" at="" offered="" word',
        '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        '        case "$at $word" in',
        *(f"            {step}" for step in steps),
        "        esac",
        "    done",
        '    case "$at" in',
        *(f'        "{" ".join(each.path)}") offered="{" ".join(_offered(each))}";;' for each in places),
        "    esac",
        '    case "$at $before" in',
        *(f'        {pattern}) offered="{" ".join(choices)}";;' for pattern, choices in values),
        "    esac",
        '    COMPREPLY=($(compgen -W "$offered" -- "$current"))',
        "}",
        "complete -o default -F _pykbroker pykbroker",
    ]
    return "\n".join(lines)


def _offered(place: Place) -> list[str]:
    return [*place.words, *(name for option in place.options for name in option.names)]


def zsh(places: Sequence[Place]) -> str:
    """Return the script for zsh."""
    steps, values = _cases(places)
    lines = [
        "#compdef pykbroker",
        "_pykbroker() {",
        '    local at="" word',
        "    local -a offered",
        "    for word in ${words[2,CURRENT-1]}; do",
        '        case "$at $word" in',
        *(f"            {step}" for step in steps),
        "        esac",
        "    done",
        '    case "$at ${words[CURRENT-1]}" in',
        *(f"        {pattern}) compadd -- {' '.join(choices)}; return;;" for pattern, choices in values),
        "    esac",
        '    case "$at" in',
    ]
    for each in places:
        described = [*each.words.items(), *((n, o.purpose) for o in each.options for n in o.names)]
        texts = " ".join(quote(f"{name}:{purpose}") for name, purpose in described)
        files = "; _files" if each.takes_files else ""
        lines.append(f'        "{" ".join(each.path)}") offered=({texts}); _describe pykbroker offered{files};;')
    return "\n".join([*lines, "    esac", "}", "compdef _pykbroker pykbroker"])


def fish(places: Sequence[Place]) -> str:
    """Return the script for fish."""
    lines = ["complete -c pykbroker -f"]
    for each in places:
        seen = [f"__fish_seen_subcommand_from {word}" for word in each.path] or ["__fish_use_subcommand"]
        actions = [f"not __fish_seen_subcommand_from {' '.join(each.words)}"] if each.path and each.words else []
        start = f"complete -c pykbroker -n '{'; and '.join([*seen, *actions])}'"
        lines += [f"{start} -a {word} -d {quote(purpose)}" for word, purpose in each.words.items()]
        for option in each.options:
            names = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in option.names)
            value = f" -x -a '{' '.join(option.choices)}'" if option.choices else " -r" * option.has_value
            lines.append(f"{start} {names}{value} -d {quote(option.purpose)}")
        if each.takes_files:
            lines.append(f"{start} -F")
    return "\n".join(lines)
