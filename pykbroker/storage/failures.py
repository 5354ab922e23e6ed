"""What the storage package tells when the operating system fails it. The one place that maps `OSError`."""

from __future__ import annotations

from errno import EACCES, EIO, ENODEV, ENXIO, EPERM, EROFS, ESTALE
from typing import Final

from pykbroker.errors import KAFKA_STORAGE_ERROR, KafkaError

_EUCLEAN: Final = 117  # Linux: the file system itself is damaged

_OF_THE_DEVICE: Final = frozenset({EIO, EROFS, ENXIO, ENODEV, ESTALE, EACCES, EPERM, _EUCLEAN})


def storage_error(error: OSError, doing: str) -> KafkaError:
    """Return what a client hears when the disk is full or broken: KAFKA_STORAGE_ERROR, which it may retry."""
    return KafkaError(KAFKA_STORAGE_ERROR, f"{doing}: {error.strerror or error}")


def is_of_the_device(error: OSError) -> bool:
    """Tell if the whole directory is no good. A full disk, or one file that is missing, can be put right."""
    return error.errno in _OF_THE_DEVICE


def note(message: str, *values: object) -> None:
    """Log something that is as it should be."""
    from logging import getLogger

    getLogger("pykbroker.storage").info(message, *values)


def warn(message: str, *values: object) -> None:
    """Log something that went wrong and was mended, or that will be tried again."""
    from logging import getLogger

    getLogger("pykbroker.storage").warning(message, *values)


def fault(message: str, *values: object) -> None:
    """Log something that needs somebody's attention."""
    from logging import getLogger

    getLogger("pykbroker.storage").error(message, *values)
