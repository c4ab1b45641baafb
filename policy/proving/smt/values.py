"""What an expression can be: guarded alternatives, each of one kind. No guard that holds: an error.

`&&`, `||`, `all` and `exists` absorb errors as CEL does because a truth value is two literals, "is
true" and "is false", and an error is neither.

Source: google/cel-spec, doc/langdef.md, "Logical Operators"; docs/decisions, 0008.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ...cel.syntax import Span, UInt
from ...cel.values import ErrorValue, TypeValue, kind_of
from ...claim_types import Object
from .circuit import FALSE, TRUE, Circuit

LOWERED: Final = "lowerAscii"
ANY_ORDER: Final = "the order in which a map is gone through"

Kind: TypeAlias = Literal[
    "bool", "int", "uint", "double", "string", "bytes", "null_type", "type", "list", "map", "object"
]


class Unsupported(Exception):
    """A construct that has no formula; `span` is where it stands, None when that is not one place."""

    def __init__(self, what: str, span: Span | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.span = span


class Alternative(NamedTuple):
    """While the literal `guard` holds, the value is `payload`.

    bool: a literal · int, uint: an int, Integer or Size · double: a float · string: Spelling
    · bytes: bytes · type: its name · list: Slots · map: Entries · object: Record
    """

    guard: int
    kind: Kind
    payload: Any


Value: TypeAlias = tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A claim that is a string, or what `views` make of it, seen only through tests."""

    path: str
    views: tuple[str, ...] = ()
    """One after the other: a template of `extract`, or `LOWERED` for `lowerAscii`."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """A string that the solver knows, as an SMT-LIB term."""

    term: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Strings one after the other, at least two; no two constants are neighbours."""

    parts: tuple[str | Text | Spelled, ...]


Spelling: TypeAlias = str | Text | Spelled | Joined


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer that the solver knows, as an SMT-LIB term."""

    term: str


@dataclass(frozen=True, slots=True)
class Size:
    """How many characters a string has."""

    of: Text | Joined


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """A list: elements, each under its presence.

    `dense` when an element is there only if all before it are. While the literal `more` holds,
    elements follow that no slot stands for. `path` is the list or map of the token that each of its
    elements comes from, if it is one; `part` is not None where it has not all of them, or others
    made of them. `in_any_order` where it comes from a map, whose order no document says.
    """

    items: tuple[tuple[int, Value], ...]
    dense: bool = True
    more: int = FALSE
    path: str = ""
    part: object = None
    in_any_order: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """A map: named keys, then spare entries whose keys are other strings, then perhaps `more`.

    One with a `path` belongs to the token: keys of it may still be given names.
    """

    named: Mapping[str, tuple[int, Value]]
    spare: tuple[tuple[int, Text | Spelled, Value], ...] = ()
    more: int = FALSE
    path: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A part of the token with named fields, which come into being when they are first read."""

    path: str
    type: Object = field(compare=False)


def boolean(is_true: int, is_false: int) -> Value:
    """True under one literal, false under the other, an error under neither."""
    return _held([Alternative(is_true, "bool", TRUE), Alternative(is_false, "bool", FALSE)])


def literal(value: int) -> Value:
    """A boolean that is never an error."""
    return (Alternative(TRUE, "bool", value),)


def _held(alternatives: list[Alternative]) -> Value:
    return tuple(each for each in alternatives if each.guard != FALSE)


def is_true(circuit: Circuit, value: Value) -> int:
    return circuit.any_of([circuit.both(each.guard, each.payload) for each in value if each.kind == "bool"])


def is_false(circuit: Circuit, value: Value) -> int:
    return circuit.any_of([circuit.both(each.guard, -each.payload) for each in value if each.kind == "bool"])


def is_value(circuit: Circuit, value: Value) -> int:
    """The literal that `value` is no error."""
    return circuit.any_of([each.guard for each in value])


def guarded(circuit: Circuit, guard: int, value: Value) -> Value:
    return _held([each._replace(guard=circuit.both(guard, each.guard)) for each in value])


def of_constants(value: object) -> Value:
    """What an evaluation of constants gave, an error included.

    Raises:
        Unsupported: the evaluator's error may be no error of Google's.
    """
    if isinstance(value, ErrorValue):
        if value.unknown:
            raise Unsupported(f"what is not known ({value.message})")
        return ()
    return constant(value)


def constant(value: object) -> Value:
    """The value that an evaluation of constants gave."""
    kind = kind_of(value)
    if kind == "bool":
        return literal(TRUE if value else FALSE)
    if isinstance(value, list):
        return (Alternative(TRUE, "list", Slots(tuple((TRUE, constant(item)) for item in value))),)
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise Unsupported("a map whose keys are not strings")
        named = {key: (TRUE, constant(item)) for key, item in value.items()}
        return (Alternative(TRUE, "map", Entries(named)),)
    if isinstance(value, TypeValue):
        return (Alternative(TRUE, "type", value.name),)
    if isinstance(value, UInt):
        return (Alternative(TRUE, "uint", int(value)),)
    return (Alternative(TRUE, kind, value),)  # type: ignore[arg-type]


def count_of(circuit: Circuit, slots: Slots) -> list[list[int]]:
    """`table[i][k]`: of the first `i` slots, exactly `k` are there."""
    table = [[TRUE]]
    for present, _ in slots.items:
        last = [*table[-1], FALSE]
        table.append(
            [
                circuit.either(
                    circuit.both(here, -present), circuit.both(last[k - 1], present) if k else FALSE
                )
                for k, here in enumerate(last)
            ]
        )
    return table


def compacted(circuit: Circuit, slots: Slots) -> Slots:
    """The same list, dense: its k-th slot is its k-th element."""
    if slots.dense:
        return slots
    table = count_of(circuit, slots)
    items: list[tuple[int, Value]] = []
    for k in range(len(slots.items)):
        places = [
            (circuit.both(present, table[i][k]), value)
            for i, (present, value) in enumerate(slots.items)
            if k <= i
        ]
        value = tuple(each for place, item in places for each in guarded(circuit, place, item))
        items.append((circuit.any_of([place for place, _ in places]), value))
    return Slots(tuple(items), dense=True, more=slots.more)
