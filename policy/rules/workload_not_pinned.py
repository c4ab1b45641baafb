"""A digest, or the key of a signature, names a workload. A tag, an account or a project does not.

Source: Google Cloud documentation, "Create and grant access to confidential resources".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import CONTAINER, IN_SPACE, Context, among
from ..findings import Finding, Severity

SLUG: Final = "workload-not-pinned"
SEVERITY: Final = Severity.CRITICAL
TITLE: Final = "a workload is admitted that the condition does not name"

_SIGNATURES: Final = f"{CONTAINER}.image_signatures"


def question(context: Context) -> str:
    """That neither a digest nor a key of the condition is this workload's."""
    case = context.case
    digests = [f"sha256:{each}" for each in case.hashes]
    others = [IN_SPACE, f"!({among(f'{CONTAINER}.image_digest', digests)})"]
    if case.reads("submods.container.image_id"):
        others.append(f"!({among(f'{CONTAINER}.image_id', digests)})")
    if case.reads("submods.container.image_reference"):
        others += [f'!{CONTAINER}.image_reference.endsWith("@{each}")' for each in digests]
    if case.reads("submods.container.image_signatures"):
        signed = f"{_SIGNATURES}.exists(signature, {among('signature.key_id', case.hashes)})"
        others.append(f"(!has({_SIGNATURES}) || {_SIGNATURES} == null || !{signed})")
    return " && ".join(others)


def check(context: Context) -> Iterator[Finding]:
    return context.admits(
        question(context),
        TITLE,
        hint=f'ask `{CONTAINER}.image_digest == "sha256:…"`, or for a signature by a key of yours',
        about="submods.container.image_digest",
    )
