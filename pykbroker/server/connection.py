"""One client connection: bytes in, frames to the dispatcher, answers out in request order.

Reading. asyncio fills one scratch buffer that all connections share (nothing is kept in it between reads). Whole
frames found there are copied out, so that views into them stay valid as long as someone holds them. A frame
that is not complete gets a buffer of its own, which the kernel then fills to exactly the frame's end; it starts small
and doubles as bytes arrive, so a promise of 100 MB allocates nothing until they come.

Order. One request at a time: while its answer is pending, nothing after it is started (FRM-08, FRM-09); frames that
came along wait in `_backlog`, and the socket is not read further until they are served.

Writing. Answers of one read are joined into one write. Small file slices are read and joined too; large ones go by
`sendfile` straight from file to socket, at most 1 MB a turn. When the socket is full, one chunk is handed to asyncio,
which tells us when it is gone (`resume_writing`); meanwhile no further request is started, so a client that does not
read holds one answer in memory, not all of them.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from struct import Struct
from typing import Any, Final, cast

from pykbroker.apis.context import Session
from pykbroker.errors import Disconnect
from pykbroker.later import Later
from pykbroker.wire.frame import Answer, Reply

SCRATCH_BYTES: Final = 128 * 1024
SENDFILE_BYTES: Final = 64 * 1024
"""Slices of at least this size go by sendfile; smaller ones are read (one system call less)."""
TURN_BYTES: Final = 1024 * 1024
_FIRST_GROWTH: Final = 64 * 1024

_unpack_size = Struct(">i").unpack_from

Handle = Callable[[Session, bytearray], Answer | Later[Answer | None] | None]


class Scratch:
    """The buffer that reads go to; shared by all connections of a loop."""

    __slots__ = ("buffer", "view")

    def __init__(self) -> None:
        self.buffer = bytearray(SCRATCH_BYTES)
        self.view = memoryview(self.buffer)


class Connection(asyncio.BufferedProtocol):
    """The protocol object of one socket. Owns its read state and its write queue."""

    def __init__(
        self,
        handle: Handle,
        scratch: Scratch,
        max_request_bytes: int,
        session_of: Callable[[str, tuple[str, int] | None], Session],
        opened: Callable[[Connection], bool],
        closed: Callable[[Connection], None],
    ) -> None:
        self._handle = handle
        self._scratch = scratch
        self._max_request_bytes = max_request_bytes
        self._session_of = session_of
        self._opened = opened
        self._closed = closed
        self._frame: bytearray | None = None  # the incomplete frame, with a size promised of `_size`
        self._size = 0
        self._filled = 0
        self._proven = _FIRST_GROWTH  # the largest frame this client has really sent
        self._head = bytearray()  # one to three bytes of a size
        self._backlog = bytearray()
        self._parked = False
        self._queue: deque[Any] = deque()  # buffers and file slices, in order
        self._queued = 0  # their bytes
        self._blocked = False
        self._unsent = 0  # what asyncio had not sent when last looked at
        self._gone = False
        self._draining = False
        self.last_active = 0.0
        self.peer_host = ""

    # -- the socket's life

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start serving, unless a limit says no."""
        # uvloop's does the same, but is no subclass.
        self._transport = transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        peer = transport.get_extra_info("peername")
        self.peer_host = peer[0] if peer else ""
        self.last_active = self._loop.time()
        local = transport.get_extra_info("sockname")
        self._session = self._session_of(self.peer_host, local[:2] if local else None)
        self._fd = transport.get_extra_info("socket").fileno()
        # Called back as soon as anything is left unsent, and again when all of it is gone.
        transport.set_write_buffer_limits(high=0)
        if not self._opened(self):
            self._gone = True
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything; parked requests stay with whoever holds them (FRM-22)."""
        self._gone = True
        self._queue.clear()
        self._frame, self._backlog = None, bytearray()
        self._closed(self)

    def eof_received(self) -> bool:
        """Close when the client has; answers that are due already still go out."""
        return False

    @property
    def _is_busy(self) -> bool:
        """The next request may not be started: one is parked, or answers are not sent yet."""
        return self._parked or self._blocked or bool(self._queue)

    @property
    def is_idle(self) -> bool:
        """Nothing is pending: no parked request, nothing unsent."""
        return not self._is_busy

    def serve_by(self, handle: Handle) -> None:
        """Have the requests after those that were read already served by `handle`."""
        self._handle = handle

    def close(self) -> None:
        """Close at once when idle, else when what is pending has been answered (graceful stop)."""
        self._draining = True
        if self.is_idle and not self._gone:
            self._transport.close()

    def close_if_idle(self, before: float) -> None:
        """Close unless something happened since `before` (loop time), or a request waits for its answer (FRM-20).

        A client that does not read what is due to it is dropped with it, once the kernel takes nothing more.
        """
        if self.last_active >= before or self._parked:
            return
        unsent = self._transport.get_write_buffer_size()
        if self.is_idle:
            self.close()
        elif unsent == self._unsent:
            self.abort()
        else:
            self._unsent, self.last_active = unsent, self._loop.time()

    def abort(self) -> None:
        """Drop the connection, also one that was only closed, and has a rest to send to a client that does not read."""
        self._gone = True
        self._transport.abort()

    # -- bytes in

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give the kernel the rest of the incomplete frame, or the scratch buffer."""
        if self._frame is not None:
            return memoryview(self._frame)[self._filled :]
        return self._scratch.view

    def buffer_updated(self, nbytes: int) -> None:
        """Take the bytes that the kernel put there."""
        self.last_active = self._loop.time()
        if self._frame is not None:
            self._filled += nbytes
            if self._filled == len(self._frame):
                self._frame_grown(self._frame)
            return
        if self._is_busy or self._backlog:
            self._backlog += self._scratch.view[:nbytes]
            self._transport.pause_reading()
            return
        if self._head:
            self._serve(self._head + self._scratch.view[:nbytes], len(self._head) + nbytes)
        else:
            self._serve(self._scratch.buffer, nbytes)

    def _frame_grown(self, frame: bytearray) -> None:
        """The buffer of the incomplete frame is full: it is complete, or needs more room."""
        if self._filled < self._size:
            larger = bytearray(min(self._size, 2 * len(frame)))
            larger[: self._filled] = frame
            self._frame = larger
            return
        self._frame = None
        self._proven = max(self._proven, self._size)
        if self._is_busy:
            self._backlog += self._size.to_bytes(4, "big") + frame
            self._transport.pause_reading()
            return
        if self._answer(frame):
            self._pump()

    def _serve(self, buffer: bytearray, end: int) -> None:
        """Serve the whole frames in `buffer[:end]`, and keep what is left. Hot path."""
        handle, session, most = self._handle, self._session, self._max_request_bytes
        answers: list[bytearray] = []  # those not in the queue yet
        self._head = bytearray()
        at = room = 0
        while end - at >= 4:
            (size,) = _unpack_size(buffer, at)
            if not 0 <= size <= most:
                self.abort()  # FRM-02: closed, nothing sent
                return
            start = at + 4
            at = start + size
            if at > end:
                self._begin_frame(size, buffer[start:end])
                break
            try:
                answer = handle(session, buffer[start:at])
            except Disconnect as reason:
                self._queue.extend(answers)
                self._drop(reason)
                return
            if type(answer) is bytearray:
                answers.append(answer)
                room += len(answer)
                if room < TURN_BYTES:
                    continue
            elif answer is None:
                continue
            self._queue.extend(answers)
            answers.clear()
            if (type(answer) is bytearray or self._accept(answer)) and room + self._queued < TURN_BYTES:
                continue
            if at < end and not self._gone:
                self._backlog = buffer[at:end]
                self._transport.pause_reading()
            break
        else:
            if at < end:
                self._head = buffer[at:end]
        if answers and not self._queue:
            self._transport.write(answers[0] if len(answers) == 1 else b"".join(answers))
        else:
            self._queue.extend(answers)
            self._pump()

    def _begin_frame(self, size: int, part: bytearray) -> None:
        frame = bytearray(min(size, max(self._proven, 2 * len(part))))
        frame[: len(part)] = part
        self._frame, self._size, self._filled = frame, size, len(part)

    def _answer(self, frame: bytearray) -> bool:
        """Serve one request; tell whether the next one may be started."""
        try:
            return self._accept(self._handle(self._session, frame))
        except Disconnect as reason:
            self._drop(reason)
            return False

    def _accept(self, answer: Answer | Later[Answer | None] | None) -> bool:
        """Queue an answer, or park the request until it is there; tell whether the next one may be started."""
        if not isinstance(answer, Later):
            self._enqueue(answer)
            return True
        if answer.done:
            return self._take(answer)
        self._parked = True
        answer.then(self._resolved)
        return False

    def _take(self, answer: Later[Answer | None]) -> bool:
        try:
            self._enqueue(answer.result())
        except Disconnect as reason:
            self._drop(reason)
            return False
        return True

    def _resolved(self, answer: Later[Answer | None]) -> None:
        """The parked request is answered: send it, and go on with what came after it."""
        self._parked = False
        if self._gone:
            return
        self.last_active = self._loop.time()
        if self._take(answer):
            self._pump()

    def _go_on(self) -> None:
        """Serve what waited while a request was parked or answers were not sent."""
        if self._gone or self._is_busy:
            return
        if self._backlog:
            backlog, self._backlog = self._backlog, bytearray()
            self._serve(backlog, len(backlog))
        if not self._backlog and not self._transport.is_reading() and not self._transport.is_closing():
            self._transport.resume_reading()

    def _drop(self, reason: Disconnect) -> None:
        import logging

        logging.getLogger(__name__).info("closing connection from %s: %s", self.peer_host, reason)
        self._pump()  # answers to earlier requests still go out
        self._gone = True
        self._transport.close()

    # -- bytes out

    def _enqueue(self, answer: Answer | None) -> None:
        """Queue an answer. Small file slices in it are read now, in one piece with what is around them."""
        if answer is None:
            return
        if not isinstance(answer, Reply):
            self._queue.append(answer)
            self._queued += len(answer)
            return
        joined = bytearray()
        for piece in answer.pieces():
            if type(piece) is memoryview:
                joined += piece
                continue
            for slice_ in piece.parts:
                self._queued += slice_.length
                if slice_.length < SENDFILE_BYTES or slice_.file.fileno() < 0:
                    joined += slice_.read()
                else:
                    if joined:
                        self._queue.append(joined)
                        joined = bytearray()
                    self._queue.append(slice_)
        if joined:
            self._queue.append(joined)

    def _pump(self) -> None:
        """Write what is queued until the queue is empty, the socket is full, or the turn's share is used up."""
        queue = self._queue
        room = TURN_BYTES
        while queue and not self._blocked and not self._gone:
            if room <= 0:
                self._loop.call_soon(self._pump)
                return
            if type(queue[0]) is bytearray:
                room -= self._write_buffers()
            else:
                room -= self._send_slice()
        if self._is_busy or self._gone:
            return
        self._queued = 0
        if self._draining:
            self._transport.close()
        elif self._backlog or not self._transport.is_reading():
            # Not from here: another connection's request, which resolved ours, may be on the stack.
            self._loop.call_soon(self._go_on)

    def _write_buffers(self) -> int:
        queue = self._queue
        first = queue.popleft()
        if queue and type(queue[0]) is bytearray:
            joined = [first]
            while queue and type(queue[0]) is bytearray:
                joined.append(queue.popleft())
            first = b"".join(joined)
        self._transport.write(first)
        return len(first)

    def _send_slice(self) -> int:
        """Send some of the file slice in front; return how many bytes went."""
        slice_ = self._queue[0]
        count = min(slice_.length, TURN_BYTES)
        try:
            sent = os.sendfile(self._fd, slice_.file.fileno(), slice_.position, count)
        except (BlockingIOError, InterruptedError):
            # The socket is full: hand asyncio a chunk, which it sends when it can, and wait for `resume_writing`.
            chunk = slice_.file.read(min(count, SENDFILE_BYTES), slice_.position)
            self._transport.write(chunk)
            sent = len(chunk)
        except OSError as error:
            self._drop(Disconnect(f"sending: {error}"))
            return 0
        if sent == 0:
            self._drop(Disconnect("a log file is shorter than its batches"))
            return 0
        if sent == slice_.length:
            self._queue.popleft()
        else:
            slice_.position += sent
            slice_.length -= sent
        return sent

    def pause_writing(self) -> None:
        """The socket is full."""
        self._blocked = True

    def resume_writing(self) -> None:
        """Everything handed to asyncio is sent."""
        self._blocked = False
        self._pump()
