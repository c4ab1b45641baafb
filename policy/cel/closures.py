"""One closure for each thing that an expression can do; errors are values, and who absorbs them.

A closure reads and writes one list, the frame of a run: the three roots, the work done so far, the
variables of macros, and what each claim path and each arm of a `||` turned out to be. The last two
are what an explanation is made of, so it never evaluates anything a second time.

Source: google/cel-spec, doc/langdef.md, "Logical Operators", "Macros", "Field Selection".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from ..wording import quoted
from .arithmetic import negated, no_overload
from .paths import ROOTS, Path
from .syntax import Span
from .values import (
    NUMBERS,
    ErrorValue,
    absorbed,
    equal,
    key_of,
    kind_of,
    lookup,
    unknown_value,
)

Frame: TypeAlias = list[Any]
Run: TypeAlias = Callable[[Frame], Any]

WORK: Final = len(ROOTS)
"""The slot that counts work: nodes visited by macros, states visited by regular expressions."""
MOST_WORK: Final = 200_000
_NOT_JSON: Final = "a value that JSON does not have is compared"
UNREAD: Final = object()
"""What a slot holds when the evaluation never came to its claim or arm."""


def constant(value: object) -> Run:
    return lambda _frame: value


def slot(slot: int) -> Run:
    return lambda frame: frame[slot]


def claim(root: int, keys: tuple[str | int, ...], slot: int, walked: Run) -> Run:
    """Reads a claim and keeps it in `slot`; the lengths that tokens have are written out for speed."""
    if not all(type(key) is str for key in keys) or len(keys) > 3:
        return walked
    if len(keys) == 1:
        (first,) = keys

        def one(frame: Frame) -> Any:
            try:
                frame[slot] = value = frame[root][first]
            except (KeyError, TypeError):
                return walked(frame)
            return value

        return one
    if len(keys) == 2:
        first, second = keys

        def two(frame: Frame) -> Any:
            try:
                frame[slot] = value = frame[root][first][second]
            except (KeyError, TypeError):
                return walked(frame)
            return value

        return two
    first, second, third = keys

    def three(frame: Frame) -> Any:
        try:
            frame[slot] = value = frame[root][first][second][third]
        except (KeyError, TypeError):
            return walked(frame)
        return value

    return three


def member(container: Any, key: Any, span: Span, path: Path | None = None) -> Any:
    """`container[key]`; `path` is where it stands among the claims, if it does."""
    if type(container) is ErrorValue:
        return container
    if type(container) is dict:
        if kind_of(key) not in ("string", "bool", *NUMBERS):
            return no_overload("[]", container, key, span=span)
        there, value = lookup(container, key)
        if there:
            return value
        name = path.text if path is not None else str(key)
        return ErrorValue(f"{quoted(name)} is absent", span, absent=name)
    if type(container) is list:
        if kind_of(key) not in NUMBERS or key != key // 1:
            return no_overload("[]", container, key, span=span)
        if not 0 <= key < len(container):
            return ErrorValue(f"the list has {len(container)} elements, none at {int(key)}", span)
        return container[int(key)]
    what = f"field {quoted(key)}" if type(key) is str else "element"
    if not kind_of(container):
        return unknown_value("a value that JSON does not have", span)
    return ErrorValue(f"a {kind_of(container)} has no {what}", span)


def selected(operand: Run, field: str, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        container = operand(frame)
        if type(container) is dict and field in container:
            return container[field]
        if type(container) is list:
            return ErrorValue(f"a list has no field {quoted(field)}", span)
        return member(container, field, span)

    return run


def has(operand: Run, field: str, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        container = operand(frame)
        if type(container) is dict:
            return field in container
        return container if type(container) is ErrorValue else no_overload("has", container, span=span)

    return run


def indexed(operand: Run, key: Run, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        container = operand(frame)
        if type(container) is ErrorValue:
            return container
        position = key(frame)
        return position if type(position) is ErrorValue else member(container, position, span)

    return run


def list_of(items: list[Run]) -> Run:
    def run(frame: Frame) -> Any:
        values = []
        for item in items:
            value = item(frame)
            if type(value) is ErrorValue:
                return value
            values.append(value)
        return values

    return run


def map_of(entries: list[tuple[Run, Run]], span: Span) -> Run:
    def run(frame: Frame) -> Any:
        values: dict[Any, Any] = {}
        for key_run, value_run in entries:
            key, value = key_run(frame), value_run(frame)
            if type(key) is ErrorValue or type(value) is ErrorValue:
                return key if type(key) is ErrorValue else value
            if kind_of(key) not in ("string", "bool", "int", "uint"):
                return no_overload("{}", key, span=span)
            if (named := key_of(key)) in values:
                return ErrorValue("a key of the map is repeated", span, ends=True)
            values[named] = value
        return values

    return run


def negation(operand: Run, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        if type(value) is bool:
            return not value
        return value if type(value) is ErrorValue else no_overload("!", value, span=span)

    return run


def minus(operand: Run, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        return value if type(value) is ErrorValue else negated(value, span)

    return run


def equals_constant(operand: Run, constant: object, wanted: bool, span: Span) -> Run:
    """`operand == constant` for a string or a boolean, which equal nothing of another type."""
    kind = type(constant)

    def run(frame: Frame) -> Any:
        value = operand(frame)
        if type(value) is kind:
            return (value == constant) is wanted
        if type(value) is ErrorValue:
            return value
        return not wanted if kind_of(value) else no_overload("==", value, constant, span=span)

    return run


def equality(left: Run, right: Run, wanted: bool, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        one = left(frame)
        if type(one) is ErrorValue:
            return one
        other = right(frame)
        if type(other) is ErrorValue:
            return other
        same, compared_values = equal(one, other)
        if compared_values > 1 and (exhausted := too_costly(frame, compared_values, span)):
            return exhausted
        return same is wanted if same is not None else unknown_value(_NOT_JSON, span)

    return run


def among_constants(operand: Run, constants: frozenset[str], span: Span) -> Run:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        if type(value) is str:
            return value in constants
        if type(value) is ErrorValue:
            return value
        return False if kind_of(value) else no_overload("in", value, span=span)

    return run


def membership(element: Run, container: Run, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        value = element(frame)
        if type(value) is ErrorValue:
            return value
        values = container(frame)
        if type(values) is list:
            if type(value) is str:
                return value in values
            return _among(frame, value, values, span)
        if type(values) is dict and kind_of(value) in ("string", "bool", *NUMBERS):
            return lookup(values, value)[0]
        return values if type(values) is ErrorValue else no_overload("in", value, values, span=span)

    return run


def _among(frame: Frame, value: Any, values: list[Any], span: Span) -> Any:
    unknown = False
    for each in values:
        same, compared_values = equal(value, each)
        if exhausted := too_costly(frame, compared_values, span):
            return exhausted
        if same:
            return True
        unknown = unknown or same is None
    return unknown_value(_NOT_JSON, span) if unknown else False


def ending(run: Run) -> Run:
    """The same; an error of it ends the evaluation, for another part may be what ends it."""

    def ended(frame: Frame) -> Any:
        value = run(frame)
        if type(value) is ErrorValue and not value.ends:
            return ErrorValue(
                value.message, value.span, absent=value.absent, unknown=value.unknown, ends=True
            )
        return value

    return ended


def binary(
    operation: Callable[[str, Any, Any, Span], Any], name: str, left: Run, right: Run, span: Span
) -> Run:
    def run(frame: Frame) -> Any:
        one = left(frame)
        if type(one) is ErrorValue:
            return one
        other = right(frame)
        return other if type(other) is ErrorValue else operation(name, one, other, span)

    return run


def logical(name: str, arms: list[tuple[Run, int]], span: Span) -> Run:
    """True or false as soon as one arm settles it; only when none does is an arm's error the answer."""
    settles = name == "||"

    def run(frame: Frame) -> Any:
        error = None
        for arm, slot in arms:
            frame[slot] = value = arm(frame)
            if value is settles:
                return settles if error is None else absorbed(error, settles)
            if type(value) is not bool:
                error = weaker(error, value, name, span)
        return not settles if error is None else error

    return run


def weaker(error: ErrorValue | None, value: Any, name: str, span: Span) -> ErrorValue:
    """The first error of an arm; or the first that is unknown, which may be what settles the rest."""
    other = value if type(value) is ErrorValue else no_overload(name, value, span=span)
    if error is None:
        return other
    if (error.ends or other.ends) and (error.unknown or other.unknown):
        ended, unknown = (error, other) if error.ends else (other, error)
        return ErrorValue(unknown.message, ended.span, unknown=True, ends=True)
    return other if (other.unknown and not error.unknown) or (other.ends and not error.ends) else error


def conditional(condition: Run, accepted: Run, otherwise: Run, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        value = condition(frame)
        if type(value) is bool:
            return accepted(frame) if value else otherwise(frame)
        return value if type(value) is ErrorValue else no_overload("?:", value, span=span)

    return run


def call(function: Callable[..., object], parts: list[Run], span: Span) -> Run:
    def run(frame: Frame) -> Any:
        values = []
        for part in parts:
            value = part(frame)
            if type(value) is ErrorValue:
                return value
            values.append(value)
        return function(span, *values)

    return run


def too_costly(frame: Frame, cost: int, span: Span) -> ErrorValue | None:
    """Counts work that was done; the error, once it is more than a run may do."""
    frame[WORK] += cost
    return unknown_value("the evaluation takes too long", span) if frame[WORK] > MOST_WORK else None
