"""`matches` searches: without `^` and `$` something else may stand before and behind.

Source: google/cel-spec, doc/langdef.md, "Regular Expressions".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..cel.character_sets import EVERYTHING, NOT_NEWLINE
from ..cel.patterns import (
    Alternatives,
    Assertion,
    Characters,
    InvalidPattern,
    Pattern,
    Repeat,
    Sequence,
    parse_pattern,
)
from ..cel.syntax import Node
from ..context import Context
from ..findings import Finding, Severity
from ..wording import listed, quoted

SLUG: Final = "unanchored-match"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "a regular expression that only a part of the claim has to match"


def check(context: Context) -> Iterator[Finding]:
    for clause in context.dossier.clauses:
        for node in _matches(clause.node):
            pattern = node.arguments[-1]
            if isinstance(pattern, syntax.Literal) and isinstance(pattern.value, str):
                ends = _open_ends(pattern.value)
                if ends:
                    yield context.finding(
                        f"{quoted(pattern.value)} may have anything {listed(ends, 'and')} it",
                        hint="begin it with `^` and end it with `$`, or write `.*` where anything may stand",
                        span=node.span,
                    )


def _matches(node: Node) -> Iterator[syntax.Call]:
    """Calls of `matches` that ask for a match; a refused one is the stricter the less it is anchored."""
    if isinstance(node, syntax.Unary) and node.operator == "!":
        return
    if isinstance(node, syntax.Call) and node.function == "matches" and node.arguments:
        yield node
    for child in syntax.children(node):
        yield from _matches(child)


def _open_ends(text: str) -> list[str]:
    try:
        pattern = parse_pattern(text)
    except InvalidPattern:
        return []
    ends = {"before": (0, "text-start"), "behind": (-1, "text-end")}
    return [word for word, (end, where) in ends.items() if not _is_held(pattern, end, where)]


def _is_held(pattern: Pattern, end: int, where: str) -> bool:
    """Whether this end of every match is an end of the text, or says itself that anything may stand there."""
    match pattern:
        case Assertion():
            return pattern.where == where
        case Alternatives(choices=choices):
            return all(_is_held(choice, end, where) for choice in choices)
        case Sequence(parts=parts):
            return bool(parts) and _is_held(parts[end], end, where)
        case Repeat(part=Characters(ranges=ranges), least=0, most=None):
            return ranges in (EVERYTHING, NOT_NEWLINE)
        case _:
            return False
