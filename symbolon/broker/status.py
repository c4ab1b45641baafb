"""`symbolon broker status`: what the broker has, whether it answers, and whether it would release now."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from attestation.errors import ExitCode
from contract.checkpoint import Checkpoint, key_of, origin_of
from contract.dsse import PublicKey, parse_public_key
from contract.signed_note import render_verifier_key
from release.folder import Folder, open_folder
from release.store.engine import check_migrated, open_made
from release.summary import Summary, summarise

from ..rendering import columns, console, print_json, printable_lines, styled
from .database import answering
from .reaching import checks_of


def status(path: Path, *, output: str) -> ExitCode:
    """Exit code 0 where it serves and is ready, 3 where not. No key is opened.

    Raises:
        NotABroker: the folder is none's.
        MigrationMissing, DatabaseNotDurable: see there.
        BrokerRefused: `database-unavailable`.
    """
    folder = open_folder(path)
    with answering(folder):
        engine = open_made(folder.database)
        try:
            check_migrated(engine)
            found = summarise(engine, now=time.time())
        finally:
            engine.dispose()
    checks = checks_of(folder.settings)
    is_ready = checks is not None and all(said == "yes" for said in checks.values())
    if output == "json":
        print_json(
            {
                "broker": _key(folder).key_id,
                "url": folder.settings.broker.url,
                "broker_key": folder.settings.broker.public_key,
                "broker_pins": _pins(folder),
                "log_key": _log_key(folder, found),
                "serves": checks is not None,
                "ready": is_ready,
                "checks": dict(checks or {}),
                **asdict(found),
            }
        )
    else:
        _tell(folder, found, dict(checks or {}), serves=checks is not None)
    return ExitCode.YES if is_ready else ExitCode.ANSWERED_NO


def _tell(folder: Folder, found: Summary, checks: dict[str, str], *, serves: bool) -> None:
    settings = folder.settings
    pins = _pins(folder)
    keys = ", ".join(f"{number} by {key}" for key, number in sorted(found.master_keys.items()))
    rows = [
        ("broker", _key(folder).key_id),
        ("reached at", settings.broker.url),
        ("pin", pins[0]),
        ("next pin", pins[1]),
        ("serves", f"yes, at {settings.broker.address}" if serves else "no"),
        *(("ready: " + name, said) for name, said in sorted(checks.items())),
        ("platform", settings.platform.mode),
        ("models", f"{found.models}" + (f" (keys wrapped: {keys})" if keys else "")),
        ("licences", f"{found.licences}, {found.revoked} of them revoked"),
        ("released", f"{found.releases}, {found.running} of them running"),
        ("log", f"{found.log_entries} entries, epoch {found.epoch}"),
        ("log's key", _log_key(folder, found)),
        *([("restored as", f"{found.restored}: waits for an epoch")] if found.restored else []),
    ]
    for line in printable_lines(columns(rows)).splitlines():
        console().print(styled(line, whole=True))


def _key(folder: Folder) -> PublicKey:
    return parse_public_key(folder.settings.broker.public_key, where="broker.public_key")


def _pins(folder: Folder) -> list[str]:
    """As terms have them."""
    tls = folder.settings.tls
    return [pin.removeprefix("sha256:") for pin in (tls.pin, tls.next_pin)]


def _log_key(folder: Folder, found: Summary) -> str:
    """What the operator of a witness, and any reader of the log, knows it by."""
    key = _key(folder)
    now = Checkpoint(origin=origin_of(key.key_id, found.epoch), size=0, root=b"")
    return render_verifier_key(key_of(now, key))
