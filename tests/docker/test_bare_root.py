"""The image's tree, built and run without Docker: `docker/try_in_bare_root.py`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_tree_of_the_image_serves_as_a_user_who_is_not_root(tmp_path: Path) -> None:
    missing = [tool for tool in ("unshare", "chroot", "ip", "mount") if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root, and unshare, chroot, ip and mount; missing: {', '.join(missing) or 'root'}")
    probe = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no namespaces here: {probe.stderr.decode().strip()}")
    done = subprocess.run(
        [sys.executable, str(ROOT / "docker" / "try_in_bare_root.py"), str(tmp_path / "root")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("*:9092, data in /var/lib/kafka/data") == 2
    assert "__cluster_metadata-0" in done.stdout.splitlines()[-1].split()
