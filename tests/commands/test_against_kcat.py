"""kcat reads what `produce` wrote, and `consume` what kcat wrote."""

import shutil

import pytest

from pykbroker.testing import Broker
from tests.commands.conftest import Run
from tests.compat.clients.kcat import kcat

pytestmark = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")

FORMAT = "%p %o %k %s %h %K %S\\n"


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_kcat_reads_what_we_wrote(kafka: Broker, on: Run, codec: str) -> None:
    lines = b"h:1,i:2\ta=1\n\tb=-\n\t-=3\n"
    options = ("--headers", "--key-separator", "=", "--null-marker", "-", "--codec", codec)
    assert on("produce", "t", *options, stdin=lines).status == 0
    theirs = kcat("-b", kafka.bootstrap_servers, "-t", "t", "-C", "-e", "-q", "-f", FORMAT)
    assert theirs == b"0 0 a 1 h=1,i=2 1 1\n0 1 b   1 -1\n0 2  3  -1 1\n"
    assert on("consume", "t", "--format", FORMAT).out.encode() == theirs


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_we_read_what_kcat_wrote(kafka: Broker, on: Run, codec: str) -> None:
    options = ("-K", ":", "-H", "h=1", "-z", codec)
    kcat("-b", kafka.bootstrap_servers, "-t", "t", "-P", *options, stdin=b"a:1\nb:2\n" + b"c:3\n" * 1000)
    theirs = kcat("-b", kafka.bootstrap_servers, "-t", "t", "-C", "-e", "-q", "-f", FORMAT)
    assert theirs.count(b"\n") == 1002
    assert on("consume", "t", "--format", FORMAT).out.encode() == theirs
