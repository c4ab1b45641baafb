"""What `symbolon emulator audit verify` answers: whether the emulator's audit log is whole."""

from __future__ import annotations

from pathlib import Path

from attestation.errors import ExitCode, Misconfigured
from emulator.audit import HEAD_NAME, AuditLogBroken, verify_log

from ..inputs import read_bytes
from ..rendering import console, print_json
from .command import state_folder


def verify_audit_log(state: Path | None, *, head: str | None, output: str) -> ExitCode:
    """How many lines the log has stands on standard output, where it is whole.

    Raises:
        AuditLogBroken: it is not, or it is gone while its head, or a head that was kept, says that it was.
        Misconfigured: there is no log, or it or the head that was kept cannot be read.
    """
    folder = state_folder(state)
    if not (folder / "audit.jsonl").exists():
        if head is not None or (folder / HEAD_NAME).exists():
            raise AuditLogBroken("the log is gone, and there is a head of it")
        raise Misconfigured(
            "no emulator has decided anything in this state folder", hint="name another one: --state DIR"
        )
    kept = None if head is None else read_bytes(head, what="head")
    try:
        found = verify_log(folder, kept=kept)
    except OSError as error:
        raise Misconfigured(
            f"cannot read the audit log: {(error.strerror or 'no reason given').lower()}",
            hint="name a state folder that you may read: --state DIR",
        ) from None
    if output == "json":
        print_json(
            {"whole": True, "lines": found.lines, "sha256": found.sha256, "from_kept_head": head is not None}
        )
        return ExitCode.YES
    terminal = console()
    terminal.print(f"whole: {found.lines} lines, the last of them {found.sha256}")
    if head is None:
        terminal.print(
            "Whoever can write the log can write its head as well: keep a copy of "
            f"{folder / HEAD_NAME} elsewhere, for --head."
        )
    return ExitCode.YES
