"""One evaluation of a condition decides, and explains itself clause by clause.

    condition = compile_condition(text)              # once; raises Misconfigured with a span
    decide(condition, assertion=claims)              # -> bool, the quick path
    trace = explain(condition, assertion=claims)     # -> Trace, the same closures
    trace.admitted, [clause.reason for clause in trace.clauses if clause.outcome != "true"]

Admission is exactly boolean `true`. What Google's evaluation may give and ours cannot say is *unknown*:
it does not admit, and a trace says that it is not a refusal either. A trace keeps what its evaluation
saw; words are made of it when they are asked for, from those values and never from a second look at
the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .cel.closures import UNREAD, Frame
from .cel.condition import CompiledClause, Condition, compile_condition
from .cel.values import ErrorValue, is_unknown

if TYPE_CHECKING:
    from .reasons import Wording

__all__ = ["Clause", "Condition", "Outcome", "Trace", "compile_condition", "decide", "explain"]

Outcome: TypeAlias = Literal["true", "false", "error", "unknown"]


class Clause:
    """What one top-level conjunct said of one token."""

    __slots__ = ("_clause", "_condition", "_frame", "_result", "_vocabulary")

    def __init__(
        self, condition: Condition, clause: CompiledClause, result: Any, frame: Frame, vocabulary: bool
    ) -> None:
        self._vocabulary = vocabulary
        self._condition = condition
        self._clause = clause
        self._result = result
        self._frame = frame

    @property
    def text(self) -> str:
        """The clause as it is written."""
        return self._clause.text

    @property
    def span(self) -> tuple[int, int]:
        """Where it stands: character offsets into the condition, the second one behind its end."""
        return (self._clause.node.span.start, self._clause.node.span.end)

    @property
    def outcome(self) -> Outcome:
        """`error` is also a clause whose value is no boolean: it can never admit.

        `unknown` is one that may be true in Google's evaluation; it is not known here.
        """
        if self._result is True:
            return "true"
        if self._result is False:
            return "false"
        return "unknown" if is_unknown(self._result) else "error"

    @property
    def claims(self) -> dict[str, object]:
        """The values that this evaluation read, by path: `submods.gce.zone`, without `assertion.`."""
        return {
            name: value
            for _, name, slot in self._clause.paths
            if type(value := self._frame[slot]) is not ErrorValue and value is not UNREAD
        }

    @property
    def absent(self) -> tuple[str, ...]:
        """The paths that it looked for and that are not there."""
        read = ((name, self._frame[slot]) for _, name, slot in self._clause.paths)
        return tuple(name for name, value in read if type(value) is ErrorValue and value.absent)

    @property
    def reason(self) -> str:
        """The claim's value, and what it must be."""
        return self._wording().reason(self._result)

    @property
    def fix(self) -> str:
        """Who would have to change what; "" for a clause that is true."""
        return self._wording().fix(self._result)

    def _wording(self) -> Wording:
        from .reasons import Wording  # whoever only decides needs neither words nor the vocabulary

        return Wording(self._condition, self._clause, self._frame, vocabulary=self._vocabulary)


class Trace:
    """A decision and every clause's part in it.

    `refused` when a clause is certainly not true. Neither `admitted` nor `refused`: it is not known.
    """

    __slots__ = ("admitted", "clauses", "refused")

    def __init__(
        self, condition: Condition, results: list[Any], frame: Frame, *, vocabulary: bool = True
    ) -> None:
        self.admitted = all(result is True for result in results)
        self.refused = any(result is not True and not is_unknown(result) for result in results)
        self.clauses = tuple(
            [
                Clause(condition, clause, result, frame, vocabulary)
                for clause, result in zip(condition.clauses, results, strict=True)
            ]
        )

    @property
    def unknown(self) -> str:
        """What is not known, in one line, where nothing refuses; else ""."""
        if self.admitted or self.refused:
            return ""
        return "; ".join(clause.reason for clause in self.clauses if clause.outcome == "unknown")


def decide(
    condition: Condition | str,
    *,
    assertion: Mapping[str, object],
    google: Mapping[str, object] | None = None,
    attribute: Mapping[str, object] | None = None,
) -> bool:
    """Whether the condition is exactly boolean `true` for these claims, which are JSON values.

    Raises:
        Misconfigured: the condition is a text, and it does not compile.
    """
    compiled = compile_condition(condition) if isinstance(condition, str) else condition
    return compiled.decide(assertion, google, attribute)


def explain(
    condition: Condition | str,
    *,
    assertion: Mapping[str, object],
    google: Mapping[str, object] | ErrorValue | None = None,
    attribute: Mapping[str, object] | ErrorValue | None = None,
    vocabulary: bool = True,
) -> Trace:
    """The decision on these claims, with every clause's part in it.

    `google` or `attribute` is an error where it is not known what the mapping gives. Without
    `vocabulary` the claims are another issuer's, and nothing is said of their names and values.

    >>> trace = explain('assertion.dbgstat == "disabled-since-boot"', assertion={"dbgstat": "enabled"})
    >>> trace.admitted, trace.clauses[0].reason
    (False, '`dbgstat` is "enabled", must be "disabled-since-boot"')

    Raises:
        Misconfigured: the condition is a text, and it does not compile.
    """
    compiled = compile_condition(condition) if isinstance(condition, str) else condition
    results, frame = compiled.evaluate(assertion, google, attribute)
    return Trace(compiled, results, frame, vocabulary=vocabulary)
