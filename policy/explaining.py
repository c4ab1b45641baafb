"""One evaluation of a condition decides, and explains itself clause by clause.

    condition = compile_condition(text)              # once; raises Misconfigured with a span
    decide(condition, assertion=claims)              # -> bool, the quick path
    trace = explain(condition, assertion=claims)     # -> Trace, the same program
    trace.admitted, [clause.reason for clause in trace.clauses if clause.outcome != "true"]

Signatures are settled, bodies follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["true", "false", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """What one top-level conjunct said of one token.

    `span` is character offsets (start, end) into the condition; `claims` are the values that this
    very evaluation read, by path (`submods.gce.zone`, without `assertion.`); `absent` the paths it
    looked for and did not find; `fix` is empty for a clause that is true.
    """

    text: str
    span: tuple[int, int]
    outcome: Outcome
    claims: Mapping[str, object]
    absent: tuple[str, ...]
    reason: str
    fix: str


class Condition:
    """A condition, compiled. `text` is what was compiled; an empty text admits every token."""

    text: str


class Trace:
    """A decision with its clauses; `clauses` is worded when it is first read."""

    admitted: bool
    clauses: tuple[Clause, ...]


def compile_condition(text: str) -> Condition:
    """`text` is ready to decide. Raises: Misconfigured, with the place in the text."""
    raise NotImplementedError


def decide(
    condition: Condition | str,
    *,
    assertion: Mapping[str, object],
    google: Mapping[str, object] | None = None,
    attribute: Mapping[str, object] | None = None,
) -> bool:
    """Whether the condition is exactly boolean `true` for these claims."""
    raise NotImplementedError


def explain(
    condition: Condition | str,
    *,
    assertion: Mapping[str, object],
    google: Mapping[str, object] | None = None,
    attribute: Mapping[str, object] | None = None,
) -> Trace:
    """The decision on these claims, with every clause's part in it."""
    raise NotImplementedError
