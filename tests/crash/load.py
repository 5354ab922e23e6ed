"""Those who use the broker while it is killed: they go on over every kill, and know what they were promised."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from pykbroker.wire.codegen import decoder
from pykbroker.wire.messages.init_producer_id import InitProducerIdRequest
from pykbroker.wire.messages.produce import ProduceResponse
from pykbroker.wire.records import build_batch
from tests.compat.process import Broker
from tests.server.peer import Peer, produce_request

_VERSION = 9  # of Produce
_RESPONSE_AT = 9  # behind the size, the correlation id, and a tag section
IN_FLIGHT = 3  # with two answers that are forgotten: five, as many as a broker remembers
RECONNECT_QUICKLY = {"reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100}
UNANSWERED = 500


class Pipeline:
    """Sends numbered batches of three records to a topic over a raw connection, a few unanswered at a time.

    With `producer_id` they have sequences, and what was not answered is sent again after a kill, and up to two that
    were. `ends` are the offsets after each acknowledged batch.
    """

    def __init__(self, topic: str, producer_id: int) -> None:
        self.topic = topic
        self.ends: list[int] = []
        self._producer_id = producer_id
        self._began_ms = time.time_ns() // 1_000_000  # producers whose records are older than a day are forgotten
        self._lost = 0  # batches that were not answered, and not sent again
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: AssertionError | None = None

    @classmethod
    def idempotent(cls, topic: str, broker: Broker) -> Pipeline:
        """Return one with a producer id of the broker's."""
        with Peer(broker) as peer:
            answer = peer.ask(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000), 4)
        return cls(topic, answer.producer_id)

    def batch(self, number: int) -> bytearray:
        """Return a batch: the same for the same number."""
        has_id = self._producer_id >= 0
        name, more = self.topic.encode(), b"." * (number % 90)
        return build_batch(
            [(b"%d" % number, b"%s %d.%d %s" % (name, number, index, more)) for index in range(3)],
            timestamp_ms=self._began_ms + number,
            producer_id=self._producer_id,
            producer_epoch=0 if has_id else -1,
            base_sequence=3 * number if has_id else -1,
            codec=number % 5,
        )

    def start(self, broker: Broker) -> None:
        """Begin to send, in a thread of its own."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(broker,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when everything sent is answered, or the connection is gone."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(60)
            assert not self._thread.is_alive(), f"{self.topic}: the broker neither answers nor hangs up"
        self.count()

    def count(self) -> int:
        """Return how many batches are acknowledged; raise what was wrong with an answer."""
        if self._failure is not None:
            raise self._failure
        return len(self.ends)

    def _run(self, broker: Broker) -> None:
        waiting: deque[int] = deque()
        number = len(self.ends) + self._lost
        try:
            with Peer(broker) as peer:
                try:
                    while not self._stop.is_set():
                        while len(waiting) < IN_FLIGHT:
                            peer.send(peer.frame(produce_request(self.batch(number), self.topic, acks=-1), _VERSION))
                            waiting.append(number)
                            number += 1
                        self._heard(peer, waiting)
                except OSError:
                    pass  # killed; what it said before is still there to be read
                while waiting:
                    self._heard(peer, waiting)
        except OSError:
            if self._producer_id < 0:
                self._lost += len(waiting)
            else:  # as if the last answers were lost on their way: sent again, though stored
                del self.ends[len(self.ends) - number % 3 :]
        except AssertionError as error:
            self._failure = error

    def _heard(self, peer: Peer, waiting: deque[int]) -> None:
        answer, _ = decoder(ProduceResponse, _VERSION)(peer.answer(), _RESPONSE_AT)
        (part,) = answer.responses[0].partition_responses
        assert not part.error_code, f"{self.topic} batch {waiting[0]}: {part}"
        waiting.popleft()
        self.ends.append(part.base_offset + 3)


class Confluent:
    """Two idempotent producers of librdkafka, which send again by themselves, on some topics in turn.

    `acknowledged` has (topic, offset, value) of each record.
    """

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        self.acknowledged: list[tuple[str, int, bytes]] = []
        self.errors: list[str] = []
        self.sent = 0
        self._topics = topics
        self._stop = threading.Event()
        self._producers = [
            Producer(
                {
                    "bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 2, "batch.size": 4000,
                    "compression.type": codec, "error_cb": self._failed, "log_level": 0, **RECONNECT_QUICKLY,
                }
            )
            for codec in ("none", "lz4")
        ]  # fmt: skip
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _failed(self, error: Any) -> None:
        if error.fatal():
            self.errors.append(str(error))

    def _heard(self, error: Any, message: Any) -> None:
        if error is not None:
            self.errors.append(str(error))
        else:
            self.acknowledged.append((message.topic(), message.offset(), message.value()))

    def _run(self) -> None:
        while not self._stop.is_set():
            if self.sent - len(self.acknowledged) < UNANSWERED:
                for which, producer in enumerate(self._producers):
                    for topic in self._topics:
                        value = b"%d %d %s" % (which, self.sent // (2 * len(self._topics)), b"." * (self.sent % 50))
                        producer.produce(topic, value, on_delivery=self._heard)
                        self.sent += 1
            for producer in self._producers:
                producer.poll(0.001)

    def stop(self) -> None:
        """Return when everything sent is acknowledged."""
        self._stop.set()
        self._thread.join(60)
        for producer in self._producers:
            assert not producer.flush(60), "the broker does not answer any more"


class Group:
    """One member of a consumer group that reads topics and commits; `committed` is what it was told was stored."""

    def __init__(self, bootstrap: str, group_id: str, topics: Sequence[str]) -> None:
        self.group_id = group_id
        self.committed: dict[str, int] = {}
        self._stop = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap, "group.id": group_id, "auto.offset.reset": "earliest",
                "enable.auto.commit": False, "log_level": 0, "error_cb": lambda _: None, **RECONNECT_QUICKLY,
            }
        )  # fmt: skip
        self._consumer.subscribe(list(topics))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        position: dict[str, int] = {}
        while not self._stop.is_set():
            for message in self._consumer.consume(200, timeout=0.02):
                if message.error() is None:
                    position[message.topic()] = message.offset() + 1
            offsets = [TopicPartition(topic, 0, offset) for topic, offset in position.items()]
            if not offsets:
                continue
            try:
                stored = self._consumer.commit(offsets=offsets, asynchronous=False)
            except KafkaException:
                continue  # killed meanwhile; committed later, with what comes then
            self.committed.update({at.topic: at.offset for at in stored if at.error is None})

    def stop(self) -> None:
        """Leave the group."""
        self._stop.set()
        self._thread.join(60)
        self._consumer.close()
