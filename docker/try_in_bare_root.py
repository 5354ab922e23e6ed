"""Do what docker/Dockerfile does, without Docker: build the tree into a bare directory and run the broker in there.

    python docker/try_in_bare_root.py NEW-DIRECTORY

Needs root, on Linux, with unshare and chroot. The directory becomes the root of a file system that has nothing but this
Python, the libraries of this system (both mounted, read-only), /opt/pykbroker as the image has it, and the three data
directories. There, as user 1000, in a network and with processes of its own, it starts the container's entry point,
asks the health check until it is content, stops the broker with SIGTERM and starts it again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SYSTEM = ("/usr/lib", "/lib", "/lib64")
DATA = ("var/lib/kafka/data", "bitnami/kafka", "tmp/kraft-combined-logs")
USER = 1000

# Runs in there. What it starts and stops is what Docker would.
TRIAL = """
import os, signal, subprocess, sys, time

def start():
    broker = subprocess.Popen([sys.executable, "-m", "pykbroker.container"])
    for _ in range(200):
        check = subprocess.run([sys.executable, "-m", "pykbroker.health"], stderr=subprocess.DEVNULL)
        if check.returncode == 0:
            return broker
        assert broker.poll() is None, "the broker has ended"
        time.sleep(0.05)
    raise AssertionError("the broker is not healthy")

assert os.getuid() == 1000
for directory in ("/opt/pykbroker", "/"):
    assert not os.access(directory, os.W_OK), directory
for _ in range(2):
    broker = start()
    loaded = subprocess.run([sys.executable, "-c", "import pykbroker.server.loop as m; print(m.__cached__)"],
                            capture_output=True, text=True, check=True).stdout.strip()
    assert os.path.exists(loaded), loaded
    broker.send_signal(signal.SIGTERM)
    assert broker.wait(20) == 0
print(*sorted(os.listdir("/var/lib/kafka/data")))
"""

INSIDE = """
set -e
cd "$1"
for directory in {system}; do
    [ -d "$directory" ] || continue
    mkdir -p "./$directory"
    mount --bind "$directory" "./$directory"
    mount -o remount,bind,ro "./$directory"
done
mkdir -p usr/local proc dev
mount --bind "$2" usr/local
mount -o remount,bind,ro usr/local
mount -t proc proc proc
ip link set lo up
exec chroot --userspec={user}:{user} . /usr/bin/env -i PATH=/opt/pykbroker/bin:/usr/local/bin HOME=/tmp \
    PYTHONPATH=/opt/pykbroker PYTHONUNBUFFERED=1 {variables} /usr/local/bin/python3 -c "$3"
"""


def build(root: Path) -> None:
    """Make /opt/pykbroker and the data directories below `root`, with the commands of the Dockerfile."""
    target = root / "opt" / "pykbroker"
    source = root / "src"  # pip builds where the source is, and leaves things there
    source.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    shutil.copytree(ROOT / "pykbroker", source / "pykbroker", ignore=shutil.ignore_patterns("__pycache__"))
    # pip's compiling would write bytecode that is compared with its source.
    install = ["pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check", "--root-user-action=ignore"]
    subprocess.run([sys.executable, "-m", *install, "--target", str(target), str(source)], check=True)
    compiling = ["compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([sys.executable, "-m", *compiling, str(target)], check=True)
    for directory in DATA:
        (root / directory).mkdir(parents=True, exist_ok=True)
        os.chown(root / directory, USER, USER)
    (root / "tmp").chmod(0o1777)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (root / "dev").mkdir(exist_ok=True)
    if not (root / "dev" / "null").exists():
        os.mknod(root / "dev" / "null", 0o020666, os.makedev(1, 3))
        (root / "dev" / "null").chmod(0o666)
    (root / "usr" / "bin").mkdir(parents=True, exist_ok=True)
    (root / "usr" / "bin" / "env").write_bytes(Path("/usr/bin/env").read_bytes())
    (root / "usr" / "bin" / "env").chmod(0o755)


def run(root: Path, variables: dict[str, str]) -> str:
    """Try the broker in there with an environment; return what it prints. CalledProcessError if it fails."""
    script = INSIDE.format(
        system=" ".join(SYSTEM), user=USER, variables=" ".join(f"{name}={value}" for name, value in variables.items())
    )
    unshare = ["unshare", "--mount", "--net", "--pid", "--fork"]
    command = [*unshare, "sh", "-c", script, "sh", str(root), sys.base_prefix, TRIAL]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def main() -> int:
    """Build and run; what went wrong is on stderr."""
    root = Path(sys.argv[1]).resolve()
    build(root)
    try:
        print(run(root, {"CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qk"}), end="")
    except subprocess.CalledProcessError as error:
        print(error.stdout, error.stderr, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
