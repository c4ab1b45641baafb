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
    if not folder:
        return None
    found = Path(folder) / _CREDENTIAL
    try:
        return found if found.is_file() else None
    except OSError:  # whoever reads it says why it cannot be read
        return found
