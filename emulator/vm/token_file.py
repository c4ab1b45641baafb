"""The attestation token that the launcher keeps in a file for the workload.

Source: google/go-tpm-tools, launcher/container_runner.go: refreshed between 0.7 and 0.9 of its
lifetime, replaced by an atomic rename. The real launcher backs off and tries for ever when the
verifier fails, so a workload may meet an expired file; ours keeps whatever it was given.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from threading import Event

from ..state import write_atomically
from ..verifier import LIFETIME_S

TOKEN_FILE = "attestation_verifier_claims_token"  # noqa: S105  a file's name
_CENTRE, _JITTER = 0.8, 0.1


class TokenFile:
    """The file in `folder` that holds the newest token of `mint`."""

    def __init__(
        self,
        folder: Path,
        mint: Callable[[], str],
        *,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._path = folder / TOKEN_FILE
        self._mint = mint
        self._uniform = uniform

    def refresh(self) -> float:
        """The file holds a fresh token; how many seconds until it wants another."""
        write_atomically(self._path, self._mint().encode(), mode=0o644)
        return LIFETIME_S * self._uniform(_CENTRE - _JITTER, _CENTRE + _JITTER)

    def keep_fresh(self, first_wait_s: float, until: Event) -> None:
        """The file is refreshed in time, until the event is set."""
        wait_s = first_wait_s
        while not until.wait(wait_s):
            wait_s = self.refresh()
