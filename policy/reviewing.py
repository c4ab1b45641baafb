"""A policy as its readers want to see it: what it admits, what is wrong with it, what each clause is for.

    result = review(policies, prover, today=date(2026, 1, 1))
    result.verdict, result.findings, result.assumptions

Without a prover nothing is decided, and the review says so of everything it could not decide. It has
the budget of `policy.linting`, rules and table together.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Literal, TypeAlias

from . import linting
from .admitting import Admits, Table
from .cel.condition import CompiledClause
from .context import Dossier
from .findings import Finding
from .issuers import named
from .policy_set import PolicySet
from .proving.answers import Found, NoneFound, Undecided
from .proving.prover import Prover
from .reasons import expectation_of
from .wording import listed, quoted

KeepsOut: TypeAlias = Literal["keeps-out", "nothing", "undecided"]


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
    """One provider. `example` is a token that it admits; None where there is none, or none is known.

    `other_issuer` is whose tokens it takes where that is not Confidential Space's issuer, else "". Of
    such tokens nothing is known: `asks` says, clause by clause, what the condition asks of them.
    """

    name: str
    condition: str
    admits: tuple[Admits, ...]
    clauses: tuple[ClauseUse, ...]
    example: Mapping[str, object] | None
    other_issuer: str = ""
    asks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """`findings` are worst first, and do not count where they have a `waiver`. `assumptions` are the facts
    about the issuer that any answer of this review needs."""

    verdict: str
    providers: tuple[ProviderReview, ...]
    findings: tuple[Finding, ...]
    assumptions: tuple[str, ...]

    def document(self) -> dict[str, object]:
        """The review as JSON, for `--format json`."""
        return {
            "summary": self.verdict,
            "findings": [each.document() for each in self.findings],
            "admits": {each.name or "condition": _admits(each) for each in self.providers},
            "clauses": {
                each.name or "condition": [_clause(clause) for clause in each.clauses]
                for each in self.providers
            },
            "undocumented": {
                each.name or "condition": [row.claim for row in each.admits if row.undocumented]
                for each in self.providers
            },
            "assumptions": list(self.assumptions),
            "other_issuers": {
                each.name: {"issuer": each.other_issuer, "asks": list(each.asks)}
                for each in self.providers
                if each.other_issuer
            },
        }


def _admits(provider: ProviderReview) -> dict[str, dict[str, object]]:
    sections: dict[str, dict[str, object]] = {"what": {}, "where": {}, "who": {}, "how": {}}
    for each in provider.admits:
        sections[each.section][each.claim] = _can_be(each)
    return {name: claims for name, claims in sections.items() if claims}


def _can_be(admits: Admits) -> object:
    """All values as a list, values that are always there as `at_least`, anything else in words.

    A list that is proved within bounds alone is no plain list.
    """
    if admits.at_least is not None:
        return {"at_least": list(admits.at_least), "bounded": admits.bounded}
    if admits.values is None:
        return admits.note
    return {"values": list(admits.values), "bounded": True} if admits.bounded else list(admits.values)


def _clause(clause: ClauseUse) -> dict[str, object]:
    return {
        "text": clause.text,
        "span": list(clause.span),
        "keeps_out": clause.keeps_out,
        "note": clause.note,
        "token": clause.token,
        "assumptions": list(clause.assumptions),
    }


def review(
    policies: PolicySet, prover: Prover | None, *, today: date, clock: Callable[[], float] = time.monotonic
) -> Review:
    """The whole of what can be said of a policy."""
    dossiers = linting.dossiers_of(policies, prover, clock=clock)
    tables = [Table(dossier) for dossier in dossiers]
    for dossier, table in zip(dossiers, tables, strict=True):
        if dossier.inquiry is not None:
            dossier.inquiry.ask_at_once(partial(_ask_everything, dossier, table, today))
    findings = linting.lint_dossiers(dossiers, today=today)
    providers = tuple(_provider(dossier, table) for dossier, table in zip(dossiers, tables, strict=True))
    return Review(
        verdict=_verdict(policies, dossiers, findings),
        providers=providers,
        findings=tuple(findings),
        assumptions=assumptions_of(dossiers),
    )


def assumptions_of(dossiers: Iterable[Dossier]) -> tuple[str, ...]:
    """What all answers so far about these take for granted of the issuer."""
    inquiries = [dossier.inquiry for dossier in dossiers if dossier.inquiry is not None]
    return tuple(sorted({label for each in inquiries for label in each.assumptions}))


def _ask_everything(dossier: Dossier, table: Table, today: date) -> None:
    linting.ask_for_rules(dossier, today=today)
    table.rows()
    list(_uses(dossier))


def _provider(dossier: Dossier, table: Table) -> ProviderReview:
    if not dossier.has_vocabulary:
        return ProviderReview(
            name=dossier.provider.name,
            condition=dossier.provider.condition,
            admits=(),
            clauses=(),
            example=None,
            other_issuer=named(dossier.provider.issuer),
            asks=tuple(_asked(clause) for clause in dossier.clauses),
        )
    example = None if dossier.inquiry is None else dossier.inquiry.example
    return ProviderReview(
        name=dossier.provider.name,
        condition=dossier.provider.condition,
        admits=tuple(table.rows()) if isinstance(example, Found) else (),
        clauses=tuple(_uses(dossier)) if not isinstance(example, NoneFound) else (),
        example=example.token if isinstance(example, Found) else None,
    )


def _asked(clause: CompiledClause) -> str:
    """What a clause asks, by its text alone."""
    expectation = expectation_of(clause.node)
    if expectation is None:
        return quoted(clause.text, most_characters=160)
    return f"{quoted(expectation.path.text)} {expectation.must}"


def _uses(dossier: Dossier) -> Iterable[ClauseUse]:
    if not dossier.has_vocabulary:
        return
    for number, clause in enumerate(dossier.clauses):
        assert dossier.inquiry is not None  # noqa: S101  (there are clauses, so the condition compiles)
        answer = dossier.inquiry.ask_clause(number)
        match answer:
            case Found():
                keeps_out: KeepsOut = "keeps-out"
                note = "it alone refuses this token"
            case NoneFound():
                keeps_out = "nothing"
                because = f", since {listed(list(answer.assumptions), 'and')}" if answer.assumptions else ""
                note = f"the other clauses refuse all that it does{because}"
            case Undecided():
                keeps_out = "undecided"
                note = answer.reason
        yield ClauseUse(
            text=clause.text,
            span=(clause.node.span.start, clause.node.span.end),
            keeps_out=keeps_out,
            note=note,
            token=answer.token if isinstance(answer, Found) else None,
            assumptions=answer.assumptions if isinstance(answer, NoneFound) else (),
        )


def _verdict(policies: PolicySet, dossiers: Sequence[Dossier], findings: Sequence[Finding]) -> str:
    """What it comes to, in one line."""
    counted = [each for each in findings if each.waiver is None]
    counts = Counter(each.severity for each in counted if each.decided)
    worst_first = [f"{counts[severity]} {severity.label}" for severity in sorted(counts, reverse=True)]
    said = [f"findings: {listed(worst_first, 'and')}" if counts else "no findings"]
    undecided = sum(not each.decided for each in counted)
    if undecided:
        said.append(f"{undecided} not decided")
    if len(findings) > len(counted):
        said.append(f"{len(findings) - len(counted)} waived")
    return f"{_admission(policies, dossiers)}; {', '.join(said)}"


def _admission(policies: PolicySet, dossiers: Sequence[Dossier]) -> str:
    if not dossiers:
        return "admits nobody: every provider is disabled"
    if any(dossier.invalid is not None for dossier in dossiers):
        return "Google would refuse this condition"
    others = list(dict.fromkeys(named(each.provider.issuer) for each in dossiers if not each.has_vocabulary))
    foreign = f"admits tokens of {listed(others, 'and')} by the condition alone" if others else ""
    ours = [dossier for dossier in dossiers if dossier.has_vocabulary]
    said = [_admission_of_ours(ours)] if ours else []
    return "; ".join([*said, *filter(None, [foreign])])


def _admission_of_ours(dossiers: Sequence[Dossier]) -> str:
    examples = [dossier.inquiry.example for dossier in dossiers if dossier.inquiry is not None]
    if all(isinstance(each, NoneFound) for each in examples):
        return "admits nobody"
    if not any(isinstance(each, Found) for each in examples):
        return "what it admits is not decided"
    return "admits somebody" if len(dossiers) == 1 else f"admits somebody, through {len(dossiers)} providers"
