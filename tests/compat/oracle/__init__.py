"""The same requests at pykbroker and at Apache Kafka: what they answer is compared field by field.

    python -m tests.compat.oracle [--ids GRP-07,PROD-39] [--areas GRP] [--seed 7 --seeds 3 --steps 300]

needs java and Kafka's jars (CONTRIBUTING.md). Every statement of the conformance list that one node can show over the
wire is played as a short scenario (`statements/`), at the lowest, the highest and a middle version of its API; then
random steps are taken (`generated/`). Scenarios send requests through a `Node`, which records what was
asked and answered; both records must be the same after `normal.py`, which lists with reasons what may differ.
`not_shown.py` has the statements that are not played, and why.

Results go to build/compat/oracle.json, the decoded answers of each scenario to build/compat/logs/oracle/.
"""
