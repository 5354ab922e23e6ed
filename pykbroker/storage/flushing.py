"""`Flushing`: when the records of one partition must reach the device, and what nobody may see before they have.

    flush.messages=N   the append that makes N records unflushed starts an fsync; it is acknowledged, and readable,
                       when that is over, and so is everything that was appended meanwhile
    flush.ms=T         T after an append everything is flushed; nobody waits for that

An fsync takes milliseconds, so a worker does it; one covers all that came before it began. What is appended while it
runs waits for the next one. A failed fsync cannot be tried again, because the system has forgotten what was not
written: the log directory goes offline (Kafka holds the log's lock during the fsync, `UnifiedLog.append`, `flush`).
"""

from __future__ import annotations

from pykbroker.env import Env, Timer
from pykbroker.errors import KafkaError
from pykbroker.later import Later
from pykbroker.storage.directory import LogDirectory
from pykbroker.storage.log import Log
from pykbroker.storage.log_config import UNLIMITED


class Flushing:
    """The fsyncs of one partition. Owns who waits for them.

    `held_from` is the first offset that does not count yet, or None if all do. `home` is where the log is now.
    """

    __slots__ = ("_env", "_is_over", "_is_running", "_log", "_timer", "_waiting", "held_from", "home")

    def __init__(self, env: Env, home: LogDirectory, log: Log) -> None:
        self._env = env
        self.home = home
        self._log = log
        self._timer: Timer | None = None
        self._is_running = False
        self._is_over = False  # the partition is gone, or its directory is
        self._waiting: list[tuple[int, Later[None]]] = []
        self.held_from: int | None = None

    def appended(self, base_offset: int) -> Later[None] | None:
        """Take in that the log grew from `base_offset` on; return None if that counts already, or when it does."""
        log = self._log
        config = log.config
        if self.held_from is None:
            if log.end_offset - log.recovery_point < config.flush_messages:
                if config.flush_ms != UNLIMITED and self._timer is None:
                    self._timer = self._env.clock.call_later(config.flush_ms, self._due)
                return None
            self.held_from = base_offset
        later = self._when_flushed(log.end_offset)
        self._start()
        return later

    def until(self, offset: int) -> Later[None] | None:
        """Return when the record at `offset` counts; None if it does already.

        What a recovery has found counts for who reads, and it is not on the device yet; who wants to hear again that it
        was stored waits for that.
        """
        log = self._log
        if offset < log.recovery_point or log.end_offset - log.recovery_point < log.config.flush_messages:
            return None
        later = self._when_flushed(offset + 1)
        self._start()
        return later

    def _when_flushed(self, end: int) -> Later[None]:
        later: Later[None] = Later()
        self._waiting.append((end, later))
        return later

    def _due(self) -> None:
        self._timer = None
        if self._log.recovery_point < self._log.end_offset:
            self._start()

    def _start(self) -> None:
        if self._is_running:
            return
        self._is_running = True
        files = self._env.files
        home = self.home
        first = home.flushed_first
        logs = [self._log] if first is None or first is self._log else [first, self._log]
        debts = [log.debt() for log in logs]

        def flush() -> None:
            for debt in debts:
                debt.pay(files)

        def done(later: Later[None]) -> None:
            self._is_running = False
            if self._is_over:
                return  # its files may have been deleted meanwhile
            if self.home is not home:  # moved meanwhile: what was written is on another device
                self._start()
            elif later.error is None:
                for log, debt in zip(logs, debts, strict=True):
                    log.paid(debt)
                self._flushed(debts[-1].end)
            elif isinstance(later.error, OSError):
                home.fail(later.error)  # which settles us, with all the others of the directory
            else:
                self.settle(later.error)

        self._env.workers.submit(flush).then(done)

    def _flushed(self, end: int) -> None:
        ready = [later for upto, later in self._waiting if upto <= end]
        self._waiting = [(upto, later) for upto, later in self._waiting if upto > end]
        self.held_from = end if self._waiting else None
        if self._waiting:
            self._start()
        for later in ready:
            later.resolve(None)

    def close(self, error: KafkaError | None = None) -> None:
        """As `settle`, once and for all: what a flush that still runs comes to matters to nobody."""
        self._is_over = True
        self.settle(error)

    def settle(self, error: Exception | None = None) -> None:
        """Let nobody wait any more: everything was flushed, or (`error`) never will be."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        if error is None:
            self.held_from = None
        for _, later in waiting:
            if error is None:
                later.resolve(None)
            else:
                later.fail(error)
