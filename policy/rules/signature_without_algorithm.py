"""One key ID stands for what it signs by any algorithm that the verifier knows.

Source: Google Cloud documentation, "Attestation token claims", `image_signatures`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..context import Context, path_text
from ..findings import Finding, Severity

SLUG: Final = "signature-without-algorithm"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "a signature's key is asked, and not how it signs"


def signature_keys(context: Context) -> list[syntax.Comprehension]:
    """Where a condition asks for the key of a signature."""
    return [
        node
        for clause in context.dossier.clauses
        for node, _ in syntax.walk(clause.node)
        if isinstance(node, syntax.Comprehension)
        and path_text(node.range) == "submods.container.image_signatures"
        and _reads(node, "key_id")
    ]


def _reads(node: syntax.Comprehension, field: str) -> bool:
    return any(isinstance(each, syntax.Select) and each.field == field for each, _ in syntax.walk(node))


def check(context: Context) -> Iterator[Finding]:
    for node in signature_keys(context):
        if not _reads(node, "signature_algorithm"):
            yield context.finding(
                TITLE,
                hint='ask `signature.signature_algorithm == "ECDSA_P256_SHA256"` as well',
                span=node.span,
            )
