"""`World`: one simulated machine, and the brokers that live on it one after the other.

    world = World(Random(7), {"log.dirs": "/one,/two"})
    world.start()
    world.turn()                  # a timer, a worker's job, or its result: what may happen next, by chance
    world.end(power_cut=True)     # or a kill; `stop` is the clean way

The broker is whole, but for sockets. Files are `SimFiles`; timers run one at a time; workers' jobs run late, in any
order that threads could have, and their results come later still. One seed is one course of events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heappop
from random import Random
from typing import Any, TypeVar

from pykbroker.broker import Broker
from pykbroker.config import Config, StartError
from pykbroker.env import Env
from pykbroker.later import Later
from pykbroker.testing.client import Client
from pykbroker.testing.sim_files import SimFiles
from tests.fakes import NOW_MS, FakeClock, SeededRandom

T = TypeVar("T")

_SETTLING_TURNS = 100_000


class SimClock(FakeClock):
    """A clock whose timers may run one by one."""

    def run_next(self) -> bool:
        """Run the timer that is due and comes first; return whether there was one."""
        while self._timers and self._timers[0][0] <= self._now_ms:
            _, _, timer = heappop(self._timers)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()
                return True
        return False


class SimWorkers:
    """Threads, so and so many: a job is begun in its turn, overtakes what others still do, and is told of later."""

    def __init__(self, random: Random, threads: int) -> None:
        self._random = random
        self._threads = threads
        self._waiting: list[Callable[[], Callable[[], None]]] = []
        self._finished: list[Callable[[], None]] = []

    def submit(self, call: Callable[[], T]) -> Later[T]:
        later: Later[T] = Later()

        def run() -> Callable[[], None]:
            try:
                value = call()
            except Exception as error:
                failure = error
                return lambda: later.fail(failure)
            return lambda: later.resolve(value)

        self._waiting.append(run)
        return later

    def run_all(self, calls: Sequence[Callable[[], T]], threads: int) -> list[T]:
        order = list(range(len(calls)))
        self._random.shuffle(order)
        results = {at: calls[at]() for at in order}
        return [results[at] for at in range(len(calls))]

    def work(self) -> bool:
        """Do one job that a thread may have at hand; return whether there was one."""
        if not self._waiting:
            return False
        at = self._random.randrange(min(self._threads, len(self._waiting)))
        self._finished.append(self._waiting.pop(at)())
        return True

    def tell(self) -> bool:
        """Hand one result over to the core; return whether there was one."""
        if not self._finished:
            return False
        self._finished.pop(0)()
        return True


class World:
    """The machine. Owns the disk, and the running broker's clock and workers. `happened` counts what did.

    `is_troubled` tells if a fault of the disk may still show in an answer.
    """

    def __init__(self, random: Random, settings: dict[str, str]) -> None:
        self.random = random
        self.settings = {"listeners": "PLAINTEXT://127.0.0.1:9092", **settings}
        self.clock = SimClock(NOW_MS)
        self.files = SimFiles(self.clock)
        self.directories = settings["log.dirs"].split(",")
        for path in self.directories:
            self.files.make_directory(path)
        self.files.sync_directory("/")
        self.happened: Counter[str] = Counter()
        self.is_troubled = False
        self.lives = 0
        self.broker: Broker
        self.workers: SimWorkers
        self._dead: list[object] = []  # what the garbage collector closes would write to the disk of the living

    # -- Lives

    def start(self) -> None:
        """Start a broker, on whatever the last one left. StartError as from `Broker.start`."""
        self.lives += 1
        self.clock = self.files.clock = SimClock(self.clock.now_ms())
        self.workers = SimWorkers(self.random, self.random.randint(1, 4))
        env = Env(self.clock, self.files, self.workers, SeededRandom(self.random.getrandbits(32)))
        self.broker = Broker(Config(self.settings), env)
        self._dead.append((self.broker, self.clock, self.workers))
        try:
            self.broker.start()
        except StartError:
            self.files.kill()
            raise

    def release(self) -> None:
        """Answer what waits, as `Server.stop` does at first; a few things still happen."""
        self.broker.release_parked()
        for _ in range(self.random.randrange(4)):
            self.turn()

    def stop(self) -> None:
        """Stop cleanly; jobs that wait are done all the same."""
        self.broker.stop()
        while self.workers.work() or self.workers.tell():
            pass
        self.files.kill()

    def end(self, *, power_cut: bool) -> None:
        """End the process, and with `power_cut` the machine."""
        if power_cut:
            self.files.power_cut(SeededRandom(self.random.getrandbits(32)))
        else:
            self.files.kill()

    # -- The course of events

    def client(self, name: str) -> Client:
        """Return a connection to the broker that runs now."""
        return Client(self.broker.handle, client_id=name)

    def turn(self) -> bool:
        """Let one thing happen that may; return whether there was any."""
        doings = [self.clock.run_next, self.workers.work, self.workers.tell]
        self.random.shuffle(doings)
        return any(doing() for doing in doings)

    def some_turns(self) -> None:
        """Let a few things happen, or none, or all there are."""
        turns = self.random.choice((0, 0, 1, 1, 2, 3, 5, 10, 1000))
        while turns and self.turn():
            turns -= 1

    def pass_time(self, ms: int) -> None:
        """Let time pass, with the timers that are due on the way, while workers may be late."""
        self.clock.advance(ms)
        self.some_turns()

    def settle(self) -> None:
        """Let everything happen that is under way, and the second pass after which checkpoints are written."""
        for _ in range(3):
            self._until_idle()
            self.clock.advance(1000)
        self._until_idle()

    def _until_idle(self) -> None:
        for _ in range(_SETTLING_TURNS):
            if not self.turn():
                return
        raise AssertionError("the broker does not come to rest")

    # -- Faults

    def fill_disk(self, room: int) -> None:
        """Leave so many bytes free."""
        total, free = self.files.free_bytes("/")
        self.files.capacity_bytes = total - free + room
        self.is_troubled = True

    def break_disk(self, path: str, errno: int) -> None:
        """Let everything fail in a directory; only after a power cut can it be used again."""
        self.files.fail(path, errno)
        self.is_troubled = True

    def heal_room(self) -> None:
        """Make room; answers that are under way may still tell of it."""
        self.files.capacity_bytes = None

    def heal(self) -> None:
        """Repair the disk, and make room."""
        self.files.heal()
        self.files.capacity_bytes = None

    def services(self) -> Any:
        """The parts of the running broker."""
        return self.broker.services
