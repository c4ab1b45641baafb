"""What `symbolon auditor diff` answers: whom a changed policy admits that the old one refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from attestation.errors import ExitCode
from policy.proving.answers import NoneFound, with_types
from policy.proving.attacking import Attack
from policy.proving.differing import Change, Difference, diff
from policy.proving.prover import Prover
from policy.proving.smt.tokens import SAMPLE

from ..inputs import check_named_once
from ..policy_files import read_named_claims, read_policy_set
from ..progress import patience
from ..rendering import print_json
from ..reports import print_report
from ..reports.differences import claims_that_matter, inexact_paths, notes_on_numbers
from ..reports.record import record_of
from ..reports.report import Entry, Report, Section, Tone

_SHOWN: Final[dict[str, tuple[Tone, str]]] = {
    "equivalent": ("good", "the new policy admits exactly the tokens that the old one admits"),
    "stricter": ("good", "the new policy admits nobody whom the old one refuses, and refuses more"),
    "looser": ("bad", "the new policy admits tokens that the old one refuses, and refuses no more"),
    "incomparable": ("bad", "the new policy admits tokens that the old one refuses, and refuses others"),
    "undecided": ("warn", "whether somebody is newly admitted or refused is not decided"),
}


def diff_policies(
    *,
    old: str,
    new: str,
    sample: str | None,
    accept_bounds: bool,
    documented: bool,
    attack: int,
    budget_s: float,
    output: str,
    now: datetime,
) -> ExitCode:
    """How the two differ stands on standard output; new access is the answer no.

    Raises:
        Misconfigured: one of them cannot be read, or is not one that Google would accept.
    """
    check_named_once(old, new, sample)
    beside, near = (None, SAMPLE) if sample is None else read_named_claims(sample)
    attacking = Attack(count=attack)
    with Prover(
        budget_s=budget_s,
        sample=near,
        accept_bounds=accept_bounds,
        documented=documented,
        attack=attacking,
    ) as prover:
        prover.start()
        before, after = read_policy_set(old), read_policy_set(new)
        with patience("comparing"):
            difference = diff(before.policies, after.policies, prover)
            admits_nobody = difference.newly_admitted is None and isinstance(
                prover.find_admitted(after.policies), NoneFound
            )
    is_proved = difference.verdict in ("equivalent", "stricter", "looser") and not difference.reason
    if is_proved:
        difference = replace(difference, assumptions=with_types(difference.assumptions, after.policies))
    record = record_of(
        "whom does the new policy admit that the old one refuses, and whom does it refuse?",
        [("old", before.policy), ("new", after.policy), ("sample", beside)],
        now=now,
        assumptions=difference.assumptions,
    )
    if output == "json":
        document = document_of(difference) | {"attacked": attacking.described}
        document |= {"admits_nobody": True} if admits_nobody else {}
        print_json(document | {"record": record.document()})
    else:
        report = _report(difference, f"{old} → {new}", near)
        if admits_nobody:
            report = replace(report, tone="warn", verdict=f"{report.verdict}: it admits nobody at all")
        if is_proved:
            beside_the_proof = Section(title="beside the proof", lines=(attacking.described,))
            report = replace(report, sections=(*report.sections, beside_the_proof))
        print_report(replace(report, record=record), output=output)
    if difference.newly_admitted is not None:
        return ExitCode.ANSWERED_NO
    return ExitCode.UNKNOWN if difference.grants_access else ExitCode.YES


def document_of(difference: Difference) -> dict[str, object]:
    """The difference as `--format json` shows it; where a side of it is undecided, with the reason."""
    document: dict[str, object] = {
        "verdict": difference.verdict,
        "newly_admitted": difference.newly_admitted,
        "newly_refused": difference.newly_refused,
        "assumptions": list(difference.assumptions),
        "bounded": difference.bounded,
    }
    shown = (difference.newly_admitted or {}, difference.newly_refused or {})
    inexact = sorted({path for token in shown for path in inexact_paths(token)})
    document |= {"inexact": inexact} if inexact else {}
    return document | ({"reason": difference.reason} if difference.reason else {})


def _report(difference: Difference, policies: str, near: Mapping[str, object]) -> Report:
    tone, verdict = _SHOWN[difference.verdict]
    if difference.verdict == "looser" and difference.reason:
        verdict = (
            "the new policy admits tokens that the old one refuses; whether it refuses others is undecided"
        )
    if difference.reason:
        verdict += f": {difference.reason.removeprefix('not decided: ')}"
    tokens = [
        _token("admitted", "bad", "admitted from now on", difference.newly_admitted, near),
        _token("refused", "plain", "refused from now on", difference.newly_refused, near),
    ]
    several = len({each.provider for each in difference.changes}) > 1
    bounded = ("bounded: lists and maps longer than the proof's slots are not covered",)
    return Report(
        title="difference between two policies",
        about=policies,
        answer=difference.verdict.upper(),
        tone=tone if difference.newly_admitted is None else "bad",
        verdict=verdict,
        sections=(
            Section(title="who is affected", entries=tuple(each for each in tokens if each is not None)),
            Section(
                title="what changed",
                entries=tuple(_change(each, several=several) for each in difference.changes),
            ),
            Section(title="assumed", lines=difference.assumptions + (bounded if difference.bounded else ())),
        ),
    )


def _token(
    mark: str, tone: Tone, what: str, token: Mapping[str, object] | None, near: Mapping[str, object]
) -> Entry | None:
    if token is None:
        return None
    claims = claims_that_matter(token, near, times=True)
    return Entry(
        mark=mark,
        tone=tone,
        text="" if claims else f"{what}: a usual production token",
        claims=claims,
        token=token,
        shows=f"{what}, for example, is a token with" if claims else "",
        notes=notes_on_numbers(token),
    )


def _change(change: Change, *, several: bool) -> Entry:
    notes = (("provider", change.provider),) if several else ()
    if not change.before:
        return Entry(mark="added", tone="plain", text="", code=change.after, notes=notes)
    if not change.after:
        return Entry(mark="removed", tone="warn", text="", code=change.before, notes=notes)
    notes = (("was", f"`{change.before}`"), *notes)
    return Entry(mark="changed", tone="warn", text="", code=change.after, notes=notes)
