"""Command-line tools, Kafka's own and others', against pykbroker and Apache Kafka: what they say must be the same.

python -m tests.compat.tools [--tools kafka-topics,kcat] [--flows create,list]

flows/          what is run: a module per tool or family of tools, data only
catalogue.py    all tools, in the page's order
model.py        the words flows are written in: Tool, Flow, Run
before.py       more of them: what a flow finds, topics, records, members of groups
place.py        a broker, a directory, and what placeholders stand for
host.py         Kafka's tools in one JVM (Host.java); programs.py: everything else, and how it is installed
normalise.py    what may differ between two brokers, rule by rule
judge.py        what two outcomes of a flow make of its cell
runner.py       all flows on both brokers; page.py: the results as JSON, logs and a summary
test_tools.py   a fast subset, and that the host is faithful
"""
