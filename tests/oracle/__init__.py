"""Our files and Apache Kafka's are the same: proved with Kafka's own tools and broker, in both directions.

    test_dump.py               what `kafka-dump-log` prints about damaged files: that these tests can fail
    test_tool_reads_ours.py    it reads every file that we write, without a complaint
    test_kafka_opens_ours.py   a Kafka broker goes on with a directory of ours
    test_we_open_kafkas.py     we go on with a directory of Kafka's, and Kafka with that again

Both brokers write the same (`scenario.py`) and are stopped or killed; what they leave is read by the other one and by
the tool (`written.py`, `reading.py`). Needs java and Kafka's jars (`tests/kafka_jars.py`), and skips without them.
"""
