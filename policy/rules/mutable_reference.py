"""A tag can be moved; a prefix that ends within a name begins other names as well.

It speaks only where nothing else pins the workload.
Source: opencontainers/distribution-spec, "Pulling manifests".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..cel.syntax import Node
from ..context import Context, path_text
from ..findings import Finding, Severity
from ..proving.answers import Found
from ..proving.inquiry import strings_of
from ..wording import quoted
from .by_admission import BY_ADMISSION

SLUG: Final = "mutable-reference"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "an image is named by a reference that may name another one tomorrow"

_REFERENCE: Final = "submods.container.image_reference"
_NOT_PINNED: Final = BY_ADMISSION["workload-not-pinned"]


def asks(context: Context) -> Iterator[str]:
    yield _NOT_PINNED.question_of(context.dossier)


def check(context: Context) -> Iterator[Finding]:
    (question,) = asks(context)
    if not isinstance(context.ask(question), Found):
        return
    for clause in context.dossier.reads("submods.container.image_reference"):
        for reference, is_prefix in _references(clause.node):
            if is_prefix and reference.endswith("/"):
                continue
            if "@sha256:" not in reference:
                how = "begins others as well" if is_prefix else "can be moved to another image"
                yield context.finding(
                    f"{quoted(reference)} {how}",
                    hint="name the image by its digest: `…@sha256:…`",
                    span=clause.node.span,
                )


def _references(clause: Node) -> Iterator[tuple[str, bool]]:
    """The references that a clause compares with, and whether as a prefix."""
    for node, _ in syntax.walk(clause):
        match node:
            case syntax.Binary(operator="==" | "in", left=left, right=right) if _REFERENCE in (
                path_text(left),
                path_text(right),
            ):
                yield from ((text, False) for text in strings_of(node))
            case syntax.Call(function="startsWith", target=target, arguments=[prefix]) if target is not None:
                if path_text(target) == _REFERENCE:
                    yield from ((text, True) for text in strings_of(prefix))
