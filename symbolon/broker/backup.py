"""`symbolon broker backup`: a copy of the broker, of one moment, while it serves."""

from __future__ import annotations

from pathlib import Path

from attestation.errors import ExitCode
from release.backup import back_up, is_sqlite
from release.folder import open_folder

from ..rendering import console, print_json, printable_lines


def backup(path: Path, target: Path, *, output: str) -> ExitCode:
    """The copy is in `target`, which was not there.

    Raises:
        NotABroker: the folder is none's.
        FolderInUse: its keys are being replaced.
        Misconfigured: `target` is there, or something cannot be read or written.
    """
    folder = open_folder(path)
    names = back_up(folder, target)
    if output == "json":
        print_json({"backup": str(target), "files": list(names), "has_database": is_sqlite(folder)})
        return ExitCode.YES
    terminal = console()
    terminal.print(printable_lines(f"{target} has {', '.join(names)}"))
    if not is_sqlite(folder):
        terminal.print("PostgreSQL's database is not in it: dump it as well, by pg_dump")
    terminal.print("keep the passphrase and the last checkpoint somewhere else")
    return ExitCode.YES
