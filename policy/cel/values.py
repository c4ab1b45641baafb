"""The values of CEL in Python, and what an error is: a value that no clause can mistake for true.

string str · bytes bytes · bool bool · int int · uint UInt · double float · null None · list list ·
map dict · type TypeValue. A JSON number too large for an int is a uint, as Google's runtime reads it.
A Python object of any other type is no value at all: whatever touches it becomes an error.

Source: google/cel-spec, doc/langdef.md, "Values", "Equality" and "Runtime Errors".
"""

from __future__ import annotations

from typing import Any, Final

from .syntax import Span, UInt

INT_MIN: Final = -(2**63)
INT_END: Final = 2**63
UINT_END: Final = 2**64


class ErrorValue:
    """An evaluation that failed, as a value. `absent` is set when a key was looked for and not there.

    `unknown` is set when Google's evaluation may give something else.
    """

    __slots__ = ("absent", "message", "span", "unknown")

    def __init__(self, message: str, span: Span, *, absent: str = "", unknown: bool = False) -> None:
        self.message = message
        self.span = span
        self.absent = absent
        self.unknown = unknown

    def __repr__(self) -> str:
        return f"ErrorValue({self.message!r})"


def unknown_value(message: str, span: Span) -> ErrorValue:
    """What Google's evaluation gives is not known here; `message` says why."""
    return ErrorValue(message, span, unknown=True)


def is_unknown(value: object) -> bool:
    """Whether Google's evaluation may give something else than `value`."""
    return type(value) is ErrorValue and value.unknown


class TypeValue:
    """What `type(x)` gives, and what the names `int`, `string`, … stand for."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"TypeValue({self.name!r})"


_KINDS: Final = {
    str: "string",
    bytes: "bytes",
    bool: "bool",
    UInt: "uint",
    float: "double",
    type(None): "null_type",
    list: "list",
    dict: "map",
    TypeValue: "type",
}
TYPES: Final = {name: TypeValue(name) for name in ("int", *_KINDS.values())}
NUMBERS: Final = frozenset(("int", "uint", "double"))


def kind_of(value: object) -> str:
    """The CEL name of `value`'s type; "" when it is not a value of CEL.

    >>> kind_of(1), kind_of(True), kind_of(None), kind_of(object())
    ('int', 'bool', 'null_type', '')
    """
    if type(value) is int:
        if INT_MIN <= value < INT_END:
            return "int"
        return "uint" if INT_END <= value < UINT_END else ""
    return _KINDS.get(type(value), "")


def equal(left: object, right: object) -> tuple[bool | None, int]:
    """CEL's `==`: numbers compare by value across their types, other types are never equal.

    Beside the answer, how many values were compared. The answer is None when one of them is not a
    value of CEL. Nothing recurses, so claims nested without end are compared without harm.

    >>> equal([1, "a"], [1.0, "a"]), equal(True, 1)
    ((True, 3), (False, 1))
    """
    waiting = [(left, right)]
    count = 0
    while waiting:
        count += 1
        one, other = waiting.pop()
        one_kind, other_kind = kind_of(one), kind_of(other)
        if not one_kind or not other_kind:
            return None, count
        if one_kind in NUMBERS and other_kind in NUMBERS:
            one, other = commensurable(one, other)
            if one != other:
                return False, count
        elif one_kind != other_kind:
            return False, count
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False, count
            waiting += reversed([*zip(one, other, strict=True)])
        elif isinstance(one, dict) and isinstance(other, dict):
            if len(one) != len(other):
                return False, count
            for key, value in one.items():
                there, counterpart = lookup(other, key)
                if not there:
                    return False, count
                waiting.append((value, counterpart))
        elif isinstance(one, TypeValue) and isinstance(other, TypeValue):
            if one.name != other.name:
                return False, count
        elif one != other:
            return False, count
    return True, count


def commensurable(one: Any, other: Any) -> tuple[Any, Any]:
    """Two numbers as they compare: an integer beside a double is first rounded to a double.

    Python compares them exactly; Google's runtimes, cel-cpp and cel-go, both round.

    >>> commensurable(2**53 + 1, 2.0**53)
    (9007199254740992.0, 9007199254740992.0)
    """
    if type(one) is float:
        return one, float(other)
    return (float(one), other) if type(other) is float else (one, other)


def lookup(mapping: dict[object, object], key: object) -> tuple[bool, object]:
    """Whether `key` is in the map, and its value.

    `true` is never the key `1`, though Python's dict would find it.
    """
    if key not in mapping:
        return False, None
    if type(key) is str:
        return True, mapping[key]
    is_bool = type(key) is bool
    for each, value in mapping.items():
        if each == key and (type(each) is bool) is is_bool:
            return True, value
    return False, None
