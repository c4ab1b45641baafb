"""What `symbolon owner log-secret` does: it fetches what opens the owner's own entries of a broker's log."""

from __future__ import annotations

import os
from pathlib import Path

from attestation.errors import ExitCode
from contract.release_log import SECRET_BYTES

from ..inputs import cannot_write
from ..rendering import console, print_json, printable_lines
from .desk import Desk, unreadable
from .workplace import AlreadyThere


def fetch_log_secret(desk: Desk, file: Path, *, output: str) -> ExitCode:
    """The file has the secret, in hex, for this account's eyes alone. It opens no model.

    Raises:
        AlreadyThere: the file is there.
        Misconfigured: it cannot be written.
        BrokerRefused, BrokerUnreachable: see there.
    """
    if file.exists():
        raise AlreadyThere(f"`{file.name}` is there already", hint="name another file")
    secret = str(desk.ask("state").get("log_secret"))
    try:
        is_secret = len(bytes.fromhex(secret)) == SECRET_BYTES
    except ValueError:
        is_secret = False
    if not is_secret:
        raise unreadable()
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
            written.write(f"{secret}\n")
    except OSError as error:
        raise cannot_write(str(file), error) from None
    if output == "json":
        print_json({"file": str(file)})
        return ExitCode.YES
    terminal = console()
    terminal.print(printable_lines(f"{file} opens the log's entries of policies, templates, keys and models"))
    terminal.print(
        printable_lines(f"next: symbolon auditor log find {desk.broker.url} --secret-file {file} --pin HEX")
    )
    return ExitCode.YES
