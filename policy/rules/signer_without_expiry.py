"""A signature has no end; that of the condition is yours to set, by changing it.

Source: sigstore/cosign, signatures by key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity
from .signature_without_algorithm import signature_keys

SLUG: Final = "signer-without-expiry"
SEVERITY: Final = Severity.INFO
TITLE: Final = "whatever the key has signed, or will sign, is admitted for as long as the condition stands"


def check(context: Context) -> Iterator[Finding]:
    if context.dossier.reads("submods.container.image_digest", "iat", "exp", "nbf"):
        return
    for node in signature_keys(context):
        yield context.finding(TITLE, hint="plan when this key is replaced", span=node.span)
