"""CRC-32C, the checksum of record batches and producer snapshots (RFC 3720, appendix B.4).

The `crc32c` package takes any buffer and starts at any value, but importing it costs 30 ms, nearly all of it for its
version number and its command line. Its extension module alone costs 0.7 ms, so that is what is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from typing import Final

Checksum = Callable[[bytes | bytearray | memoryview, int], int]

_EXTENSION: Final = "crc32c._crc32c"


def _load() -> Checksum:
    package = PathFinder.find_spec("crc32c")
    spec = PathFinder.find_spec(_EXTENSION, package.submodule_search_locations) if package else None
    if _EXTENSION in sys.modules or spec is None or spec.loader is None or not hasattr(spec.loader, "create_module"):
        from crc32c import crc32c as whole  # loaded already, or laid out otherwise

        return whole
    module = spec.loader.create_module(spec)
    if module is None:
        raise ImportError(_EXTENSION)
    spec.loader.exec_module(module)
    sys.modules[_EXTENSION] = module  # so that whoever imports the package later gets the same extension
    checksum: Checksum = module.crc32c
    return checksum


crc32c: Final = _load()
"""`crc32c(content, value=0)`: the checksum of `content`, going on from `value`, the checksum of what precedes it."""
