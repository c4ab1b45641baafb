"""`symbolon broker migrate`: the database has the tables of this version."""

from __future__ import annotations

from pathlib import Path

from attestation.errors import ExitCode
from release.folder import open_folder

from ..rendering import console, print_json
from .database import prepare


def migrate(path: Path, *, output: str) -> ExitCode:
    """The tables are this version's; what stood in them stands there.

    Raises:
        NotABroker: the folder is none's.
        DatabaseInUse: the broker serves.
        BrokerRefused: `database-unavailable`.
    """
    prepare(open_folder(path))
    if output == "json":
        print_json({"migrated": True})
    else:
        console().print("the database has the tables of this version")
    return ExitCode.YES
