"""The broker's log: what its parts tell `logging`, as lines on stderr.

    text   2026-11-21 15:42:20,123 WARNING checking 3 logs, because the broker was not stopped cleanly
    json   {"time": "2026-11-21T15:42:20.123Z", "level": "WARNING", "logger": "pykbroker.storage", "message": "..."}

JSON is one object a line. What a record has as `extra`, such as `topic_partition` or `group`, becomes fields of it;
a traceback is in `exception`.
"""

from __future__ import annotations

import logging
import sys
from typing import Final

_STANDARD: Final = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})


class JsonLines(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        from datetime import UTC, datetime
        from json import dumps

        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, object] = {
            "time": when.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return dumps(fields, default=str, ensure_ascii=False)


def logger() -> logging.Logger:
    """Return the logger for what concerns the broker as a whole."""
    return logging.getLogger("pykbroker")


def log_to_stderr(style: str, level: str) -> None:
    """Write the log to stderr, as "text" or "json": ours from `level` on, warnings and errors of all others."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if style == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    logger().setLevel(level.upper())
