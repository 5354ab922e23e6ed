"""The compatibility matrix: every client library, through every scenario, against a real broker process.

    python -m tests.compat.matrix                                   # everything that can be had here
    python -m tests.compat.matrix --clients go/ --scenarios group-  # a part: prefixes
    python -m tests.compat.matrix --broker kafka                    # Apache Kafka as referee: is the scenario right?

`scenarios/` say what is to happen and check it. A client's driver (`tests/compat/clients/`) does one step at a time;
`driver.py` runs it, with a limit of time, so that a hung client is a cell that says so. `witness.py` looks at what the
broker really holds, without the client under test. `cells.py` keeps what came out, `page.py` writes
docs/compatibility.md, and `regressions.py` compares a run with the page that is committed.

A cell is green only if the scenario ran to its end with this client. A scenario that the broker is not built for yet
has `waits_for`: it is not run (clients wait long for what is not there), and its cells say "not yet".
"""
