"""Findings as entries of a report, and what all of them come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from attestation.errors import ExitCode
from policy.findings import Finding, Severity

from ..policy_files import NamedPolicySet
from .differences import claims_that_matter
from .locating import locate
from .report import Entry, Section, Tone

_TONES: Final[dict[Severity, Tone]] = {
    Severity.CRITICAL: "bad",
    Severity.HIGH: "bad",
    Severity.MEDIUM: "warn",
    Severity.LOW: "warn",
    Severity.WARNING: "plain",
    Severity.INFO: "plain",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Whether findings let a policy pass: none that nobody waived is as bad as `fail_on`, or worse."""

    exit_code: ExitCode
    answer: str
    tone: Tone

    @property
    def verdict(self) -> str:
        """`pass`, `fail` or `undecided`, for a program."""
        return {ExitCode.YES: "pass", ExitCode.ANSWERED_NO: "fail"}.get(self.exit_code, "undecided")


def gate(findings: Iterable[Finding], *, fail_on: Severity) -> Gate:
    """The gate of these findings: an undecided one does not pass either, and has its own exit code."""
    bad = [each for each in findings if each.waiver is None and each.severity >= fail_on]
    if any(each.decided for each in bad):
        return Gate(exit_code=ExitCode.ANSWERED_NO, answer="FAIL", tone="bad")
    if bad:
        return Gate(exit_code=ExitCode.UNKNOWN, answer="NOT DECIDED", tone="warn")
    return Gate(exit_code=ExitCode.YES, answer="PASS", tone="good")


def findings_section(
    findings: Iterable[Finding],
    named: NamedPolicySet,
    *,
    near: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
) -> Section:
    """The findings; `near` has a token that each provider admits, and of others the differences are shown."""
    entries = [finding_entry(each, named, near=near.get(each.provider)) for each in findings]
    return Section(title="findings", entries=tuple(entries))


def finding_entry(
    finding: Finding, named: NamedPolicySet, *, near: Mapping[str, object] | None = None
) -> Entry:
    """The finding; of its token, the claims in which it differs from the token `near`."""
    notes = [("instead", finding.hint)] if finding.hint else []
    if finding.waiver is not None:
        waiver = finding.waiver
        notes.append(("waived", f"until {waiver.expires} by {waiver.owner}: {waiver.reason}"))
    if finding.provider and len(named.policies.providers) > 1:
        notes.append(("provider", finding.provider))
    claims = () if finding.token is None else claims_that_matter(finding.token, near)
    if finding.token is not None and not claims:
        notes.insert(0, ("it admits", "for example a usual production token, of nobody in particular"))
    place = locate(finding, named)
    if finding.span is not None and place.region is None and finding.place != "condition":
        notes.append(("in", finding.place))
    return Entry(
        mark=finding.severity.label,
        tone=_TONES[finding.severity] if finding.waiver is None else "plain",
        label=finding.rule,
        text=finding.message,
        code=finding.excerpt,
        where=place.described if place.region is not None else "",
        claims=claims,
        token=finding.token,
        shows="it admits, for example" if claims else "",
        notes=tuple(notes),
    )
