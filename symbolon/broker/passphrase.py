"""The master key's passphrase: a file's, systemd's, or what is typed, and never an argument's.

Source: systemd.exec(5), "Credentials".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..owner.signing_keys import read_passphrase

_CREDENTIAL = "passphrase"


def passphrase_from(file: Path | None, *, twice: bool = False) -> Callable[[], str]:
    """What reads the passphrase when it is needed; `twice` where nobody could tell a slip later.

    What it does:
        Misconfigured: there is no terminal and no file, or nothing in it.
    """

    def ask() -> str:
        return read_passphrase(file or _credential(), twice=twice)

    return ask


def _credential() -> Path | None:
    """The file that systemd hands to a service, where it hands one."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    found = Path(folder) / _CREDENTIAL if folder else None
    return found if found is not None and found.is_file() else None
