"""`symbolon broker rotate-master` and `rotate-tls`: one key in the place of another, step by step."""

from __future__ import annotations

from pathlib import Path

from attestation.errors import ExitCode
from contract.orders import parse_master_key
from release.backup import is_sqlite
from release.folder import open_folder, open_keys
from release.orders.standing import standing
from release.renewing_tls import renew_tls
from release.rotating import Rotated, rotate
from release.store.engine import check_migrated, open_made, reading

from ..rendering import console, print_json, styled
from .database import answering
from .passphrase import passphrase_from

_KIND = "master-key"


def rotate_master(path: Path, *, passphrase_file: Path | None, output: str) -> ExitCode:
    """The next step is done: a key is made, or everything is wrapped by it. Exit code 3: an order is missing.

    Raises:
        NotABroker: the folder is none's.
        PassphraseWrong: the passphrase does not open the master key.
        WrappedRefused, MasterKeyUnknown: it does not open what it should.
        FolderInUse: a backup is being made, or another key replaced.
        Misconfigured, Denied, Unavailable, BrokerRefused: a file, Cloud KMS or the database.
    """
    folder = open_folder(path)
    keys = open_keys(folder, passphrase_from(passphrase_file))
    with answering(folder):
        engine = open_made(folder.database)
        try:
            check_migrated(engine)
            with reading(engine) as connection:
                found = standing(connection, _KIND)
            approved = None if found is None else parse_master_key(found.body)
            done = rotate(folder, engine, keys.master, approved=approved, has_copies=not is_sqlite(folder))
        finally:
            engine.dispose()
    if output == "json":
        print_json(
            {
                "done": done.is_done,
                "current": done.current,
                "waits_for": done.waits_for,
                "wrapped_again": done.wrapped_again,
            }
        )
    else:
        _tell(done)
    return ExitCode.YES if done.is_done else ExitCode.ANSWERED_NO


def _tell(done: Rotated) -> None:
    terminal = console()
    if done.is_done:
        terminal.print(f"done: {done.wrapped_again} keys were wrapped anew, and no older key opens anything")
    elif done.waits_for is None:
        terminal.print(f"{done.wrapped_again} keys were wrapped anew")
        terminal.print("copy the *.key files to each machine that serves this broker, then run this again")
    else:
        terminal.print(f"the key {done.waits_for} is in master.key, and waits for the owner's order:")
        terminal.print(styled(f"  symbolon owner order master-key {done.waits_for}", whole=True))
        terminal.print("copy master.key to each machine that serves this broker before it is signed")


def rotate_tls(path: Path, *, passphrase_file: Path | None, output: str) -> ExitCode:
    """The next start shows the next key, and one more is made; its pins are shown.

    Raises:
        NotABroker: the folder is none's.
        PassphraseWrong, WrappedRefused, MasterKeyUnknown: the master key does not open what it should.
        FolderInUse: a backup is being made, or another key replaced.
        Misconfigured, Denied, Unavailable: a file, or Cloud KMS.
    """
    folder = open_folder(path)
    keys = open_keys(folder, passphrase_from(passphrase_file))
    settings = renew_tls(folder, keys.master)
    pins = [pin.removeprefix("sha256:") for pin in (settings.tls.pin, settings.tls.next_pin)]
    if output == "json":
        print_json({"broker_pins": pins})
        return ExitCode.YES
    terminal = console()
    terminal.print("from the next start on the broker shows the key that was the next one; the pins are")
    terminal.print(styled(f'  broker_pins = ["{pins[0]}", "{pins[1]}"]', whole=True))
    terminal.print("images of the pins before know the first of them, and not the second: publish anew")
    return ExitCode.YES
