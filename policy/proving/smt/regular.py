"""A regular expression as the SMT-LIB term of the strings in which it is found.

Only for strings that a solver has to know; anchors are understood at the ends of alternatives.

Source: SMT-LIB theory of strings; policy/cel/patterns.py for the tree.
"""

from __future__ import annotations

from ...cel import patterns
from ...cel.character_sets import Ranges
from .values import Unsupported

_LAST = 0x2FFFF
"""The last character of SMT-LIB strings. Those beyond behave as some character before it does."""


def language(pattern: str) -> str:
    """Raises: Unsupported, for anchors that stand elsewhere. InvalidPattern, as the evaluator does."""
    return _found(patterns.parse_pattern(pattern))


def _found(tree: patterns.Pattern) -> str:
    if isinstance(tree, patterns.Alternatives):
        return f"(re.union {' '.join(map(_found, tree.choices))})"
    parts = tree.parts if isinstance(tree, patterns.Sequence) else (tree,)
    flat: list[patterns.Pattern] = []
    for part in parts:
        flat += part.parts if isinstance(part, patterns.Sequence) else (part,)
    if len(flat) == 1 and isinstance(flat[0], patterns.Alternatives):
        return _found(flat[0])
    before = after = "re.all"
    if flat and flat[0] == patterns.Assertion("text-start"):
        flat, before = flat[1:], ""
    if flat and flat[-1] == patterns.Assertion("text-end"):
        flat, after = flat[:-1], ""
    terms = [term for term in (before, *map(_term, flat), after) if term]
    return _concatenated(terms)


def _concatenated(terms: list[str]) -> str:
    if not terms:
        return '(str.to_re "")'
    return terms[0] if len(terms) == 1 else f"(re.++ {' '.join(terms)})"


def _term(tree: patterns.Pattern) -> str:
    match tree:
        case patterns.Characters():
            return _characters(tree.ranges)
        case patterns.Sequence():
            return _concatenated([_term(part) for part in tree.parts])
        case patterns.Alternatives():
            return f"(re.union {' '.join(map(_term, tree.choices))})"
        case patterns.Repeat():
            return _repeat(_term(tree.part), tree.least, tree.most)
        case _:
            raise Unsupported("an anchor inside a regular expression, on claims compared with each other")


def _repeat(term: str, least: int, most: int | None) -> str:
    if most is not None:
        return f"((_ re.loop {least} {most}) {term})"
    star = f"(re.* {term})"
    return star if least == 0 else f"(re.++ ((_ re.^ {least}) {term}) {star})"


def _characters(ranges: Ranges) -> str:
    terms = [
        f'(re.range "\\u{{{low:x}}}" "\\u{{{min(high, _LAST):x}}}")' for low, high in ranges if low <= _LAST
    ]
    if any(low > _LAST for low, _ in ranges):
        raise Unsupported("characters beyond U+2FFFF, on claims compared with each other")
    if not terms:
        return "re.none"
    return terms[0] if len(terms) == 1 else f"(re.union {' '.join(terms)})"
