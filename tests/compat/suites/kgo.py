"""franz-go's own integration tests, pkg/kgo, which its module carries.

    python -m tests.compat.suites.kgo

They run with 10,000 records, and the group test also with 50,000.
"""

from collections.abc import Collection

from tests.compat.matrix.toolchains.go import CLIENTS
from tests.compat.proxying import Proxy
from tests.compat.suites.gotest import GoTests, compiled, copied, tests_of
from tests.compat.suites.running import Cell, broker, install_directory, main

NAME = "kgo"
MODULE = "github.com/twmb/franz-go"
RECORDS = "10000"
MORE_RECORDS = "50000"
MORE_FOR = "TestGroupETL"
"""The test of those below whose work grows with the number of records."""

NOT_YET = {
    "TestTxnEtl": "transactions",
    "TestSCRAMAuth": "SASL",
    "TestSCRAMAuthBadCredentials": "SASL",
}


def run(kind: str, only: Collection[str]) -> list[Cell]:
    """Run the tests wanted, all when there are none, and return a cell for each that speaks to the broker."""
    (client,) = (each for each in CLIENTS if each.name == "franz-go")
    directory = install_directory(NAME)
    source = copied(MODULE, client.version, directory)
    binary = compiled(source, "./pkg/kgo", directory / "kgo.test")
    row = f"franz-go@{client.version} pkg/kgo"
    wanted = [name for name in tests_of(binary, source) if not only or name in only]
    with broker(kind) as running, Proxy(running.port) as proxy:
        environment = {"KGO_SEEDS": proxy.address, "KGO_TEST_RF": "1", "KGO_TEST_RECORDS": RECORDS}
        tests = GoTests(NAME, row, binary, source / "pkg" / "kgo", kind, proxy, environment, NOT_YET)
        cells = [tests.cell(name) for name in wanted]
        if not only or any(each.startswith(MORE_FOR) for each in only):
            cells.append(tests.cell(MORE_FOR, f"({MORE_RECORDS} records)", KGO_TEST_RECORDS=MORE_RECORDS))
    return [cell for cell in cells if cell]


if __name__ == "__main__":
    main(NAME, run)
