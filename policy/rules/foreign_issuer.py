"""Whatever another issuer signs, this project does not know what its claims are called and mean.

One that Google documents for Confidential Space is worth a word, and no more.
Source: Google Cloud documentation, "Attestation token claims", `iss`; policy/issuers.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from attestation.issuer import ISSUER

from ..context import Context
from ..findings import Finding, Severity
from ..issuers import has_our_vocabulary, issuer_of, named

SLUG: Final = "foreign-issuer"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "the provider believes another issuer than Google's attestation verifier"


def check(context: Context) -> Iterator[Finding]:
    uri = context.provider.issuer
    if has_our_vocabulary(uri):
        return
    known = issuer_of(uri)
    found = context.finding(
        f"the issuer is {named(uri)}, and what its tokens hold is not known here",
        hint=f"this project knows the tokens of `{ISSUER}`",
    )
    if known is not None and known.note:
        message = f"the issuer is {named(uri)}: {known.note}"
        found = replace(found, message=message, decided=False)
    yield found
