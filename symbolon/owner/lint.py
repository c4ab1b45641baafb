"""What `symbolon owner policy lint` answers: a policy, held against every rule."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from attestation.errors import ExitCode
from policy.findings import Finding, Severity
from policy.linting import dossiers_of, lint_dossiers
from policy.proving.answers import with_types
from policy.proving.prover import Prover
from policy.reviewing import assumptions_of

from ..policy_files import read_policy_set
from ..progress import patience
from ..rendering import print_json
from ..reports import print_report
from ..reports.entries import findings_section, gate
from ..reports.record import record_of
from ..reports.report import ASSUMED, Report, Section

_QUESTION: Final = "what do the rules find? (no: {} or worse)"


def lint_policy(
    *,
    policy: str,
    bindings: str | None,
    image: str | None,
    fail_on: str,
    accept_bounds: bool,
    output: str,
    now: datetime,
) -> ExitCode:
    """The findings stand on standard output; what is as bad as `fail_on` makes the answer no.

    Raises:
        Misconfigured: an input cannot be read.
    """
    with Prover(accept_bounds=accept_bounds) as prover:
        proving = prover if prover.start() else None  # it starts while the files are read
        named = read_policy_set(policy, bindings=bindings, image=image)
        with patience("checking the rules"):
            dossiers = dossiers_of(named.policies, proving)
            findings = lint_dossiers(dossiers, today=now.astimezone(UTC).date())
    passes = gate(findings, fail_on=Severity[fail_on.upper()])
    question = _QUESTION.format(fail_on)
    assumptions = assumptions_of(dossiers)
    if proving is not None:
        assumptions = with_types(assumptions, named.policies)
    record = record_of(question, named.inputs, now=now, assumptions=assumptions)
    if output == "json":
        document: dict[str, object] = {"verdict": passes.verdict, "summary": _counted(findings)}
        document |= {"findings": [each.document() for each in findings]}
        print_json(document | {"assumptions": list(record.assumptions), "record": record.document()})
    elif output == "sarif":
        from ..reports.sarif import render_sarif

        sys.stdout.write(render_sarif(findings, named, record))
    else:
        report = Report(
            title="rules for a policy",
            about=named.described,
            answer=passes.answer,
            tone=passes.tone,
            verdict=_counted(findings),
            sections=(
                findings_section(findings, named),
                Section(title=ASSUMED, lines=record.assumptions),
            ),
            record=record,
        )
        print_report(report, output=output)
    return passes.exit_code


def _counted(findings: Sequence[Finding]) -> str:
    if not findings:
        return "no findings"
    waived = sum(each.waiver is not None for each in findings)
    undecided = sum(not each.decided for each in findings)
    said = [f"{len(findings)} finding{'s' if len(findings) > 1 else ''}"]
    said += [f"{waived} of them waived"] if waived else []
    said += [f"{undecided} of them not decided"] if undecided else []
    return ", ".join(said)
