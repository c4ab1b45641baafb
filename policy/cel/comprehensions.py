"""The closures of macros: what goes through a list or a map, and how much work that may be.

Source: google/cel-spec, doc/langdef.md, "Macros".
"""

from __future__ import annotations

from typing import Any

from .arithmetic import no_overload
from .closures import Frame, Run, too_costly, weaker
from .syntax import Span
from .values import ErrorValue, absorbed, equal, unknown_value, value_of


def quantifier(range_: Run, slot: int, predicate: Run, cost: int, *, stop: bool, span: Span) -> Run:
    """`exists` (stops at true) and `all` (stops at false); an error counts only when nothing stops it."""

    def run(frame: Frame) -> Any:
        values = range_(frame)
        if type(values) is not list and type(values) is not dict:
            return values if type(values) is ErrorValue else no_overload("macro", values, span=span)
        error = None
        for each in map(value_of, values) if type(values) is dict else values:
            if exhausted := too_costly(frame, cost, span):
                return exhausted
            frame[slot] = each
            value = predicate(frame)
            if value is stop:
                return stop if error is None else absorbed(error, stop)
            if type(value) is not bool:
                error = weaker(error, value, "macro", span)
        return not stop if error is None else error

    return run


def gathered(
    range_: Run,
    slot: int,
    predicate: Run | None,
    transform: Run | None,
    cost: int,
    span: Span,
    *,
    in_any_order: bool,
) -> Run:
    """The elements that `predicate` takes, as `transform` makes them; any error is the answer.

    Of a map they come in an order that no document says: unknown, unless they are taken in any.
    """

    def run(frame: Frame) -> Any:
        values = range_(frame)
        if type(values) is not list and type(values) is not dict:
            return values if type(values) is ErrorValue else no_overload("macro", values, span=span)
        found = []
        for each in map(value_of, values) if type(values) is dict else values:
            if exhausted := too_costly(frame, cost, span):
                return exhausted
            frame[slot] = each
            value = True if predicate is None else predicate(frame)
            if type(value) is not bool:
                return value if type(value) is ErrorValue else no_overload("macro", value, span=span)
            if value:
                made = each if transform is None else transform(frame)
                if type(made) is ErrorValue:
                    return made
                found.append(made)
        if (
            type(values) is dict
            and not in_any_order
            and any(equal(found[0], each)[0] is not True for each in found)
        ):
            return unknown_value("the order in which a map is gone through is not known", span)
        return found

    return run


def exactly_one(gathered: Run) -> Run:
    def run(frame: Frame) -> Any:
        found = gathered(frame)
        return found if type(found) is ErrorValue else len(found) == 1

    return run
