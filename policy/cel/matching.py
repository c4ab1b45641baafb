"""The closure of `matches`; imported by the conditions that have it, for few do."""

from __future__ import annotations

from typing import Any

from ..wording import quoted
from .arithmetic import no_overload
from .closures import MOST_WORK, WORK, Frame, Run
from .patterns import InvalidPattern
from .regular_expressions import PatternTooCostly, compile_pattern
from .syntax import Span
from .values import ErrorValue


def matches(text: Run, pattern: Run, span: Span) -> Run:
    """Whether the pattern, in RE2's syntax, is found anywhere in the text."""

    def run(frame: Frame) -> Any:
        policies = text(frame)
        if type(policies) is ErrorValue:
            return policies
        expression = pattern(frame)
        if type(expression) is ErrorValue:
            return expression
        if type(policies) is not str or type(expression) is not str:
            return no_overload("matches", policies, expression, span=span)
        try:
            found, work = compile_pattern(expression).search(policies, most_work=MOST_WORK - frame[WORK])
        except (InvalidPattern, PatternTooCostly) as reason:
            return ErrorValue(f"regular expression {quoted(expression)}: {reason}", span)
        frame[WORK] += work
        return found

    return run
