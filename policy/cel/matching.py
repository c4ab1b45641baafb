"""The closure of `matches`; imported by the conditions that have it, for few do."""

from __future__ import annotations

from typing import Any

from ..wording import quoted
from .arithmetic import no_overload
from .closures import MOST_WORK, WORK, Frame, Run
from .patterns import InvalidPattern, UnsupportedPattern
from .regular_expressions import PatternTooCostly, compile_pattern
from .syntax import Span
from .values import ErrorValue, unknown_value


def matches(text: Run, pattern: Run, span: Span) -> Run:
    """Whether the pattern, in RE2's syntax, is found anywhere in the text."""

    def run(frame: Frame) -> Any:
        subject = text(frame)
        if type(subject) is ErrorValue:
            return subject
        expression = pattern(frame)
        if type(expression) is ErrorValue:
            return expression
        if type(subject) is not str or type(expression) is not str:
            return no_overload("matches", subject, expression, span=span)
        try:
            found, work = compile_pattern(expression).search(subject, most_work=MOST_WORK - frame[WORK])
        except (UnsupportedPattern, PatternTooCostly) as reason:
            return unknown_value(f"regular expression {quoted(expression)}: {reason}", span)
        except InvalidPattern as reason:
            return ErrorValue(f"regular expression {quoted(expression)}: {reason}", span)
        frame[WORK] += work
        return found

    return run
