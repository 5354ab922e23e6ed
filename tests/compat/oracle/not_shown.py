"""The statements of the conformance list that no scenario shows, and why.

With those of the scenarios they are all of the list, which `tests/compat/test_oracle.py` checks.
"""

from collections.abc import Iterator

NOT_YET, NOT_HERE = "not-yet", "unsupported"

_REASONS: dict[tuple[str, str], str] = {
    (NOT_YET, "transactions"): """
        API-08 PROD-48 PROD-49 PROD-50 PROD-51 PROD-52 PROD-53 PROD-54 FET-16 FET-17 FET-20 LOFF-15 OFF-21 CLA-18
        TXN-03 TXN-04 TXN-06 TXN-07 TXN-08 TXN-09 TXN-10 TXN-11 TXN-12 TXN-13 TXN-14 TXN-15 TXN-16 TXN-17 TXN-18 TXN-19
        TXN-20 TXN-21 TXN-22 TXN-23 TXN-24 TXN-25 TXN-26 TXN-27 TXN-28 TXN-29 TXN-30 TXN-31 TXN-32 TXN-33 TXN-34 TXN-35
        TXN-36 TXN-37 STO-07 STO-22 INT-05 INT-06
    """,
    (NOT_YET, "KIP-848 consumer groups"): """
        GRP-46 OFF-15 OFF-16 GAD-08 GAD-17 INT-04 CGP-01 CGP-02 CGP-03 CGP-04 CGP-05 CGP-06 CGP-07 CGP-08 CGP-09 CGP-10
        CGP-11 CGP-12 CGP-13 CGP-14 CGP-15 CGP-16 CGP-17 CGP-18 CGP-19 CGP-20 CGP-21 CGP-22
    """,
    (NOT_YET, "share groups"): "SHR-01 SHR-02 SHR-03 SHR-04 SHR-05 SHR-06 SHR-07 SHR-08 SHR-09 SHR-10",
    (NOT_YET, "SASL"): "API-04 SEC-01 SEC-02 SEC-03 SEC-04 SEC-05 SEC-06 SEC-07 SEC-08 SEC-10",
    (NOT_YET, "ACLs"): """
        MD-20 MD-21 FET-45 COORD-09 OFF-32 GAD-04 TOP-11 SEC-14 SEC-15 SEC-16 SEC-17 SEC-18 SEC-19
    """,
    (NOT_YET, "quotas are stored, not enforced"): "PROD-58 FET-41 TOP-13 QUO-02 QUO-05",
    (NOT_YET, "BROKER_LOGGER configs"): "CONF-22",
    (NOT_HERE, "several nodes"): "PROD-34 PROD-36 OFLE-02 OFLE-04",
    (NOT_HERE, "several listeners: tests/compat/test_listeners.py"): "FRM-24 MD-19",
    (NOT_HERE, "not visible on the wire: files, tests/oracle"): """
        STO-01 STO-02 STO-03 STO-04 STO-05 STO-06 STO-08 STO-09 STO-10 STO-11 STO-12 STO-17 STO-18 STO-24 STO-25 STO-26
        INT-02 INT-03
    """,
    (
        NOT_HERE,
        "needs a kill or a fault at a moment of its own: tests/crash, tests/sim",
    ): "FRM-23 GRP-43 GRP-44 OFF-33 STO-28",
    (NOT_HERE, "takes minutes or longer; shown in simulated time"): "PROD-46 GRP-31 OFF-06 OFF-28 OFF-29 FET-14 STO-23",
    (NOT_HERE, "needs a receiver of telemetry inside the broker"): "CLA-19 CLA-20 CLA-21",
    (NOT_HERE, "Kafka 4.3 itself fails at it: UNKNOWN_SERVER_ERROR"): "PROD-26",
    (NOT_HERE, "versions that Kafka 4 dropped"): "PROD-59 FET-40 LOFF-13",
}


def not_shown() -> Iterator[tuple[str, str, str]]:
    """Yield statement, status and reason."""
    for (status, reason), names in _REASONS.items():
        for name in names.split():
            yield name, status, reason
