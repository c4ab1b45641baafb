"""What the owner's policy says of one token's claims: the mapping, then the condition, as STS does.

The clauses come from the evaluation that decides: `policy.explaining.explain`, which the
emulator's STS asks as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policy.explaining import Clause, explain
from policy.mapping import MappingRejected

from .policies import NamedPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A decision, and every clause's part in it."""

    admitted: bool
    clauses: tuple[Clause, ...]

    @property
    def failing(self) -> tuple[Clause, ...]:
        """The clauses that are not true: all of them are reasons of a denial."""
        return tuple(clause for clause in self.clauses if clause.outcome != "true")


def judge(policy: NamedPolicy, claims: Mapping[str, object]) -> Judgement:
    """What the policy says of `claims`; whether they are believed is the caller's affair.

    Raises:
        Misconfigured: the condition is not CEL that Google would accept.
    """
    provider = policy.provider
    if provider is None:
        trace = explain(policy.condition, assertion=claims)
        return Judgement(admitted=trace.admitted, clauses=trace.clauses)
    if provider.disabled:
        return _refusal("disabled", "the provider is disabled, so STS refuses every token", fix="enable it")
    try:
        mapped = provider.mapping.apply(claims)
    except MappingRejected as rejection:
        return _refusal("attributeMapping", rejection.message, fix=rejection.hint)
    trace = explain(policy.condition, assertion=claims, google=mapped.google, attribute=mapped.attribute)
    return Judgement(admitted=trace.admitted, clauses=trace.clauses)


def _refusal(field: str, reason: str, *, fix: str) -> Judgement:
    """A denial before the condition is asked: the only clause is a field of the provider."""
    clause = Clause(text=field, span=(0, 0), outcome="error", claims={}, absent=(), reason=reason, fix=fix)
    return Judgement(admitted=False, clauses=(clause,))


def render_judgement(judgement: Judgement) -> dict[str, object]:
    """The judgement as `--format json` shows it."""
    return {
        "decision": "admit" if judgement.admitted else "deny",
        "clauses": [
            {
                "text": clause.text,
                "span": list(clause.span),
                "outcome": clause.outcome,
                "claims": dict(clause.claims),
                "reason": clause.reason,
                "fix": clause.fix,
            }
            for clause in judgement.clauses
        ],
    }
