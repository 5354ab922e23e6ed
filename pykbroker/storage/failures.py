"""What the storage package tells when the operating system fails it. The one place that maps `OSError`."""

from __future__ import annotations

from pykbroker.errors import KAFKA_STORAGE_ERROR, KafkaError


def storage_error(error: OSError, doing: str) -> KafkaError:
    """Return what a client hears when the disk is full or broken: KAFKA_STORAGE_ERROR, which it may retry."""
    return KafkaError(KAFKA_STORAGE_ERROR, f"{doing}: {error.strerror or error}")


def warn(message: str, *values: object) -> None:
    """Log something that went wrong and was mended, or that will be tried again."""
    from logging import getLogger

    getLogger("pykbroker.storage").warning(message, *values)
