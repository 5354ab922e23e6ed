"""The settings of brokers that are not like the ordinary pair: few sets, as each costs the start of a Kafka."""

STRICT = {
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "false",
    "group.initial.rebalance.delay.ms": "1500",
    "group.max.size": "2",
    "max.incremental.fetch.session.cache.slots": "1",
}
"""Brokers that allow less than by default."""

BUSY = {
    "log.cleaner.backoff.ms": "100",
    "log.initial.task.delay.ms": "300",
    "log.retention.check.interval.ms": "300",
    "offsets.retention.check.interval.ms": "300",
    "pykbroker.validate.records": "true",  # docs/skipped.md; Kafka does not know it and looks into every record anyway
}
"""Brokers that clean up all the time."""

NARROW = {"connections.max.idle.ms": "1500", "max.connections.per.ip": "4"}
"""Brokers that do not take many connections, nor keep them for long."""
