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
