"""A certificate authority and a broker's certificate for 127.0.0.1, made with the machine's openssl."""

import subprocess
from pathlib import Path


def certificates(directory: Path) -> tuple[Path, Path, Path]:
    """Return the PEM files of the authority's certificate, and of the broker's key (PKCS 8) and certificate."""
    directory.mkdir(parents=True, exist_ok=True)
    authority, authority_key = directory / "ca.pem", directory / "ca.key"
    key, certificate, request = directory / "broker.key", directory / "broker.pem", directory / "broker.csr"
    names = directory / "names.cnf"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=pykbroker test authority",
             "-keyout", authority_key, "-out", authority)  # fmt: skip
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", request)
    _openssl("x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", "2",
             "-extfile", names, "-out", certificate)  # fmt: skip
    return authority, key, certificate


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
