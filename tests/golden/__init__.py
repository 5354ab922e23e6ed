"""Frames that real clients and Apache Kafka exchanged: `capture.py` records, `tests/wire/test_golden.py` reads them.

One request and one response for each API, version and client: `<client>/<NNN>-<ApiName>-v<N>-{request,response}.bin`,
NNN being the API key. What Kafka's broker asked itself, of transactions, is in `kafka-broker`. A file is a frame as it
was on the wire: size, header, body.
"""
