"""A policy as its readers want to see it: what it admits, what is wrong with it, what each clause is for.

with Prover() as prover:
    review = review(subject, prover, today=date(2026, 1, 1))
review.verdict, review.findings
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .findings import Finding

Section: TypeAlias = Literal["what", "where", "who", "how"]
KeepsOut: TypeAlias = Literal["keeps-out", "nothing", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admits:
    """What one claim is in admitted tokens.

    `values` are all that it can be, as JSON values; None when it is not among a few: then `note` says
    what it is, `anything` most often.
    """

    section: Section
    claim: str
    title: str
    values: tuple[object, ...] | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseUse:
    """What a clause alone keeps out: `token` is refused by it and by nothing else.

    It keeps out `nothing` where the other clauses, and the `assumptions`, already refuse all that it
    refuses; `note` says so in words, or why nothing was decided.
    """

    text: str
    span: tuple[int, int]
    keeps_out: KeepsOut
    note: str
    token: Mapping[str, object] | None = None
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReview:
    """One provider. `example` is a token that it admits; None where there is none, or none is known."""

    name: str
    condition: str
    admits: tuple[Admits, ...]
    clauses: tuple[ClauseUse, ...]
    example: Mapping[str, object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """`findings` are worst first; those with a `waiver` do not count. `assumptions` is all that any
    answer of this review takes for granted of the issuer."""

    verdict: str
    providers: tuple[ProviderReview, ...]
    findings: tuple[Finding, ...]
    assumptions: tuple[str, ...]

    def document(self) -> dict[str, object]:
        """The review as JSON, for `--format json`."""
        return {
            "verdict": self.verdict,
            "findings": [each.document() for each in self.findings],
            "admits": {each.name or "condition": _admits(each) for each in self.providers},
            "clauses": {
                each.name or "condition": [_clause(clause) for clause in each.clauses]
                for each in self.providers
            },
            "assumptions": list(self.assumptions),
        }


def _admits(provider: ProviderReview) -> dict[str, dict[str, object]]:
    sections: dict[str, dict[str, object]] = {"what": {}, "where": {}, "who": {}, "how": {}}
    for each in provider.admits:
        sections[each.section][each.claim] = each.note if each.values is None else list(each.values)
    return {name: claims for name, claims in sections.items() if claims}


def _clause(clause: ClauseUse) -> dict[str, object]:
    return {
        "text": clause.text,
        "span": list(clause.span),
        "keeps_out": clause.keeps_out,
        "note": clause.note,
        "token": clause.token,
        "assumptions": list(clause.assumptions),
    }
