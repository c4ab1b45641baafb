"""What the owner's policy says of one token's claims: the mapping, then the condition, as STS does.

The clauses come from the evaluation that decides: `policy.explaining.explain`, which the
emulator's STS asks as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policy.explaining import Clause, Outcome, Trace, explain
from policy.mapping import MappingRejected

from .policies import NamedPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseAnswer:
    """What one clause said: `claims` are the values it read, `absent` the paths that it did not find."""

    text: str
    span: tuple[int, int]
    outcome: Outcome
    claims: Mapping[str, object]
    absent: tuple[str, ...]
    reason: str
    fix: str

    def document(self) -> dict[str, object]:
        """The clause as `--format json` shows it."""
        return {
            "text": self.text,
            "span": list(self.span),
            "outcome": self.outcome,
            "claims": dict(self.claims),
            "reason": self.reason,
            "fix": self.fix,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A decision, and every clause's part in it."""

    admitted: bool
    clauses: tuple[ClauseAnswer, ...]

    @property
    def failing(self) -> tuple[ClauseAnswer, ...]:
        """The clauses that are not true: all of them are reasons of a denial."""
        return tuple(clause for clause in self.clauses if clause.outcome != "true")

    def document(self) -> dict[str, object]:
        """The judgement as `--format json` shows it."""
        return {
            "decision": "admit" if self.admitted else "deny",
            "clauses": [clause.document() for clause in self.clauses],
        }


def judge(policy: NamedPolicy, claims: Mapping[str, object]) -> Judgement:
    """What the policy says of `claims`; whether they are believed is the caller's affair.

    Raises:
        Misconfigured: the condition is not CEL that Google would accept.
    """
    provider = policy.provider
    if provider is None:
        return _judgement(explain(policy.condition, assertion=claims))
    if provider.disabled:
        return _refusal(
            "disabled", "the provider is disabled, so STS refuses every token", fix="owner: enable it"
        )
    try:
        mapped = provider.mapping.apply(claims)
    except MappingRejected as rejection:
        return _refusal("attributeMapping", rejection.message, fix=rejection.hint)
    return _judgement(
        explain(policy.condition, assertion=claims, google=mapped.google, attribute=mapped.attribute)
    )


def _judgement(trace: Trace) -> Judgement:
    return Judgement(admitted=trace.admitted, clauses=tuple(map(_answer, trace.clauses)))


def _answer(clause: Clause) -> ClauseAnswer:
    return ClauseAnswer(
        text=clause.text,
        span=clause.span,
        outcome=clause.outcome,
        claims=clause.claims,
        absent=clause.absent,
        reason=clause.reason,
        fix=clause.fix,
    )


def _refusal(field: str, reason: str, *, fix: str) -> Judgement:
    """A denial before the condition is asked: its only clause is a field of the provider."""
    answer = ClauseAnswer(
        text=field, span=(0, 0), outcome="error", claims={}, absent=(), reason=reason, fix=fix
    )
    return Judgement(admitted=False, clauses=(answer,))
