"""Whether a person agrees to what was just shown."""

from __future__ import annotations

import sys

from attestation.errors import Misconfigured


def agree(question: str, *, yes: bool, undone: str) -> None:
    """Somebody agreed: by --yes, or at the terminal.

    Raises:
        Misconfigured: nobody did; `undone` says what did not happen.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Misconfigured(undone, hint="nobody is there to be asked: give --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Misconfigured(undone, hint="answer `y`, or give --yes")
