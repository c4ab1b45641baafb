"""What is asked of texts, and made of them: comparisons, tests, patterns, and what is joined.

Source: policy/cel/functions.py, whose answers for constants these are.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

from ...cel import functions as evaluated
from ...cel.character_sets import unassigned_class
from ...cel.patterns import InvalidPattern, may_name_a_category
from ...cel.regular_expressions import PatternTooCostly
from ...cel.syntax import NOWHERE
from .circuit import FALSE, TRUE
from .claims import Claims
from .machines import Probe
from .regular import constant_term
from .values import LOWERED, Alternative, Joined, Spelled, Spelling, Text, Unsupported, Value, literal


def joined(parts: list[Spelling]) -> Spelling:
    """The strings one after the other."""
    flat: list[str | Text | Spelled] = []
    for part in parts:
        for each in part.parts if isinstance(part, Joined) else (part,):
            if isinstance(each, str) and flat and isinstance(flat[-1], str):
                flat[-1] += each
            elif each != "":
                flat.append(each)
    return flat[0] if len(flat) == 1 else Joined(tuple(flat)) if flat else ""


def spelled(claims: Claims, string: Spelling) -> str:
    """The SMT-LIB term of a string.

    Raises:
        ReadAgain: it is a claim that the solver does not know character by character yet.
    """
    match string:
        case str():
            return constant_term(string)
        case Spelled():
            return string.term
        case Text():
            raise claims.demands.spell(string.path)
        case Joined():
            return f"(str.++ {' '.join(spelled(claims, part) for part in string.parts)})"


def same_string(claims: Claims, left: Spelling, right: Spelling) -> int:
    """The literal of `left == right`."""
    if left == right:
        return TRUE
    for one, other in ((left, right), (right, left)):
        if isinstance(other, str):
            return ask(claims, one, Probe("==", other))
    return claims.circuit.atom(f"(= {spelled(claims, left)} {spelled(claims, right)})")


def ask(claims: Claims, string: Spelling, test: Probe) -> int:
    if not isinstance(string, Joined):
        return claims.ask(string, test)
    if test.kind == "==" and _is_told_apart(string):
        return _spells(claims, string.parts, str(test.constant))
    if test.kind == "startsWith" and isinstance(string.parts[0], str):
        # most constants are told apart before the first claim begins
        shorter = min(len(string.parts[0]), len(str(test.constant)))
        if string.parts[0][:shorter] != str(test.constant)[:shorter]:
            return FALSE
    return claims.ask(Spelled(spelled(claims, string)), test)


def _is_told_apart(string: Joined) -> bool:
    """Whether a constant stands between every two claims, so that a text can be split in a few ways."""
    known = [isinstance(part, str) for part in string.parts]
    return all(one or other for one, other in itertools.pairwise(known))


def _spells(claims: Claims, parts: tuple[str | Text | Spelled, ...], text: str) -> int:
    """The literal that `parts` one after the other are `text`: in one of the ways to split it."""
    if not parts:
        return TRUE if text == "" else FALSE
    first, *others = parts
    rest = tuple(others)
    if isinstance(first, str):
        return _spells(claims, rest, text.removeprefix(first)) if text.startswith(first) else FALSE
    if not rest:
        return claims.ask(first, Probe("==", text))
    separator = str(rest[0])
    ways = []
    end = text.find(separator)
    while end >= 0:
        claims.spend(1)
        here = claims.ask(first, Probe("==", text[:end]))
        ways.append(claims.circuit.both(here, _spells(claims, rest, text[end:])))
        end = text.find(separator, end + 1)
    return claims.circuit.any_of(ways)


def precedes(claims: Claims, left: Spelling, right: Spelling, *, or_equal: bool) -> int:
    if isinstance(right, str):
        return ask(claims, left, Probe("<=" if or_equal else "<", right))
    if isinstance(left, str):
        return -ask(claims, right, Probe("<" if or_equal else "<=", left))
    return claims.circuit.atom(
        f"({'str.<=' if or_equal else 'str.<'} {spelled(claims, left)} {spelled(claims, right)})"
    )


def tested(claims: Claims, name: Any, string: Spelling, argument: Spelling) -> Value:
    if name == "matches":
        if not isinstance(argument, str):
            raise Unsupported("a regular expression that is not constant")
        try:
            return literal(matches(claims, string, argument))
        except (InvalidPattern, PatternTooCostly):
            raise Unsupported("a regular expression that is not read here") from None
    if isinstance(argument, str):
        return literal(ask(claims, string, Probe(name, argument)))
    if argument == string:
        return literal(TRUE)
    one, other = spelled(claims, string), spelled(claims, argument)
    if name == "contains":
        return literal(claims.circuit.atom(f"(str.contains {one} {other})"))
    function = "str.prefixof" if name == "startsWith" else "str.suffixof"
    return literal(claims.circuit.atom(f"({function} {other} {one})"))


def lowered(string: Spelling) -> Spelling:
    match string:
        case str():
            return str(evaluated.lower_ascii(NOWHERE, string))
        case Text():
            return Text(string.path, (*string.views, LOWERED))
        case Joined():
            return joined([lowered(part) for part in string.parts])
        case Spelled():
            raise Unsupported("`lowerAscii` of a claim that is compared with another")


def matches(claims: Claims, string: Spelling, pattern: str) -> int:
    """Whether the pattern is found, and either where it asks for the category of an unassigned character."""
    circuit = claims.circuit
    found = ask(claims, string, Probe("matches", pattern))
    if not may_name_a_category(pattern):
        return found
    newer = ask(claims, string, Probe("matches", unassigned_class()))
    either = claims.unknown(("a newer Unicode", string, pattern))
    return circuit.either(circuit.both(-newer, found), circuit.both(newer, either))


def extracted(string: Spelling, template: Spelling) -> Value:
    if not isinstance(template, str):
        raise Unsupported("an `extract` whose template is not constant")
    match = re.fullmatch(r"([^{}]*)\{[^{}]*\}([^{}]*)", template)
    if match is None:
        raise Unsupported("an `extract` whose template has not exactly one `{name}`")
    if isinstance(string, Text):
        return (Alternative(TRUE, "string", Text(string.path, (*string.views, template))),)
    if not isinstance(string, Spelled):
        raise Unsupported("an `extract` of a computed string")
    prefix, suffix = match.groups()
    start = f"(+ (str.indexof {string.term} {constant_term(prefix)} 0) {len(prefix)})"
    if suffix:
        stop = f"(str.indexof {string.term} {constant_term(suffix)} {start})"
    else:
        stop = f"(str.len {string.term})"
    found = f"(and (<= {len(prefix)} {start}) (<= {start} {stop}))"
    part = f'(ite {found} (str.substr {string.term} {start} (- {stop} {start})) "")'
    return (Alternative(TRUE, "string", Spelled(part)),)


# -- sizes and conversions
