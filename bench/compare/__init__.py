"""Side by side: pykbroker, Apache Kafka, kfake and the C floor under the same loads. `python -m bench.compare`."""
