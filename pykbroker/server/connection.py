"""One client connection: bytes in, frames to the dispatcher, answers out in request order.

Reading. asyncio fills one scratch buffer that all connections share (nothing is kept in it between reads). Whole
frames found there are copied out, so that views into them stay valid as long as someone holds them. A frame
that is not complete gets a buffer of its own, which the kernel then fills to exactly the frame's end; it starts small
and doubles as bytes arrive, so a promise of 100 MB allocates nothing until they come. All such frames together are
limited by `RequestMemory`: if there is no room the socket is not read until there is.

Order. One request at a time: while its answer is pending, nothing after it is started (FRM-08, FRM-09); frames that
came along wait in `_backlog`, and the socket is not read further until they are served.

Writing. Answers of one read are joined into one write; what is not sent at once is queued in `Sending`. When the socket
is full, no further request is started until it takes more (`resume_writing`), so a client that does not read holds one
answer, not all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from struct import Struct
from typing import Final, cast

from pykbroker.apis.context import Session
from pykbroker.errors import Disconnect
from pykbroker.later import Later
from pykbroker.server.memory import SMALL_BYTES, RequestMemory
from pykbroker.server.sending import UNSENT_BYTES, Sending
from pykbroker.wire.frame import Answer

_FIRST_GROWTH: Final = 64 * 1024

_unpack_size = Struct(">i").unpack_from

Handle = Callable[[Session, bytearray], Answer | Later[Answer | None] | None]


class Connection(asyncio.BufferedProtocol):
    """The protocol object of one socket. Owns its read state, and a `Sending`."""

    def __init__(
        self,
        handle: Handle,
        memory: RequestMemory,
        max_request_bytes: int,
        session_of: Callable[[str, tuple[str, int] | None], Session],
        opened: Callable[[Connection], bool],
        closed: Callable[[Connection], None],
    ) -> None:
        self._handle = handle
        self._memory = memory
        self._scratch = memory.scratch
        self._max_request_bytes = max_request_bytes
        self._session_of = session_of
        self._opened = opened
        self._closed = closed
        self._frame: bytearray | None = None  # the incomplete frame, with a size promised of `_size`
        self._size = 0
        self._filled = 0
        self._taken = 0  # of the memory for requests, for this frame
        self._needs_memory = False  # and so is not read
        self._proven = _FIRST_GROWTH  # the largest frame this client has really sent
        self._head = bytearray()  # one to three bytes of a size
        self._backlog = bytearray()
        self._parked = False
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
        self._sending = Sending(transport)
        if not self._opened(self):
            self._gone = True
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything; parked requests stay with whoever holds them (FRM-22)."""
        self._gone = True
        self._sending.queue.clear()
        self._frame, self._backlog = None, bytearray()
        self._memory.withdraw(self)
        self._give_back()
        self._closed(self)

    def eof_received(self) -> bool:
        """Close when the client has; answers that are due already still go out."""
        return False

    @property
    def _is_busy(self) -> bool:
        """The next request may not be started: one is parked, or answers are not sent yet."""
        return self._parked or self._sending.is_blocked or bool(self._sending.queue)

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
        """Close unless something happened since `before` (loop time), or it is us who let the client wait (FRM-20).

        A client that does not read what is due to it is dropped with it, once the kernel takes nothing more.
        """
        if self.last_active >= before or self._parked or self._needs_memory:
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
        self._proven = max(self._proven, self._size)
        if self._is_busy:
            self._transport.pause_reading()  # `_go_on` serves it
        else:
            self._serve_frame(frame)

    def _serve_frame(self, frame: bytearray) -> None:
        """Serve the frame that was incomplete, and is not any more."""
        self._frame = None
        may_go_on = self._answer(frame)
        self._give_back()
        if may_go_on:
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
                self._sending.queue.extend(answers)
                self._drop(reason)
                return
            if type(answer) is bytearray:
                answers.append(answer)
                room += len(answer)
                if room < UNSENT_BYTES:
                    continue
            elif answer is None:
                continue
            self._sending.queue.extend(answers)
            answers.clear()
            if (type(answer) is bytearray or self._accept(answer)) and room + self._sending.nbytes < UNSENT_BYTES:
                continue
            if at < end and not self._gone:
                self._backlog = buffer[at:end]
                self._transport.pause_reading()
            break
        else:
            if at < end:
                self._head = buffer[at:end]
        if answers and not self._sending.queue:
            self._transport.write(answers[0] if len(answers) == 1 else b"".join(answers))
        elif answers or not self._parked or self._sending.queue:
            self._sending.queue.extend(answers)
            self._pump()

    def _begin_frame(self, size: int, part: bytearray) -> None:
        """Read on into a buffer of the frame's own, as soon as there is memory for it."""
        self._frame, self._size, self._filled = part, size, len(part)
        if size <= SMALL_BYTES:
            self._make_room(part)
        elif self._memory.take(size, self):
            self._taken = size
            self._make_room(part)
        else:
            self._needs_memory = True
            self._transport.pause_reading()

    def _make_room(self, part: bytearray) -> None:
        frame = bytearray(min(self._size, max(self._proven, 2 * len(part))))
        frame[: len(part)] = part
        self._frame = frame

    def take_memory(self) -> None:
        """There is memory for the frame now: read on."""
        assert self._frame is not None
        self._needs_memory = False
        self._taken = self._size
        self.last_active = self._loop.time()
        self._make_room(self._frame)
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _give_back(self) -> None:
        if self._taken:
            taken, self._taken = self._taken, 0
            self._memory.give_back(taken)

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
            if answer is not None:
                self._sending.put(answer)
            return True
        if answer.done:
            return self._take(answer)
        self._parked = True
        answer.then(self._resolved)
        return False

    def _take(self, answer: Later[Answer | None]) -> bool:
        try:
            result = answer.result()
        except Disconnect as reason:
            self._drop(reason)
            return False
        if result is not None:
            self._sending.put(result)
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
        elif self._frame is not None and self._filled == self._size:
            self._serve_frame(self._frame)
        if self._backlog or self._needs_memory or self._transport.is_reading() or self._transport.is_closing():
            return
        self._transport.resume_reading()

    def _drop(self, reason: Disconnect) -> None:
        import logging

        logging.getLogger(__name__).info("closing connection from %s: %s", self.peer_host, reason)
        self._gone = True
        with suppress(Disconnect):
            self._sending.flush()  # answers to earlier requests still go out
        self._transport.close()

    # -- bytes out

    def _pump(self) -> None:
        """Send what is queued until the socket is full, or the turn's share is used up; then go on."""
        if self._gone:
            return
        sending = self._sending
        try:
            is_sent = sending.flush()
        except Disconnect as reason:
            self._drop(reason)
            return
        if not is_sent:
            if not sending.is_blocked:
                self._loop.call_soon(self._pump)
        elif self._parked:
            return
        elif self._draining:
            self._transport.close()
        elif self._backlog or not self._transport.is_reading():
            # Not from here: another connection's request, which resolved ours, may be on the stack.
            self._loop.call_soon(self._go_on)

    def pause_writing(self) -> None:
        """The socket is full."""
        self._sending.is_blocked = True

    def resume_writing(self) -> None:
        """Everything handed to asyncio is sent."""
        self._sending.is_blocked = False
        self._pump()
