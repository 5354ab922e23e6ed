"""`Sending`: the answers of one connection on their way out, in order, and never much of them in memory.

Buffers and small file slices are joined, `UNSENT_BYTES` at a time; slices are read only when it is their turn. Large
ones go by `sendfile` straight from file to socket, at most `TURN_BYTES` in one turn. When the socket is full, what it
did not take, or a few bytes of a slice, is left to asyncio, which says when it is gone. So a client that asks for
50 MB, and does not read, costs as much as one that asks for 128 KB.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Any, Final

from pykbroker.errors import Disconnect
from pykbroker.wire.frame import Answer, Reply

SENDFILE_BYTES: Final = 64 * 1024
"""Slices of at least this size go by sendfile; smaller ones are read (one system call less)."""
_NUDGE_BYTES: Final = 4096
"""So much of a large slice is copied, for asyncio to say when the socket takes more; 64 KB cost a third more in all."""
UNSENT_BYTES: Final = 128 * 1024
"""So much is joined into one write. With as much unsent, no further request is started."""
TURN_BYTES: Final = 1024 * 1024


class Sending:
    """The queue of one connection. `is_blocked` is set, and cleared, by who hears it from the transport."""

    __slots__ = ("_fd", "_transport", "is_blocked", "nbytes", "queue")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._fd: int = transport.get_extra_info("socket").fileno()
        self.queue: deque[Any] = deque()  # bytearrays, memoryviews and file slices
        self.nbytes = 0  # put since the queue was empty
        self.is_blocked = False
        # Heard as soon as anything is left unsent, and again when all of it is gone.
        transport.set_write_buffer_limits(high=0)

    def put(self, answer: Answer) -> None:
        """Queue an answer."""
        if not isinstance(answer, Reply):
            self.queue.append(answer)
            self.nbytes += len(answer)
            return
        self.nbytes += answer.nbytes
        queue, whole, at = self.queue, memoryview(answer.head), 0
        for position, slices in answer.cuts:
            queue.append(whole[at:position])  # never empty: there is a length before the bytes of each cut
            queue.extend(slices.parts)
            at = position
        if at < len(whole):
            queue.append(whole[at:])

    def flush(self) -> bool:
        """Send until the socket is full or the turn's share is used up; return whether all is on its way.

        Raises Disconnect if the socket is gone, or a file is not what it was.
        """
        queue, room = self.queue, TURN_BYTES
        while queue and not self.is_blocked and room > 0:
            room -= self._write() or self._send_slice()
        if queue:
            return False
        self.nbytes = 0
        return not self.is_blocked

    def _write(self) -> int:
        """Write what is in front of the next large slice; return how many bytes these are, 0 if there is nothing."""
        queue = self.queue
        joined = []
        size = 0
        while queue and size < UNSENT_BYTES:
            piece = queue[0]
            if type(piece) is not memoryview and type(piece) is not bytearray:
                if _is_large(piece):
                    break
                length, piece = piece.length, piece.read()
                if len(piece) < length:
                    raise _cut_short()
            queue.popleft()
            joined.append(piece)
            size += len(piece)
        if joined:
            self._transport.write(joined[0] if len(joined) == 1 else b"".join(joined))
        return size

    def _send_slice(self) -> int:
        """Send some of the file slice in front; return how many bytes went."""
        slice_ = self.queue[0]
        count = min(slice_.length, TURN_BYTES)
        try:
            sent = os.sendfile(self._fd, slice_.file.fileno(), slice_.position, count)
        except (BlockingIOError, InterruptedError):
            # The socket is full: hand asyncio a little, which it sends when it can, and wait until it has.
            chunk = slice_.file.read(min(count, _NUDGE_BYTES), slice_.position)
            self._transport.write(chunk)
            sent = len(chunk)
        except OSError as error:
            raise Disconnect(f"sending: {error}") from error
        if sent == 0:
            raise _cut_short()
        if sent == slice_.length:
            self.queue.popleft()
        else:
            slice_.position += sent
            slice_.length -= sent
        return sent


def _is_large(slice_: Any) -> bool:
    """Tell if this goes by `sendfile`; in a simulation files have no descriptor."""
    return slice_.length >= SENDFILE_BYTES and slice_.file.fileno() >= 0  # type: ignore[no-any-return]


def _cut_short() -> Disconnect:
    return Disconnect("a log file is shorter than its batches")
