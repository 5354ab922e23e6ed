"""Node clients: two that are JavaScript alone, and two bindings of librdkafka.

A client's directory gets a copy of its driver, of what drivers share and of its package.json, beside which npm
installs; the versions are the manifest's. The JavaScript clients bring a Node of their own as the npm package `node`,
because @platformatic/kafka wants a newer one than distributions have, and zstd came to `node:zlib` with Node 22. The
bindings are compiled, and so run on the Node that is installed, whose headers are there.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.compat.matrix.client import SOURCES, Client, run

NODE = SOURCES / "node"

COMPILERS = ("c++", "make", "python3")

BUILD_ENVIRONMENT = {
    "CKJS_LINKING": "dynamic",  # Confluent's binding would download the sources of its dependencies
    "npm_config_build_from_source": "true",  # and a compiled binding
    "MAKEFLAGS": "--load-average=2",  # its librdkafka is made with as many processes as there are files
}


def _client(
    name: str,
    package: str,
    *,
    core: bool = False,
    needs: Sequence[str] = (),
    configs: Mapping[str, Mapping[str, object]] | None = None,
) -> Client:
    manifest = json.loads((NODE / name / "package.json").read_text())

    def install(directory: Path) -> Sequence[str]:
        return installed(name, directory)

    version = manifest["dependencies"][package]
    return Client("node", name, version, install, needs=("node", "npm", *needs), core=core, configs=configs)


def installed(name: str, directory: Path) -> list[str]:
    """Install a client into `directory` unless its manifest is there as it is now; return its driver's command."""
    home = directory / name
    home.mkdir(exist_ok=True)
    manifest, done = NODE / name / "package.json", home / "installed.json"
    if not done.exists() or done.read_text() != manifest.read_text():
        shutil.copy(manifest, home)
        run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"], home, os.environ | BUILD_ENVIRONMENT)
        shutil.copy(manifest, done)
    for shared in NODE.glob("*.js"):
        shutil.copy(shared, directory)
    shutil.copy(NODE / name / "driver.js", home)
    own_node = home / "node_modules" / ".bin" / "node"
    return [str(own_node) if own_node.exists() else "node", str(home / "driver.js")]


CLIENTS = [
    _client("kafkajs", "kafkajs", core=True),
    _client("platformatic-kafka", "@platformatic/kafka", configs={"auto-created": {"autocreateTopics": True}}),
    _client("node-rdkafka", "node-rdkafka", needs=COMPILERS),
    _client("confluent-kafka-javascript", "@confluentinc/kafka-javascript", needs=COMPILERS),
]
