"""Who may open the page: whoever has a ticket that was written into the state folder, once."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Final

_FOLDER: Final = "page-tickets"
_MOST: Final = 64


def issue_ticket(state: Path) -> str:
    """A word that opens the page once; the folder, which is its owner's alone, has its SHA-256."""
    folder = state / _FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime_ns)[: -_MOST + 1]:
        old.unlink(missing_ok=True)
    ticket = secrets.token_urlsafe(32)
    (folder / _name_of(ticket)).touch(mode=0o600, exist_ok=False)
    return ticket


def redeem_ticket(state: Path, ticket: str) -> bool:
    """Whether it opens the page; it does so no second time, whoever is faster."""
    try:
        (state / _FOLDER / _name_of(ticket)).unlink()
    except OSError:
        return False
    return True


def _name_of(ticket: str) -> str:
    return hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).hexdigest()
