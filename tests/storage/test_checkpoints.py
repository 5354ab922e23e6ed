"""The small text files beside the logs, as Kafka writes them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from pykbroker.storage.checkpoints import read_offsets
from pykbroker.storage.files import RealFiles


def test_checkpoint_that_kafka_only_created_is_empty_and_not_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # STO-09: cleaner-offset-checkpoint has no byte until something was cleaned.
    (tmp_path / "cleaner-offset-checkpoint").touch()
    with caplog.at_level(logging.WARNING):
        assert read_offsets(RealFiles(), f"{tmp_path}/cleaner-offset-checkpoint") == {}
    assert not caplog.records
