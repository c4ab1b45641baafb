"""What is to be audited, as it was typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

NO_ENGINE: Final = "none"
"""In place of an engine's name: nothing is built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be audited, as it was typed.

    `engine` may be `none`: nothing is built. `known` are OCI layouts whose files the auditor vouches for.
    `key_policy` is the allow policy of the key that opens a sealed model.
    """

    image: str
    source: Path
    terms: str
    policy: str | None
    bindings: str | None
    base: str | None
    engine: str | None
    wheels: Path | None
    known: tuple[Path, ...]
    root: str | None
    emulator: bool
    pip_config: Path | None
    ca: Path | None
    attack: int
    key_policy: str | None = None
