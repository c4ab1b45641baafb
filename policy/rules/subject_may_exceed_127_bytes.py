"""Google refuses a token whose `google.subject` is longer than 127 bytes; a machine's URL often is.

Source: IAM API, WorkloadIdentityPoolProvider.attributeMapping.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..cel.paths import path_of
from ..cel.syntax import Node
from ..claim_types import STRING
from ..context import Context
from ..findings import Finding, Severity
from ..mapping import MOST_SUBJECT_BYTES, RECOMMENDED_MAPPING
from ..schema import claim_at
from ..wording import quoted

SLUG: Final = "subject-may-exceed-127-bytes"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "the subject may be longer than Google takes, and then nobody is admitted"

# Compute Engine's own limits are 63 characters and less.
_SHORT: Final = ("submods.gce.zone", "submods.gce.project_id", "submods.gce.instance_name")


def check(context: Context) -> Iterator[Finding]:
    for text in context.dossier.texts:
        if text.place == "mapping google.subject" and has_no_limit(text.tree):
            yield context.finding(
                f"`google.subject` may be longer than {MOST_SUBJECT_BYTES} bytes",
                hint=f"map it to {quoted(RECOMMENDED_MAPPING['google.subject'], most_characters=200)}",
                place=text.place,
                span=text.tree.span,
                text=text.text,
            )


def has_no_limit(node: Node) -> bool:
    """Whether a claim is in it, whole, that may be of any length."""
    if isinstance(node, syntax.Binary) and node.operator == "+":
        return has_no_limit(node.left) or has_no_limit(node.right)
    path = path_of(node)
    claim = None if path is None else claim_at(path.root, path.keys)
    if path is None or claim is None or claim.type != STRING:
        return False
    return not claim.values and not claim.pattern and path.text not in _SHORT
