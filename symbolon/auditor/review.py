"""What `symbolon auditor review` answers: a policy, its findings, and what each clause of it is for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from attestation.errors import ExitCode
from policy.admitting import Admits
from policy.findings import Severity
from policy.proving.answers import with_types
from policy.proving.attacking import Attack
from policy.proving.prover import Prover
from policy.reviewing import ClauseUse, ProviderReview, Review, review
from policy.wording import rendered

from ..policy_files import NamedPolicySet, read_policy_set
from ..progress import patience
from ..rendering import print_json
from ..reports import print_report
from ..reports.differences import claims_that_matter
from ..reports.entries import Gate, findings_section, gate
from ..reports.record import Record, record_of
from ..reports.report import ASSUMED, Entry, Report, Section, Table, Tone

_KEEPS_OUT: Final[dict[str, tuple[str, Tone]]] = {
    "keeps-out": ("keeps out", "good"),
    "nothing": ("nothing", "warn"),
    "undecided": ("undecided", "warn"),
}

_QUESTION: Final = "what does it admit, what is wrong with it, and what is each clause for? (no: {} or worse)"
_SHORT_LISTS: Final = "bounded: longer lists and maps are not covered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A review that was made, of which files, and whether it passes; `attacked` is how proofs were."""

    review: Review
    named: NamedPolicySet
    passes: Gate
    record: Record
    attacked: str
    is_proved: bool

    def document(self) -> dict[str, object]:
        """The review as JSON, with its record."""
        document = {"verdict": self.passes.verdict, **self.review.document(), "attacked": self.attacked}
        return document | {"record": self.record.document()}

    def report(self) -> Report:
        """The review for people, with its record."""
        report = _report(self.review, self.named, self.passes, self.record)
        if not self.is_proved:
            return report
        beside_the_proofs = Section(title="beside the proofs", lines=(self.attacked,))
        return replace(report, sections=(*report.sections, beside_the_proofs))


def review_policy(
    *,
    policy: str,
    bindings: str | None,
    image: str | None,
    fail_on: str,
    accept_bounds: bool,
    attack: int,
    output: str,
    now: datetime,
) -> ExitCode:
    """The review stands on standard output; what is as bad as `fail_on` makes the answer no.

    Raises:
        Misconfigured: an input cannot be read.
    """
    made = make_review(
        policy=policy,
        bindings=bindings,
        image=image,
        fail_on=fail_on,
        accept_bounds=accept_bounds,
        attack=attack,
        now=now,
    )
    if output == "json":
        print_json(made.document())
    elif output == "sarif":
        from ..reports.sarif import render_sarif

        sys.stdout.write(render_sarif(made.review.findings, made.named, made.record))
    else:
        print_report(made.report(), output=output)
    return made.passes.exit_code


def make_review(
    *,
    policy: str,
    bindings: str | None,
    image: str | None,
    fail_on: str,
    accept_bounds: bool,
    attack: int,
    now: datetime,
) -> Reviewed:
    """The review of a policy; what is as bad as `fail_on` keeps it from passing.

    Raises:
        Misconfigured: an input cannot be read.
    """
    attacking = Attack(count=attack)
    with Prover(attack=attacking, accept_bounds=accept_bounds) as prover:
        proving = prover if prover.start() else None  # it starts while the files are read
        named = read_policy_set(policy, bindings=bindings, image=image)
        with patience("reviewing"):
            reviewed = review(named.policies, proving, today=now.astimezone(UTC).date())
    if proving is not None:
        reviewed = replace(reviewed, assumptions=with_types(reviewed.assumptions, named.policies))
    passes = gate(reviewed.findings, fail_on=Severity[fail_on.upper()])
    question = _QUESTION.format(fail_on)
    record = record_of(question, named.inputs, now=now, assumptions=reviewed.assumptions)
    return Reviewed(
        review=reviewed,
        named=named,
        passes=passes,
        record=record,
        attacked=attacking.described,
        is_proved=proving is not None,
    )


def _report(reviewed: Review, named: NamedPolicySet, passes: Gate, record: Record) -> Report:
    several = len(reviewed.providers) > 1
    examples = {each.name: each.example for each in reviewed.providers if each.example is not None}
    per_provider = [
        section
        for each in reviewed.providers
        for section in _provider(each, of=f", through {each.name.rpartition('/')[2]}" if several else "")
    ]
    admits = [section for section in per_provider if section.table is not None]
    rest = [section for section in per_provider if section.table is None]
    return Report(
        title="review of a policy",
        about=named.described,
        answer=passes.answer,
        tone=passes.tone,
        verdict=reviewed.verdict,
        sections=(
            *admits,
            findings_section(reviewed.findings, named, near=examples),
            *rest,
            Section(title=ASSUMED, lines=reviewed.assumptions),
        ),
        record=record,
    )


def _provider(reviewed: ProviderReview, *, of: str) -> list[Section]:
    if reviewed.other_issuer:
        return [
            Section(
                title=f"what its condition alone asks{of}",
                text=f"of tokens of {reviewed.other_issuer}; what these hold is not known here",
                lines=reviewed.asks or ("nothing",),
            )
        ]
    rows = [(each.section, each.title, _values(each)) for each in reviewed.admits]
    admits = Section(title=f"what it admits{of}", table=Table(head=("", "claim", "can be"), rows=tuple(rows)))
    if not reviewed.clauses:
        return [admits]
    return [
        admits,
        Section(
            title=f"what each clause alone keeps out{of}",
            text="a token that it refuses, and every other clause would admit",
            entries=tuple(_clause(each, reviewed.example) for each in reviewed.clauses),
        ),
    ]


def _values(admits: Admits) -> str:
    values = admits.at_least or admits.values
    if values is None:
        return admits.note
    shown = ", ".join(map(rendered, values)) or admits.note
    if admits.undocumented:
        shown = f"{shown}, or a value that is not documented" if values else "a value that is not documented"
    return f"{shown} ({_SHORT_LISTS})" if admits.bounded else shown


def _clause(use: ClauseUse, example: Mapping[str, object] | None) -> Entry:
    mark, tone = _KEEPS_OUT[use.keeps_out]
    return Entry(
        mark=mark,
        tone=tone,
        text="" if use.keeps_out == "keeps-out" else use.note,
        code=use.text,
        claims=() if use.token is None else claims_that_matter(use.token, example),
        token=use.token,
    )
