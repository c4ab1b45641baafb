"""On a Shielded VM nothing keeps whoever runs the host out of the memory.

Source: Google Cloud documentation, "Attestation token claims", `hwmodel`; real tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel.rendering import render_constant
from ..context import IN_SPACE, Context
from ..findings import Finding, Severity
from ..schema import ENCRYPTED_MEMORY

SLUG: Final = "unencrypted-memory-admitted"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a machine is admitted whose memory is not encrypted"


def question(_: Context) -> str:
    return f'{IN_SPACE} && assertion.hwmodel == "GCP_SHIELDED_VM"'


def check(context: Context) -> Iterator[Finding]:
    models = render_constant(list(ENCRYPTED_MEMORY))
    return context.admits(
        question(context), TITLE, hint=f"ask `assertion.hwmodel in {models}`", about="hwmodel"
    )
