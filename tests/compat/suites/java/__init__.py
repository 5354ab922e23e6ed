"""What Apache Kafka's own system tests are made of, from its jars, against a broker of one node.

`verifiable.py` has `ClientCompatibilityTest` and the verifiable producer and consumers, `trogdor.py` the workloads of
Trogdor. Those programs say what they did; each test here checks that, so that one which did nothing is not taken for a
pass. `python -m tests.compat.suites.java [TEST ...]` runs them.
"""
