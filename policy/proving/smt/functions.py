"""The functions of a condition on values that are not known yet.

Of constants the evaluator's own functions decide. A combination of types that has no overload is an
error there and here: the empty value.

Source: policy/cel/functions.py and policy/cel/arithmetic.py, case by case.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, Final

from ...cel import arithmetic
from ...cel import functions as evaluated
from ...cel.patterns import InvalidPattern
from ...cel.regular_expressions import PatternTooCostly, compile_pattern
from ...cel.syntax import NOWHERE, UInt
from ...cel.values import INT_MIN, NUMBERS, UINT_END, TypeValue
from .circuit import FALSE, TRUE, integer_constant
from .claims import Claims
from .machines import LONGEST_SIZE, Probe
from .texts import ask, extracted, joined, lowered, precedes, spelled, tested
from .values import (
    Alternative,
    Entries,
    Integer,
    Joined,
    Size,
    Slots,
    Spelled,
    Text,
    Unsupported,
    Value,
    boolean,
    count_of,
    guarded,
    literal,
    of_constants,
)

_TESTS: Final = ("startsWith", "endsWith", "contains", "matches")
_TRUE_WORDS: Final = ("true", "True", "TRUE", "t", "1")
_FALSE_WORDS: Final = ("false", "False", "FALSE", "f", "0")


def call(claims: Claims, name: str, parts: list[Value]) -> Value:
    """`name` of every combination that the parts can be.

    Raises:
        Unsupported, ReadAgain, TooLarge
    """
    claims.spend(math.prod(len(part) for part in parts))
    found: list[Alternative] = []
    for combination in itertools.product(*parts):
        guard = claims.circuit.all_of([each.guard for each in combination])
        if guard != FALSE:
            found += guarded(claims.circuit, guard, _one(claims, name, list(combination)))
    return tuple(found)


def _one(claims: Claims, name: str, parts: list[Alternative]) -> Value:
    if all(_is_known(part) for part in parts):
        return _known(name, [_python(part) for part in parts])
    kinds = tuple(part.kind for part in parts)
    payloads = [part.payload for part in parts]
    if name == "dyn":
        return (parts[0]._replace(guard=TRUE),)
    if name == "type":
        return (Alternative(TRUE, "type", "map" if kinds[0] == "object" else kinds[0]),)
    if name == "size":
        return _size(claims, parts[0])
    if name in arithmetic.ORDERINGS:
        return _ordered(claims, name, parts)
    if name in ("+", "-", "*", "/", "%"):
        return _computed(claims, name, parts)
    if name in _TESTS:
        if kinds != ("string", "string"):
            return ()
        return tested(claims, name, payloads[0], payloads[1])
    if name == "extract":
        return extracted(payloads[0], payloads[1]) if kinds == ("string", "string") else ()
    if name in ("split", "join"):
        first = "string" if name == "split" else "list"
        if kinds[0] != first or kinds[1:2] not in ((), ("string",)) or kinds[2:] not in ((), ("int",)):
            return ()
        raise Unsupported(f"`{name}` of a claim")
    if name == "lowerAscii":
        return (Alternative(TRUE, "string", lowered(payloads[0])),) if kinds == ("string",) else ()
    return _converted(claims, name, parts[0])


# -- constants


def _is_known(part: Alternative) -> bool:
    if part.kind == "bool":
        return part.payload in (TRUE, FALSE)
    return part.kind in ("null_type", "type") or isinstance(part.payload, str | bytes | int | float)


def _python(part: Alternative) -> object:
    match part.kind:
        case "bool":
            return part.payload == TRUE
        case "uint":
            return UInt(part.payload)
        case "type":
            return TypeValue(part.payload)
        case _:
            return part.payload


def _known(name: str, values: list[Any]) -> Value:
    if name == "matches":
        if not all(isinstance(value, str) for value in values):
            return ()
        try:
            found, _ = compile_pattern(values[1]).search(values[0], most_work=1 << 24)
        except (InvalidPattern, PatternTooCostly):
            raise Unsupported("a regular expression that is not read here") from None
        return literal(TRUE if found else FALSE)
    result: object
    if name == "-" and len(values) == 1:
        result = arithmetic.negated(values[0], NOWHERE)
    elif name in arithmetic.ORDERINGS:
        result = arithmetic.compared(name, values[0], values[1], NOWHERE)
    elif name in evaluated.METHODS or name in evaluated.FUNCTIONS:
        function = evaluated.METHODS.get(name) or evaluated.FUNCTIONS[name]
        result = function.run(NOWHERE, *values)
    else:
        result = arithmetic.computed(name, values[0], values[1], NOWHERE)
    return of_constants(result)


# -- numbers


def _term(claims: Claims, number: int | Integer | Size) -> str:
    if isinstance(number, int):
        return integer_constant(number)
    if isinstance(number, Integer):
        if number.term in claims.sizes:
            claims.reads.entirely(claims.sizes[number.term].path)
        return number.term
    return f"(str.len {spelled(claims, number.of)})"


def at_most(claims: Claims, left: Any, right: Any) -> int:
    """The literal of `left <= right`, for two numbers of any kind; at most one is a double.

    An integer beside a double is rounded to a double first, as in `commensurable`.
    """
    if _is_not_a_number(left) or _is_not_a_number(right):
        return FALSE
    if isinstance(right, float):
        right = _last_integer(lambda rounded: rounded <= right)
        if right == UINT_END - 1:
            return TRUE
    elif isinstance(left, float):
        left = _last_integer(lambda rounded: rounded < left) + 1
        if left == INT_MIN:
            return TRUE
    if isinstance(left, int) and isinstance(right, int):
        return TRUE if left <= right else FALSE
    for number, other in ((left, right), (right, left)):
        if isinstance(number, Integer) and isinstance(other, int) and number.term in claims.sizes:
            _read_size(claims, claims.sizes[number.term], other)
            if number is left:
                return claims.circuit.atom(f"(<= {number.term} {integer_constant(other)})")
            return claims.circuit.atom(f"(<= {integer_constant(other)} {number.term})")
    if isinstance(left, Size) and isinstance(right, int):
        return _size_at_most(claims, left, right)
    if isinstance(left, int) and isinstance(right, Size):
        return -_size_at_most(claims, right, left - 1)
    return claims.circuit.atom(f"(<= {_term(claims, left)} {_term(claims, right)})")


def _read_size(claims: Claims, slots: Slots, number: int) -> None:
    """The size of a list was compared with `number`."""
    least = max(number, 0) + 1
    if slots.part is None:
        claims.reads.length(slots.path, least)
    else:
        claims.reads.one_at_a_time(slots.path, ("size", slots.part), needs=least)


def _last_integer(is_below: Callable[[float], bool]) -> int:
    """The last number of 64 bits, signed or not, whose double is below; without one, what precedes them."""
    low, high = INT_MIN - 1, UINT_END
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_below(float(middle)) else (low, middle)
    return low


def _size_at_most(claims: Claims, size: Size, most: int) -> int:
    if most < 0:
        return FALSE
    if isinstance(size.of, Joined) or most > LONGEST_SIZE:
        return claims.circuit.atom(f"(<= {_term(claims, size)} {most})")
    return claims.ask(size.of, Probe("size<=", most))


def same_number(claims: Claims, left: Any, right: Any) -> int:
    """The literal of `left == right`, for two numbers of any kind."""
    if isinstance(left, float) and isinstance(right, float):
        return TRUE if left == right else FALSE
    return claims.circuit.both(at_most(claims, left, right), at_most(claims, right, left))


def _is_not_a_number(number: object) -> bool:
    return isinstance(number, float) and math.isnan(number)


def _ordered(claims: Claims, name: str, parts: list[Alternative]) -> Value:
    left, right = parts
    if name in (">", ">="):
        left, right, name = right, left, {">": "<", ">=": "<="}[name]
    if left.kind in NUMBERS and right.kind in NUMBERS:
        if _is_not_a_number(left.payload) or _is_not_a_number(right.payload):
            return literal(FALSE)
        if name == "<=":
            return literal(at_most(claims, left.payload, right.payload))
        return literal(-at_most(claims, right.payload, left.payload))
    if left.kind != right.kind or left.kind not in ("string", "bool"):
        return ()
    if left.kind == "bool":
        less = claims.circuit.both(-left.payload, right.payload)
        same = claims.circuit.same(left.payload, right.payload)
        return literal(less if name == "<" else claims.circuit.either(less, same))
    return literal(precedes(claims, left.payload, right.payload, or_equal=name == "<="))


def _computed(claims: Claims, name: str, parts: list[Alternative]) -> Value:
    kinds = {part.kind for part in parts}
    payloads = [part.payload for part in parts]
    if len(parts) == 1:
        if kinds != {"int"}:
            return ()
        return _in_range(claims, f"(- {_term(claims, payloads[0])})")
    if len(kinds) > 1:
        return ()
    if kinds == {"string"} and name == "+":
        return (Alternative(TRUE, "string", joined(payloads)),)
    if kinds == {"list"} and name == "+":
        one, other = payloads
        claims.reads.entirely(one.path)
        claims.reads.entirely(other.path)
        more = claims.circuit.either(one.more, other.more)
        in_any_order = one.in_any_order or other.in_any_order
        items = (*one.items, *other.items)
        return (Alternative(TRUE, "list", Slots(items, dense=False, more=more, in_any_order=in_any_order)),)
    if not kinds <= NUMBERS:
        return ()
    if (
        kinds != {"int"}
        or name in "/%"
        or (name == "*" and not any(isinstance(each, int) for each in payloads))
    ):
        raise Unsupported(f"`{name}` of claims that are numbers")
    return _in_range(claims, f"({name} {' '.join(_term(claims, each) for each in payloads)})")


def _in_range(claims: Claims, term: str) -> Value:
    fits = claims.circuit.atom(f"(and (<= (- {2**63}) {term}) (< {term} {2**63}))")
    return (Alternative(fits, "int", Integer(term)),)


def _size(claims: Claims, part: Alternative) -> Value:
    match part.payload:
        case Spelled():
            return (Alternative(TRUE, "int", Integer(f"(str.len {part.payload.term})")),)
        case Text() | Joined():
            return (Alternative(TRUE, "int", Size(part.payload)),)
        case Slots():
            return _count(claims, part.payload)
        case Entries():
            claims.whole(part.payload)
            return _count(claims, claims.keys(part.payload))
    if part.kind == "object":
        raise Unsupported("the number of claims")
    return ()


def _count(claims: Claims, slots: Slots) -> Value:
    circuit = claims.circuit
    found: list[Alternative] = []
    for count, exactly in enumerate(count_of(circuit, slots)[-1]):
        guard = circuit.both(exactly, -slots.more)
        if guard != FALSE:
            found.append(Alternative(guard, "int", count))
    if slots.more != FALSE:
        term = circuit.term(f"size {len(circuit.terms)}", "Int")
        least = len(slots.items) + 1 if slots.dense else 0
        claims.always.append(circuit.atom(f"(<= {least} {term})"))
        claims.sizes[term] = slots
        found.append(Alternative(slots.more, "int", Integer(term)))
    return tuple(found)


def _converted(claims: Claims, name: str, part: Alternative) -> Value:
    kind, payload = part.kind, part.payload
    if kind in ("list", "map", "object", "null_type", "type"):
        return ()
    if name == "string":
        if kind == "string":
            return (part._replace(guard=TRUE),)
        if kind == "bool":
            return (Alternative(payload, "string", "true"), Alternative(-payload, "string", "false"))
    if name == "bool":
        if kind == "bool":
            return (part._replace(guard=TRUE),)
        if kind == "string":
            words = (
                claims.circuit.any_of([ask(claims, payload, Probe("==", word)) for word in some])
                for some in (_TRUE_WORDS, _FALSE_WORDS)
            )
            return boolean(*words)
        return ()
    if name == "int":
        if kind == "int":
            return (part._replace(guard=TRUE),)
        if kind == "bool":
            return (Alternative(payload, "int", 1), Alternative(-payload, "int", 0))
    raise Unsupported(f"`{name}` of a claim")
