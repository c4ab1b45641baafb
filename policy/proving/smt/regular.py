"""A regular expression as the SMT-LIB term of the strings in which it is found.

Only for strings that a solver has to know; anchors are understood at the ends of alternatives.

SMT-LIB's strings end at U+2FFFF. The last 4,096 characters before, and U+2FFFF itself, stand for all
beyond, in their order: that is right where no pattern and no constant tells any of these from another,
and a string of a token does not have more of them than that. What does tell them apart is refused.

Source: SMT-LIB theory of strings; policy/cel/patterns.py for the tree.
"""

from __future__ import annotations

from typing import Final

from ...cel import patterns
from ...cel.character_sets import LAST, Ranges
from .circuit import string_constant
from .machines import Probe
from .values import Unsupported

_LAST: Final = 0x2FFFF
_FIRST_OF_ALIKE: Final = 0x2F000
_BEYOND: Final = "a character beyond U+2EFFF, on claims compared with each other"


def has_term(text: str) -> bool:
    """Whether `text` has none of the characters that stand for others."""
    return all(ord(each) < _FIRST_OF_ALIKE for each in text)


def constant_term(text: str) -> str:
    """`text` as a term beside strings that the solver knows. Raises: Unsupported."""
    if not has_term(text):
        raise Unsupported(_BEYOND)
    return string_constant(text)


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
    alike = [(low, high) for low, high in ranges if high >= _FIRST_OF_ALIKE]
    if alike and not (alike[0][0] <= _FIRST_OF_ALIKE and alike[0][1] == LAST):
        raise Unsupported(_BEYOND)
    terms = [f'(re.range "\\u{{{low:x}}}" "\\u{{{min(high, _LAST):x}}}")' for low, high in ranges]
    if not terms:
        return "re.none"
    return terms[0] if len(terms) == 1 else f"(re.union {' '.join(terms)})"


def spelled_test(term: str, test: Probe) -> str:
    """The SMT-LIB formula of a test of the string that `term` is."""
    if isinstance(test.constant, int):
        return f"(<= (str.len {term}) {test.constant})"
    text = test.constant
    if test.kind == "matches":
        return f"(str.in_re {term} {language(text)})"
    quoted = constant_term(text)
    match test.kind:
        case "==":
            return f"(= {term} {quoted})"
        case "startsWith":
            return f"(str.prefixof {quoted} {term})"
        case "endsWith":
            return f"(str.suffixof {quoted} {term})"
        case "contains":
            return f"(str.contains {term} {quoted})"
        case "<":
            return f"(str.< {term} {quoted})"
        case _:
            return f"(str.<= {term} {quoted})"
