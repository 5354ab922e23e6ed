"""`pykbroker dump-log PATH...`: what is in the files of a log directory. A broker may be using them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from pykbroker.commands.arguments import Parser
from pykbroker.commands.dump_files import Damage, dump_of
from pykbroker.commands.failure import CommandError


def run(arguments: Sequence[str]) -> int:
    """Print what is in the files; return 1 if one is damaged, or else 0."""
    options = parser().parse_args(arguments)
    damaged = 0
    for path in options.path:
        for file in files_in(path):
            damaged += _print(file, options.records)
    if damaged:
        sys.stdout.flush()
        print(f"pykbroker: damaged files: {damaged}", file=sys.stderr)
    return int(damaged > 0)


def parser() -> Parser:
    """Return the parser of this command."""
    top = Parser(
        prog="pykbroker dump-log",
        description="Print what is in the files of a log directory, and where they are damaged: exit status 1 then.",
        examples=[
            ("the batches of one segment", "pykbroker dump-log data/orders-0/00000000000000000000.log"),
            ("with the records", "pykbroker dump-log --records data/orders-0/00000000000000000000.log"),
            ("all of a partition, or of a whole data directory", "pykbroker dump-log data/orders-0"),
            ("what the cluster is made of", "pykbroker dump-log --records data/__cluster_metadata-0"),
        ],
    )
    top.add_argument("path", nargs="+", metavar="PATH", help="a file, or a directory with all that is in it")
    top.add_argument("--records", action="store_true", help="print the records, those of the broker's topics decoded")
    return top


def files_in(path: str) -> Iterator[str]:
    """Yield a file, or the files in a directory that we know, sorted. CommandError for what is neither."""
    if not os.path.isdir(path):
        if dump_of(path, records=False) is None:
            raise CommandError(f"{path}: its name is not that of a file that we know")
        yield path
        return
    for parent, directories, names in os.walk(path):
        directories.sort()
        for name in sorted(names):
            file = os.path.join(parent, name)
            if dump_of(file, records=False) is not None:
                yield file


def _print(path: str, records: bool) -> bool:
    """Print a file's dump; tell if it is damaged."""
    dump = dump_of(path, records)
    assert dump is not None, "it is of a kind that we know"
    is_damaged = False
    print(f"{path}  {os.stat(path).st_size} bytes")
    for line in dump:
        if isinstance(line, Damage):
            is_damaged = True
            line = f"DAMAGED at position {line.position}: {line.what}"
        print(f"  {line}")
    return is_damaged
