"""What `symbolon auditor review` and `symbolon owner policy lint` answer: a policy, read by every rule."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from attestation.errors import ExitCode
from policy.admitting import Admits
from policy.findings import Finding, Severity
from policy.linting import cases_of, lint_cases
from policy.proving.attacking import Attack
from policy.proving.prover import Prover
from policy.reviewing import ClauseUse, ProviderReview, Review, assumptions_of, review
from policy.wording import rendered

from ..policy_files import NamedPolicySet, read_policy_set
from ..progress import patience
from ..rendering import print_json
from ..reports import print_report
from ..reports.differences import claims_that_matter
from ..reports.entries import Gate, finding_entry, gate
from ..reports.record import Record, record_of
from ..reports.report import Entry, Report, Section, Table, Tone

_KEEPS_OUT: Final[dict[str, tuple[str, Tone]]] = {
    "keeps-out": ("keeps out", "good"),
    "nothing": ("nothing", "warn"),
    "undecided": ("undecided", "warn"),
}

_ASSUMED: Final = "what is assumed of the issuer"
_REVIEW: Final = "what does it admit, what is wrong with it, and what is each clause for? (no: {} or worse)"
_LINT: Final = "what do the rules find? (no: {} or worse)"
_SHORT_LISTS: Final = "as far as short lists go: longer ones are not covered"


def review_policy(
    *,
    policy: str,
    bindings: str | None,
    image: str | None,
    fail_on: str,
    attack: int,
    output: str,
    now: datetime,
) -> ExitCode:
    """The review stands on standard output; what is as bad as `fail_on` makes the answer no.

    Raises:
        Misconfigured: an input cannot be read.
    """
    attacking = Attack(count=attack)
    with Prover(attack=attacking) as prover:
        proving = prover if prover.start() else None  # it starts while the files are read
        named = read_policy_set(policy, bindings=bindings, image=image)
        with patience("reviewing"):
            reviewed = review(named.policies, proving, today=now.astimezone(UTC).date())
    passes = gate(reviewed.findings, fail_on=Severity[fail_on.upper()])
    record = _record(_REVIEW.format(fail_on), named, now=now, assumptions=reviewed.assumptions)
    if output == "json":
        document = {"verdict": passes.verdict, **reviewed.document(), "attacked": attacking.described}
        print_json(document | {"record": record.document()})
    elif output == "sarif":
        _print_sarif(reviewed.findings, named, record)
    else:
        report = _review_report(reviewed, named, passes, record)
        if proving is not None:
            beside_the_proofs = Section(title="beside the proofs", lines=(attacking.described,))
            report = replace(report, sections=(*report.sections, beside_the_proofs))
        print_report(report, output=output)
    return passes.exit_code


def lint_policy(
    *, policy: str, bindings: str | None, image: str | None, fail_on: str, output: str, now: datetime
) -> ExitCode:
    """The findings stand on standard output; what is as bad as `fail_on` makes the answer no.

    Raises:
        Misconfigured: an input cannot be read.
    """
    with Prover() as prover:
        proving = prover if prover.start() else None
        named = read_policy_set(policy, bindings=bindings, image=image)
        with patience("checking the rules"):
            cases = cases_of(named.policies, proving)
            findings = lint_cases(cases, today=now.astimezone(UTC).date())
    passes = gate(findings, fail_on=Severity[fail_on.upper()])
    record = _record(_LINT.format(fail_on), named, now=now, assumptions=assumptions_of(cases))
    if output == "json":
        document: dict[str, object] = {"verdict": passes.verdict, "summary": _counted(findings)}
        document |= {"findings": [each.document() for each in findings]}
        print_json(document | {"assumptions": list(record.assumptions), "record": record.document()})
    elif output == "sarif":
        _print_sarif(findings, named, record)
    else:
        report = Report(
            title="rules for a policy",
            about=_described(named),
            answer=passes.answer,
            tone=passes.tone,
            verdict=_counted(findings),
            sections=(
                _findings(findings, named, {}),
                Section(title=_ASSUMED, lines=record.assumptions),
            ),
            record=record,
        )
        print_report(report, output=output)
    return passes.exit_code


def _print_sarif(findings: Sequence[Finding], named: NamedPolicySet, record: Record) -> None:
    from ..reports.sarif import render_sarif

    sys.stdout.write(render_sarif(findings, named, record))


def _record(question: str, named: NamedPolicySet, *, now: datetime, assumptions: Sequence[str]) -> Record:
    inputs = (("policy", named.policy), ("bindings", named.bindings), ("image", named.image))
    return record_of(question, inputs, now=now, assumptions=assumptions)


def _review_report(reviewed: Review, named: NamedPolicySet, passes: Gate, record: Record) -> Report:
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
        about=_described(named),
        answer=passes.answer,
        tone=passes.tone,
        verdict=reviewed.verdict,
        sections=(
            *admits,
            _findings(reviewed.findings, named, examples),
            *rest,
            Section(title=_ASSUMED, lines=reviewed.assumptions),
        ),
        record=record,
    )


def _described(named: NamedPolicySet) -> str:
    files = [named.policy, named.bindings, named.image]
    return ", ".join("standard input" if each.name == "-" else each.name for each in files if each)


def _counted(findings: Sequence[Finding]) -> str:
    if not findings:
        return "no findings"
    waived = sum(each.waiver is not None for each in findings)
    undecided = sum(not each.decided for each in findings)
    said = [f"{len(findings)} finding{'s' if len(findings) > 1 else ''}"]
    said += [f"{waived} of them waived"] if waived else []
    said += [f"{undecided} of them not decided"] if undecided else []
    return ", ".join(said)


def _findings(
    findings: Sequence[Finding], named: NamedPolicySet, examples: Mapping[str, Mapping[str, object]]
) -> Section:
    entries = [finding_entry(each, named, near=examples.get(each.provider)) for each in findings]
    return Section(title="findings", entries=tuple(entries))


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
    return [
        Section(
            title=f"what it admits{of}",
            table=Table(head=("", "claim", "can be"), rows=tuple(rows)),
        ),
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
    shown = ", ".join(map(rendered, values))
    note = _SHORT_LISTS if admits.bounded and admits.section == "who" else admits.note
    return f"{shown} ({note})" if shown and note else shown or note


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
