"""One face on four clients, so that one scenario can be told once and played by each."""

from importlib.util import find_spec
from shutil import which

from tests.compat.clients.model import Client, Member, Record

__all__ = ["CLIENTS", "Client", "Member", "Record", "client_named", "reason_to_skip"]

CLIENTS = ("kafka-python", "confluent", "aiokafka", "kcat")

_PACKAGES = {"kafka-python": "kafka", "confluent": "confluent_kafka", "aiokafka": "aiokafka"}


def reason_to_skip(name: str) -> str:
    """Return why a client cannot be used here, or an empty string."""
    if name == "kcat":
        return "" if which("kcat") else "kcat is not installed (Debian: apt-get install kcat)"
    return "" if find_spec(_PACKAGES[name]) else f"{name} is not installed (pip install pykbroker[test])"


def client_named(name: str) -> Client:
    """Return the client; imports its package on first use."""
    if name == "kafka-python":
        from tests.compat.clients.kafka_python import KafkaPython

        return KafkaPython()
    if name == "confluent":
        from tests.compat.clients.confluent import Confluent

        return Confluent()
    if name == "aiokafka":
        from tests.compat.clients.aio import AioKafka

        return AioKafka()
    from tests.compat.clients.kcat import Kcat

    return Kcat()
