"""`all` is true of an empty list: a machine without service accounts has only the right ones.

Source: google/cel-spec, doc/langdef.md, "Macros".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..cel.paths import path_of
from ..context import Context
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


def check(context: Context) -> Iterator[Finding]:
    for clause in context.case.clauses:
        for node, _ in syntax.walk(clause.node):
            if isinstance(node, syntax.Comprehension) and node.macro == "all":
                path = path_of(node.range)
                if path is not None and path.text in _REQUIRED:
                    yield from context.admits(
                        f"size(assertion.{path.text}) == 0",
                        f"`{path.text}` may be empty, and then this is true",
                        hint=f"ask `size(assertion.{path.text}) > 0` as well, or use `exists`",
                        about=path.text,
                        span=node.span,
                    )
