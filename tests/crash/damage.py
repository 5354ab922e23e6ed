"""What a dying machine does to the files of a broker, and what a careless hand does; never to what was promised.

Bytes of a log are touched only behind `promised`, the end of what was acknowledged. Everything else in a log directory
can be made anew, and so is fair game, except for whose directory it is.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.storage.plain_log import base_offsets, log_name, sound_batches

_LOST_WITHOUT_LOSS = (
    "*/*.index", "*/*.timeindex", "*/*.snapshot", "*/leader-epoch-checkpoint", "*/partition.metadata",
    "recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "cleaner-offset-checkpoint",
)  # fmt: skip


def log_files(partition: Path) -> dict[str, bytes]:
    """Return the contents of a partition's `.log` files, by name."""
    return {path.name: path.read_bytes() for path in sorted(partition.glob("*.log"))}


def derived_files_damaged(data: Path, random: Random) -> list[str]:
    """Delete, cut or scramble some of the files that can be made anew; return what was done."""
    done = []
    paths = sorted({path for pattern in _LOST_WITHOUT_LOSS for path in data.glob(pattern)})
    for path in random.sample(paths, min(len(paths), random.choice((0, 1, 3, 10, len(paths))))):
        content = path.read_bytes()
        how = random.choice(("deleted", "cut", "scrambled"))
        if how == "deleted":
            path.unlink()
        elif how == "cut":
            path.write_bytes(content[: random.randint(0, len(content))])
        else:
            path.write_bytes(random.randbytes(random.randint(1, len(content) + 20)))
        done.append(f"{path.relative_to(data)} {how}")
    return done


def garbage_appended(partition: Path, random: Random) -> str:
    """Append to the active segment what was never a batch."""
    path = _active(partition)
    if path is None:
        return "nothing"
    content = path.read_bytes()
    garbage = random.choice(
        (
            bytes(random.randint(1, 9000)), random.randbytes(random.randint(1, 300)), b"\xff" * 70,
            content[: random.randint(1, 500)],  # the first batches once more
            content[-random.randint(1, 50) :],
        )
    )  # fmt: skip
    with path.open("ab") as file:
        file.write(garbage)
    return f"{path.parent.name}: {len(garbage)} bytes of garbage appended"


def tail_cut(partition: Path, promised: int, random: Random) -> str:
    """Cut the active segment at any byte behind the batch that ends at offset `promised`."""
    path = _active(partition)
    if path is None:
        return "nothing"
    content, base = path.read_bytes(), int(path.stem)
    kept = b"".join(batch.raw for batch in sound_batches(content, base, base) if batch.last_offset < promised)
    cut = random.randint(len(kept), len(content))
    with path.open("r+b") as file:
        file.truncate(cut)
    return f"{partition.name}: cut at {cut} of {len(content)} bytes, {len(kept)} of them promised"


def anything_done(partition: Path, random: Random) -> str:
    """Cut the active segment anywhere, or change bytes of it, whatever was promised."""
    path = _active(partition)
    if path is None or not path.stat().st_size:
        return "nothing"
    content = bytearray(path.read_bytes())
    at = random.randrange(len(content))
    if random.random() < 0.5:
        del content[at:]
    else:
        content[at] ^= 1 << random.randrange(8)
    path.write_bytes(content)
    return f"{partition.name}: byte {at} of {path.name}"


def _active(partition: Path) -> Path | None:
    bases = base_offsets({path.name: b"" for path in partition.glob("*.log")})
    return partition / log_name(bases[-1]) if bases else None
