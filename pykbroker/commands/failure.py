"""How a command ends that cannot do what it should."""

from __future__ import annotations

from typing import Final

FAILED: Final = 1
USAGE: Final = 2


class CommandError(Exception):
    """One line for the user; `status` is the exit status: FAILED, or USAGE for what the user has to write anew."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status
