"""What Apache Kafka can do and pykbroker cannot do yet: whoever builds it takes `waits_for` away.

Until then these run with `--broker kafka`, which is how we know that they are right.
"""

from pathlib import Path

from tests.compat.matrix.certificates import certificates
from tests.compat.matrix.driver import Refused
from tests.compat.matrix.records import Record, decoded, numbered
from tests.compat.matrix.scenario import World, scenario
from tests.compat.matrix.scenarios.groups import Group
from tests.compat.process import free_port

USER, PASSWORD = "alice", "alice-secret"


@scenario("transactions", "transactions", waits_for="transactions")
def transactions(world: World) -> None:
    """Records of a committed transaction are read with read_committed, those of an aborted one are not."""
    topic = world.topic()
    world.produce(topic, numbered(5, "kept"), transactional_id=world.name, end="commit")
    world.produce(topic, numbered(5, "dropped"), transactional_id=world.name, end="abort")
    world.produce(topic, numbered(5, "last"), transactional_id=world.name, end="commit")
    got = world.consume(topic, 10, isolation="read_committed")
    assert [record.value for record in got] == [m + b"%d" % n for m in (b"kept", b"last") for n in range(5)]
    assert len(world.witness.records(topic)) >= 15


@scenario("consumer-protocol", "consumer-protocol", waits_for="KIP-848 groups")
def consumer_protocol(world: World) -> None:
    """Two members of a group of the new protocol (KIP-848) share a topic."""
    topic = world.topic(4)
    world.produce(topic, numbered(20, partitions=4))
    group = Group(world, [topic], protocol="consumer")
    first = group.join()
    group.until_shared(4)
    found = world.witness.group_type(world.name).lower()  # some libraries speak the classic one without a word
    assert found == "consumer", f"a group of type {found!r}"
    group.join()
    group.until_shared(2, 2)
    group.until_read(20)
    group.leave(first)
    group.until_shared(4)


@scenario("share-group", "share", waits_for="share groups")
def share_group(world: World) -> None:
    """A member of a share group (KIP-932) gets what is produced."""
    topic = world.topic()
    member = world.driver.open("group", group=world.name, topics=[topic], protocol="share")
    writer = world.driver.open("produce", topic=topic, count=200, size=10, pause_ms=100)  # it begins at the end
    member.until(lambda: len(decoded(member.events)) >= 5, "five records")
    writer.kill()


@scenario("sasl-plain", "sasl-plain", waits_for="SASL")
def sasl_plain(world: World) -> None:
    """A client logs in with SASL PLAIN; with a wrong password it cannot do anything."""
    jaas = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    _login(world, "PLAIN", listener_name_secured_plain_sasl_jaas_config=jaas)


@scenario("sasl-scram", "sasl-scram", waits_for="SASL")
def sasl_scram(world: World) -> None:
    """The same with SCRAM-SHA-256 and a user that was made by AlterUserScramCredentials."""
    jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    _login(world, "SCRAM-SHA-256", listener_name_secured_scram__sha__256_sasl_jaas_config=jaas)


def _login(world: World, mechanism: str, **overrides: str) -> None:
    address = _with_second_listener(world, "SASL_PLAINTEXT", sasl_enabled_mechanisms=mechanism, **overrides)
    topic, witness = world.topic(), world.witness
    if mechanism != "PLAIN":
        witness.add_scram_user(USER, PASSWORD)
    world.use(address)
    login = {"protocol": "SASL_PLAINTEXT", "mechanism": mechanism, "username": USER, "password": PASSWORD}
    world.driver.security = login
    world.produce(topic, [Record(b"let in")])
    world.driver.security = {**login, "password": "wrong"}
    try:  # libraries differ in the word for it, and some only time out
        events = world.driver.call("produce", topic=topic, count=1, size=10, timeout_ms=8000)
        assert any(event["event"] == "failed" for event in events), events
    except Refused:
        pass
    assert [record.value for record in witness.records(topic)] == [b"let in"]


@scenario("tls", "tls", waits_for="TLS")
def tls(world: World) -> None:
    """A client speaks TLS and verifies the broker's certificate."""
    authority, key, certificate = certificates(world.directory)
    keystore = {"ssl_keystore_key": _line(key), "ssl_keystore_certificate_chain": _line(certificate)}
    address = _with_second_listener(world, "SSL", ssl_keystore_type="PEM", **keystore)
    topic, witness = world.topic(), world.witness
    world.use(address)
    world.driver.security = {"protocol": "SSL", "ca": str(authority)}
    world.produce(topic, numbered(10))
    assert [record.value for record in world.consume(topic, 10)] == [record.value for record in numbered(10)]
    assert len(witness.records(topic)) == 10


def _with_second_listener(world: World, protocol: str, **overrides: str) -> str:
    """Start a broker that also has a listener SECURED, with another security protocol; return its address there."""
    plain, secured = free_port(), free_port()
    addresses = f"PLAINTEXT://127.0.0.1:{plain},SECURED://127.0.0.1:{secured}"
    world.start_broker(
        port=plain, listeners=addresses, advertised_listeners=addresses, inter_broker_listener_name="PLAINTEXT",
        listener_security_protocol_map=f"PLAINTEXT:PLAINTEXT,SECURED:{protocol}", **overrides,
    )  # fmt: skip
    return f"127.0.0.1:{secured}"


def _line(pem: Path) -> str:
    """Return a PEM file as one line of a properties file."""
    return pem.read_text().replace("\n", "\\n")
