"""The values of CEL in Python, and what an error is: a value that no clause can mistake for true.

string str · bytes bytes · bool bool · int int · uint UInt · double float · null None · list list ·
map dict · type TypeValue. A JSON number too large for an int is a uint, as Google's runtime reads it.
A Python object of any other type, a larger number among them, is no value that is known here.

An error is certain where Google's evaluation errs as well. Where it is not known what Google's
evaluation gives, the value is an error with `unknown` set: it refuses a token as every error does,
and whoever reports the refusal, or proves something by it, must say that it is not known.

Source: google/cel-spec, doc/langdef.md, "Values", "Equality" and "Runtime Errors".
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from .syntax import Span, UInt

INT_MIN: Final = -(2**63)
INT_END: Final = 2**63
UINT_END: Final = 2**64


class ErrorValue:
    """An evaluation that failed, as a value. `absent` is set when a key was looked for and not there.

    `unknown` is set when Google's evaluation may give something else. `ends` is set when one of Google's
    runtimes ends the evaluation there, and another lets `||`, `&&` and macros absorb the error.
    """

    __slots__ = ("absent", "ends", "message", "span", "unknown")

    def __init__(
        self, message: str, span: Span, *, absent: str = "", unknown: bool = False, ends: bool = False
    ) -> None:
        self.message = message
        self.span = span
        self.absent = absent
        self.unknown = unknown
        self.ends = ends

    def __repr__(self) -> str:
        return f"ErrorValue({self.message!r})"


def unknown_value(message: str, span: Span) -> ErrorValue:
    """What Google's evaluation gives is not known here; `message` says why."""
    return ErrorValue(message, span, unknown=True)


def absorbed(error: ErrorValue | None, settled: bool) -> bool | ErrorValue:
    """What `||`, `&&` and macros give that one part settles, after the `error` of another part."""
    if error is None or not error.ends:
        return settled
    if error.unknown:
        return error
    message = f"{error.message}, and whether Google goes on from there is not known"
    return ErrorValue(message, error.span, unknown=True, ends=True)


def is_unknown(value: object) -> bool:
    """Whether Google's evaluation may give something else than `value`."""
    return type(value) is ErrorValue and value.unknown


class Key(NamedTuple):
    """A key of a map literal that Python would take for another: `true` for `1`, `1u` for `1`."""

    kind: str
    value: Any


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
                there, counterpart = lookup(other, value_of(key))
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


def key_of(value: Any) -> Any:
    """A value as a dict has it for a key, so that keys of two types are two keys."""
    if type(value) is bool:
        return Key("bool", value)
    return Key("uint", int(value)) if kind_of(value) == "uint" else value


def value_of(key: Any) -> Any:
    """The value that `key_of` made a key of.

    >>> value_of(key_of(True)), value_of(key_of(UInt(1))), value_of(key_of("a"))
    (True, 1, 'a')
    """
    if type(key) is not Key:
        return key
    return UInt(key.value) if key.kind == "uint" else key.value


def lookup(mapping: dict[Any, Any], key: Any) -> tuple[bool, Any]:
    """Whether `key` is in the map, and its value.

    A number finds the key of its own type first, then one of another type that is equal to it: int
    before uint, as Google's runtime looks for them. `true` is never the key `1`.
    """
    if type(key) is str:
        return (True, mapping[key]) if key in mapping else (False, None)
    if type(key) is bool:
        candidates: list[Any] = [Key("bool", key)]
    elif key != key // 1:
        candidates = []
    elif type(key) is float:
        candidates = [int(key), Key("uint", int(key))]
    else:
        candidates = [int(key), Key("uint", int(key))]
        if kind_of(key) == "uint":
            candidates.reverse()
    for each in candidates:
        if each in mapping:
            return True, mapping[each]
    return False, None
