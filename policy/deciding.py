"""One decision: what a provider says of a verified assertion, by mapping and condition, and why.

    decision = decide(provider, claims)
    decision.outcome                      # "admitted" | "refused" | "unknown"
    decision.refusal, decision.trace      # what stood before the condition, and what the condition said

Whoever has to know whether a token is admitted asks this: STS in the emulator, `auditor explain`, the
tests of a policy, and the prover of every witness. The caller has verified the token against the
provider's issuer and `provider.audiences`, as STS does before.

Guarantee: `admitted` only where the mapping gave everything that it maps and every clause is exactly
`true`. `refused` only where Google refuses as well, as far as its evaluation is known. All else is
`unknown`: it admits nobody, and proves nothing.

Source: STS API, `token`; IAM API, projects.locations.workloadIdentityPools.providers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .cel.condition import compile_condition
from .cel.syntax import NOWHERE
from .cel.values import unknown_value
from .explaining import Condition, Trace, explain
from .issuers import has_our_vocabulary
from .mapping import Mapped, MappingRejected
from .provider import Provider

Outcome: TypeAlias = Literal["admitted", "refused", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A decision that was made before the condition was asked: `field` is the provider's, in its API."""

    field: str
    error: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`trace` is None exactly where there is a `refusal`; `mapped` is None for one by the mapping.

    A condition alone has no `mapped`. `unknown` says, in one line, what is not known; it is "" unless
    the outcome is `unknown`.
    """

    outcome: Outcome
    mapped: Mapped | None = None
    refusal: Refusal | None = None
    trace: Trace | None = None
    unknown: str = ""

    @property
    def admitted(self) -> bool:
        return self.outcome == "admitted"


def decide(provider: Provider, assertion: Mapping[str, object]) -> Decision:
    """What the provider says of claims that were verified for it.

    Raises:
        InvalidExpression: Google would refuse the condition.
    """
    condition = compile_condition(provider.condition)
    if provider.disabled:
        message = "the provider is disabled, so STS refuses every token"
        refusal = Refusal(field="disabled", error="invalid_target", message=message, hint="owner: enable it")
        return Decision(outcome="refused", refusal=refusal)
    try:
        mapped = provider.mapping.apply(assertion)
    except MappingRejected as rejected:
        refusal = Refusal(
            field="attributeMapping", error=rejected.error, message=rejected.message, hint=rejected.hint
        )
        return Decision(outcome="refused", refusal=refusal)
    google, attribute = mapped.root("google"), mapped.root("attribute")
    trace = explain(
        condition,
        assertion=assertion,
        google=google,
        attribute=attribute,
        vocabulary=has_our_vocabulary(provider.issuer),
    )
    return _decided(trace, mapped)


def decide_condition(
    condition: Condition | str,
    assertion: Mapping[str, object],
    google: Mapping[str, object] | None = None,
    attribute: Mapping[str, object] | None = None,
) -> Decision:
    """What a condition alone says; what is mapped is as given, and where nothing is, not known.

    Raises:
        InvalidExpression: Google would refuse the condition.
    """
    compiled = compile_condition(condition) if isinstance(condition, str) else condition
    unmapped = unknown_value("what the provider maps is not known", NOWHERE)
    trace = explain(
        compiled,
        assertion=assertion,
        google=unmapped if google is None else google,
        attribute=unmapped if attribute is None else attribute,
    )
    return _decided(trace, None)


def sum_of(outcomes: Sequence[Outcome]) -> Outcome:
    """What several providers say, whose admissions add up: one that admits is enough.

    >>> sum_of(["refused", "unknown"]), sum_of([])
    ('unknown', 'refused')
    """
    return "admitted" if "admitted" in outcomes else "unknown" if "unknown" in outcomes else "refused"


def _decided(trace: Trace, mapped: Mapped | None) -> Decision:
    if trace.refused:
        return Decision(outcome="refused", mapped=mapped, trace=trace)
    unknown = trace.unknown or ("" if mapped is None else mapped.why_unknown)
    if unknown:
        return Decision(outcome="unknown", mapped=mapped, trace=trace, unknown=unknown)
    return Decision(outcome="admitted", mapped=mapped, trace=trace)
