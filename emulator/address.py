"""Where the gateway is: all that anything outside the emulator's process has to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the gateway is, and whose certificates to believe there."""

    proxy: str
    """`http://127.0.0.1:PORT`"""
    gateway_socket: Path
    ca_file: Path


def client_env(*, proxy: str, ca_file: str) -> dict[str, str]:
    """What any production client needs in its environment to take the emulator for Google.

    Both spellings, because the lower-case one wins in Python where a person's shell has set it.
    """
    return {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": "",
        "no_proxy": "",
        "REQUESTS_CA_BUNDLE": ca_file,
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": ca_file,
        # else each storage client asks for every bucket's metadata in the background
        "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA": "true",
    }
