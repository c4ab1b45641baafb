"""What the owner's policy says of one token's claims: the mapping, then the condition, as STS does.

The decision is `policy.deciding`'s, which the emulator's STS asks as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from policy.deciding import Outcome as Decided
from policy.deciding import Refusal, decide, decide_condition
from policy.explaining import Clause, Outcome

from .policies import NamedPolicy

DECISIONS: Final[Mapping[Decided, str]] = {"admitted": "admit", "refused": "deny", "unknown": "unknown"}


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
    """A decision, and every clause's part in it. Where the outcome is unknown, `unknown` says why."""

    outcome: Decided
    clauses: tuple[ClauseAnswer, ...]
    unknown: str = ""

    @property
    def admitted(self) -> bool:
        return self.outcome == "admitted"

    @property
    def failing(self) -> tuple[ClauseAnswer, ...]:
        """The clauses that are not true: all of them are reasons of a denial."""
        return tuple(clause for clause in self.clauses if clause.outcome != "true")

    def document(self) -> dict[str, object]:
        """The judgement as `--format json` shows it."""
        return {
            "decision": DECISIONS[self.outcome],
            "clauses": [clause.document() for clause in self.clauses],
            **({"unknown": self.unknown} if self.unknown else {}),
        }


def judge(policy: NamedPolicy, claims: Mapping[str, object]) -> Judgement:
    """What the policy says of `claims`; whether they are believed is the caller's affair.

    Raises:
        Misconfigured: the condition is not CEL that Google would accept.
    """
    provider = policy.provider
    decision = decide_condition(policy.condition, claims) if provider is None else decide(provider, claims)
    if decision.trace is not None:
        clauses = tuple(map(_answer, decision.trace.clauses))
        return Judgement(outcome=decision.outcome, clauses=clauses, unknown=decision.unknown)
    assert decision.refusal is not None  # noqa: S101  it is the one or the other
    return Judgement(outcome=decision.outcome, clauses=(_of_refusal(decision.refusal),))


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


def _of_refusal(refusal: Refusal) -> ClauseAnswer:
    """A denial before the condition is asked: its only clause is a field of the provider."""
    return ClauseAnswer(
        text=refusal.field,
        span=(0, 0),
        outcome="error",
        claims={},
        absent=(),
        reason=refusal.message,
        fix=refusal.hint,
    )
