"""`all` is true of an empty list: a machine without service accounts has only the right ones.

Source: google/cel-spec, doc/langdef.md, "Macros".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..cel.paths import path_of
from ..context import Context, Dossier
from ..findings import Finding, Severity

SLUG: Final = "vacuous-all"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "`all` over a list that may be empty, of which it is then true"

# Lists that are asked to hold something. An override that is not there is as good as an empty one.
_REQUIRED: Final = (
    "google_service_accounts",
    "submods.confidential_space.support_attributes",
    "submods.container.image_signatures",
    "submods.nvidia_gpu.gpus",
)


def asks(context: Context) -> Iterator[str]:
    for _, claim in _alls(context.dossier):
        yield _is_empty(claim)


def check(context: Context) -> Iterator[Finding]:
    for node, claim in _alls(context.dossier):
        yield from context.admits(
            _is_empty(claim),
            f"`{claim}` may be empty, and then this is true",
            hint=f"ask `size(assertion.{claim}) > 0` as well, or use `exists`",
            about=claim,
            span=node.span,
        )


def _is_empty(claim: str) -> str:
    return f"size(assertion.{claim}) == 0"


def _alls(dossier: Dossier) -> Iterator[tuple[syntax.Comprehension, str]]:
    """Where `all` asks for a list that is to hold something, and which list that is."""
    for clause in dossier.clauses:
        for node, _ in syntax.walk(clause.node):
            if isinstance(node, syntax.Comprehension) and node.macro == "all":
                path = path_of(node.range)
                if path is not None and path.text in _REQUIRED:
                    yield node, path.text
