"""CEL's arithmetic and order: 64 bits that never wrap, and no silent mixing of number types.

Source: google/cel-spec, doc/langdef.md, "Numeric Values", "Overflow", "Ordering".
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final

from .syntax import Span, UInt
from .values import INT_END, INT_MIN, NUMBERS, UINT_END, ErrorValue, commensurable, kind_of, unknown_value

ORDERINGS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ORDERED: Final = frozenset(("string", "bytes", "bool"))


# What an expression may build from claims: beyond a token's own size, short of exhausting memory.
LARGEST: Final = 1 << 16


def too_large(span: Span) -> ErrorValue:
    """Nobody knows here how Google takes a longer string, bytes or list than any token holds."""
    return unknown_value(f"the result is longer than {LARGEST:,}", span)


def no_overload(what: str, *values: object, span: Span) -> ErrorValue:
    """The error of an operation that these types do not have."""
    kinds = [kind_of(value) for value in values]
    shown = ", ".join(kind or "not a JSON value" for kind in kinds)
    return ErrorValue(f"`{what}` does not take ({shown})", span, unknown="" in kinds)


def compared(name: str, left: Any, right: Any, span: Span) -> bool | ErrorValue:
    """`left < right` and its kin; numbers compare across their types."""
    one, other = kind_of(left), kind_of(right)
    if one in NUMBERS and other in NUMBERS:
        return ORDERINGS[name](*commensurable(left, right))
    if one == other and one in _ORDERED:
        return ORDERINGS[name](left, right)
    return no_overload(name, left, right, span=span)


def negated(value: Any, span: Span) -> object:
    """`-value`"""
    kind = kind_of(value)
    if kind == "double":
        return -value
    if kind != "int":
        return no_overload("-", value, span=span)
    return -value if value != INT_MIN else ErrorValue("integer overflow", span)


def computed(name: str, left: Any, right: Any, span: Span) -> object:
    """`left + right`, `-`, `*`, `/`, `%`: both of one type."""
    kind = kind_of(left)
    if kind == kind_of(right):
        if kind == "int" or kind == "uint":
            return _integer(name, kind, int(left), int(right), span)
        if kind == "double" and name != "%":
            return _double(name, left, right)
        if name == "+" and kind in ("string", "bytes", "list"):
            return left + right if len(left) + len(right) <= LARGEST else too_large(span)
    return no_overload(name, left, right, span=span)


def _integer(name: str, kind: str, left: int, right: int, span: Span) -> int | ErrorValue:
    if name in "/%" and right == 0:
        return ErrorValue("division by zero", span)
    if name == "+":
        result = left + right
    elif name == "-":
        result = left - right
    elif name == "*":
        result = left * right
    else:  # towards zero, which Python's // and % are not
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        result = quotient if name == "/" else left - right * quotient
        if not INT_MIN <= quotient < UINT_END or (kind == "int" and quotient >= INT_END):
            return ErrorValue("integer overflow", span)
    if kind == "uint":
        return UInt(result) if 0 <= result < UINT_END else ErrorValue("unsigned integer overflow", span)
    return result if INT_MIN <= result < INT_END else ErrorValue("integer overflow", span)


def _double(name: str, left: float, right: float) -> float:
    if name == "+":
        return left + right
    if name == "-":
        return left - right
    if name == "*":
        return left * right
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)
