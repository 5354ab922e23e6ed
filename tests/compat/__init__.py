"""Real clients, unmodified and on their defaults, against a real broker process.

The broker is pykbroker, or Apache Kafka as referee: with `PYKBROKER_COMPAT_BROKER=kafka` and `PYKBROKER_KAFKA_JARS` set
to a directory whose `broker/` holds a Kafka distribution's jars, the same tests run against Kafka itself (java needed).
What passes against Kafka and fails against pykbroker is a bug of ours; what fails against Kafka is a bug of the test.

`process.py` runs brokers, `clients/` puts one face on the four clients, `polling.py` has the only sleep.
"""
