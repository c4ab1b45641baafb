"""`symbolon broker restore`: a broker's folder is made of a backup, and nothing is sold twice.

The checkpoint that was kept elsewhere says whether the backup's log is whole. It is named, or it lies where
the settings say that the broker keeps it, if that is outside of the folder.
"""

from __future__ import annotations

from pathlib import Path

from attestation.errors import ExitCode
from contract.checkpoint import open_checkpoint
from contract.dsse import parse_public_key
from release.backup import put_back
from release.folder import Folder, open_folder
from release.log.restoring import KeptFile
from release.restored import mark_restored, restored_as, take_mark_away, why_not_whole
from release.store.engine import check_migrated, held_alone, open_engine, reading

from ..inputs import read_text
from ..rendering import console, print_json, printable_lines
from .database import answering


def restore(backup: Path, path: Path, *, checkpoint: str | None, output: str) -> ExitCode:
    """The folder is a broker's. Exit code 0 where its log is whole, 3 where an epoch has to begin.

    Raises:
        NotABroker: the backup is none's.
        NoteMalformed, CheckpointMalformed, NoteSignedByAnother: the checkpoint is none of this broker's.
        DatabaseInUse, DatabaseNotDurable, MigrationMissing: see there.
        BrokerRefused: `database-unavailable`.
        Misconfigured: the folder is there already, or cannot be written.
    """
    settings = open_folder(backup).settings
    kept = checkpoint
    if kept is None and Path(settings.log.kept).is_absolute() and Path(settings.log.kept).is_file():
        kept = settings.log.kept
    text = None if kept is None else read_text(kept, what="checkpoint")
    key = parse_public_key(settings.broker.public_key, where="broker.public_key")
    held = None if text is None else open_checkpoint(text, key)
    put_back(backup, path)
    folder = open_folder(path)
    with answering(folder), held_alone(folder.database):
        engine = open_engine(folder.database)
        try:
            check_migrated(engine)
            mark_restored(engine)
            if held is None:
                missing: str | None = "no checkpoint was kept that would say whether anything is missing"
            else:
                missing = why_not_whole(engine, held, broker=key.key_id)
            if missing is None:
                take_mark_away(engine)
            with reading(engine) as connection:
                name = restored_as(connection)
        finally:
            engine.dispose()
    if text is not None:
        KeptFile(folder.kept).keep(text)
    _tell(folder, missing, name, output=output)
    return ExitCode.YES if missing is None else ExitCode.ANSWERED_NO


def _tell(folder: Folder, missing: str | None, name: str, *, output: str) -> None:
    if output == "json":
        print_json(
            {"folder": str(folder.path), "whole": missing is None, "missing": missing, "restored": name}
        )
        return
    terminal = console()
    terminal.print(printable_lines(f"the broker is in {folder.path}"))
    if missing is None:
        terminal.print("its log goes as far as the checkpoint that was kept: nothing is missing")
        return
    terminal.print(printable_lines(missing))
    terminal.print("it releases nothing until a newer backup is restored, or the owner begins a new epoch:")
    terminal.print("  symbolon owner order epoch")
    terminal.print(f"the order names this restore, and is of use after no other: {name}")
