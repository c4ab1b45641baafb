"""What `symbolon owner policy test` answers: tokens with the decisions that the owner expects of them.

A folder of tests has two folders, `admit` and `deny`; each file in them is a token, or its claims as JSON.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from attestation.errors import ExitCode, Misconfigured, quoted
from policy.policy_set import PolicySet
from policy.provider import Provider
from policy.proving.answers import Found, NoneFound, Undecided
from policy.proving.generating_tests import Failing, Generated, Unseen, generate, run_cases
from policy.proving.generating_tests import Report as Tested
from policy.proving.prover import Prover

from ..inputs import cannot_write
from ..judging import DECISIONS, judge
from ..policies import NamedPolicy
from ..policy_files import NamedText, read_named_claims, read_policy_set
from ..progress import patience
from ..rendering import print_json
from ..reports import print_report
from ..reports.differences import claims_that_matter
from ..reports.record import record_of
from ..reports.report import Entry, Report, Section

_EXPECTED: Final = {"admit": True, "deny": False}
_MARKS: Final = {"admitted": "admitted", "refused": "denied", "unknown": "not known"}
_ENDINGS: Final = (".json", ".jwt")


def run_tests(*, policy: str, folder: Path | None, output: str, now: datetime) -> ExitCode:
    """What became of each token of the folder stands on standard output, and what no token has tried.

    Raises:
        Misconfigured: there is no test, or something cannot be read.
        EvidenceRejected: a file is neither a token nor its claims.
    """
    named = read_policy_set(policy)
    cases = _cases(folder or Path(policy).with_suffix(".tests"))
    expected = {name: (token, admit) for name, (_, token, admit) in cases.items()}
    tested = run_cases(named.policies, expected)
    record = record_of(
        "is every token decided as the folder that it is in says?",
        [("policy", named.policy), *(("token", text) for text, _, _ in cases.values())],
        now=now,
    )
    if output == "json":
        print_json(_tested_document(tested) | {"record": record.document()})
    else:
        tokens = {name: token for name, (_, token, _) in cases.items()}
        report = _tested_report(tested, policy, tokens)
        print_report(replace(report, record=record), output=output)
    if tested.passed:
        return ExitCode.YES
    wrong = any(not each.passed and each.outcome != "unknown" for each in tested.results)
    return ExitCode.ANSWERED_NO if wrong else ExitCode.UNKNOWN


def generate_tests(*, policy: str, folder: Path, output: str, now: datetime) -> ExitCode:
    """The folder, new or empty, holds a token that is admitted, and for every clause one that fails only it.

    Raises:
        Misconfigured: the folder cannot be written, or the policy cannot be read.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Misconfigured(f"{quoted(str(folder))} is there already", hint="name a new or an empty folder")
    with Prover() as prover:
        prover.start()
        named = read_policy_set(policy)
        with patience("making tokens"):
            generated = generate(named.policies, prover)
    several = len(named.policies.providers) > 1
    files = dict(_files(generated, named.policies, several=several))
    try:
        _write(folder, files)
    except OSError as error:
        raise cannot_write(str(folder), error) from error
    question = "which token is admitted, and which one fails each clause alone?"
    record = record_of(question, [("policy", named.policy)], now=now)
    if output == "json":
        print_json(_generated_document(generated, files) | {"record": record.document()})
    else:
        report = _generated_report(generated, policy, folder, files)
        print_report(replace(report, record=record), output=output)
    if isinstance(generated.admitted, NoneFound):
        return ExitCode.ANSWERED_NO
    undecided = isinstance(generated.admitted, Undecided) or any(each.reason for each in generated.failing)
    return ExitCode.UNKNOWN if undecided else ExitCode.YES


def _write(folder: Path, files: Mapping[str, object]) -> None:
    """The folder, new or empty, has all the files, or, with the error, none of them.

    Raises:
        OSError
    """
    made = [folder / name for name in _EXPECTED] if folder.exists() else [folder]
    try:
        for name in _EXPECTED:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, token in files.items():
            (folder / name).write_text(json.dumps(token, indent=2) + "\n", encoding="utf-8")
    except OSError:
        for each in made:
            shutil.rmtree(each, ignore_errors=True)
        raise


def _cases(folder: Path) -> dict[str, tuple[NamedText, Mapping[str, object], bool]]:
    cases = {
        f"{name}/{file.name}": (*read_named_claims(str(file)), expected)
        for name, expected in _EXPECTED.items()
        for file in sorted((folder / name).glob("*"))
        if file.suffix in _ENDINGS
    }
    if not cases:
        raise Misconfigured(
            f"no test in {quoted(str(folder))}",
            hint="put tokens into its folders `admit` and `deny`, or make some with --generate",
        )
    return cases


def _tested_document(tested: Tested) -> dict[str, object]:
    return {
        "verdict": "pass" if tested.passed else "fail",
        "passed": tested.passed,
        "results": [
            {
                "name": each.name,
                "decision": DECISIONS[each.outcome],
                "admitted": each.outcome == "admitted",
                "expected": each.expected,
                "passed": each.passed,
            }
            for each in tested.results
        ],
        "unseen": [
            {
                "provider": each.provider,
                "text": each.text,
                "span": list(each.span),
                "missing": list(each.missing),
            }
            for each in tested.unseen
        ],
    }


def _tested_report(tested: Tested, policy: str, tokens: Mapping[str, Mapping[str, object]]) -> Report:
    failed = [each for each in tested.results if not each.passed]
    several = len({each.provider for each in tested.unseen}) > 1
    count = f"{len(tested.results)} token{'s' if len(tested.results) > 1 else ''}"
    wrong = [
        Entry(
            mark=_MARKS[each.outcome],
            tone="bad",
            label=each.name,
            text=f"it should be {'admitted' if each.expected else 'denied'}",
            claims=claims_that_matter(tokens[each.name]),
            token=tokens[each.name],
            shows="it differs from a usual production token in",
        )
        for each in failed
    ]
    verdict = (
        f"{count}, each decided as expected" if not failed else f"{len(failed)} of {count} came out wrong"
    )
    return Report(
        title="tests of a policy",
        about=policy,
        answer="FAIL" if failed else "PASS",
        tone="bad" if failed else "good",
        verdict=verdict,
        sections=(
            Section(title="decided otherwise than expected", entries=tuple(wrong)),
            Section(
                title="never tried by any token",
                entries=tuple(_unseen(each, several=several) for each in tested.unseen),
            ),
        ),
    )


def _unseen(unseen: Unseen, *, several: bool) -> Entry:
    never = " nor ".join(str(each).lower() for each in unseen.missing)
    notes = (("provider", unseen.provider),) if several else ()
    return Entry(mark=f"never {never}", tone="warn", text="", code=unseen.text, notes=notes)


def _files(
    generated: Generated, policies: PolicySet, *, several: bool
) -> Iterator[tuple[str, Mapping[str, object]]]:
    if isinstance(generated.admitted, Found):
        token = generated.admitted.token
        admitting = (each.name for each in policies.active if judge(_asked(each), token).admitted)
        yield "admit/production.json", _made_for(next(admitting, ""), token, policies)
    for number, each in _numbered(generated.failing):
        if each.token is not None:
            provider = f"{each.provider.rpartition('/')[2]}-" if several else ""
            token = _made_for(each.provider, each.token, policies)
            yield f"deny/{provider}clause-{number}.json", token


def _made_for(name: str, token: Mapping[str, object], policies: PolicySet) -> Mapping[str, object]:
    """The token by the provider's issuer and for its audience, unless a clause would answer otherwise.

    So STS would get as far as the condition with it, and `auditor explain` does.
    """
    if policies.kind == "condition":
        return token
    for provider in policies.active:
        if provider.name == name:
            made = {**token, "iss": provider.issuer, "aud": provider.audiences[0]}
            asked = _asked(provider)
            return made if _outcomes(asked, made) == _outcomes(asked, token) else token
    return token


def _asked(provider: Provider) -> NamedPolicy:
    return NamedPolicy(described="", condition=provider.condition, provider=provider)


def _outcomes(policy: NamedPolicy, token: Mapping[str, object]) -> list[str]:
    return [clause.outcome for clause in judge(policy, token).clauses]


def _numbered(failing: tuple[Failing, ...]) -> Iterator[tuple[int, Failing]]:
    """Each clause with its number in its provider's condition, from 1."""
    counts: dict[str, int] = {}
    for each in failing:
        counts[each.provider] = counts.get(each.provider, 0) + 1
        yield counts[each.provider], each


def _generated_document(generated: Generated, files: Mapping[str, object]) -> dict[str, object]:
    return {
        "admitted": isinstance(generated.admitted, Found),
        "reason": generated.admitted.reason if isinstance(generated.admitted, Undecided) else "",
        "files": list(files),
        "clauses": [
            {
                "provider": each.provider,
                "text": each.clause,
                "span": list(each.span),
                "verdict": _verdict(each),
                "reason": each.reason,
            }
            for each in generated.failing
        ],
    }


def _verdict(failing: Failing) -> str:
    if failing.token is not None:
        return "token"
    return "elsewhere" if failing.elsewhere else "redundant" if failing.redundant else "undecided"


def _generated_report(generated: Generated, policy: str, folder: Path, files: Mapping[str, object]) -> Report:
    without = [each for each in generated.failing if each.token is None]
    why_not = ""
    match generated.admitted:
        case Found():
            answer = f"{len(files)} TOKENS"
        case NoneFound():
            answer = "NOBODY ADMITTED"
        case Undecided() as undecided:
            answer, why_not = "NOT DECIDED", undecided.reason
    return Report(
        title="tests made from a policy",
        about=policy,
        answer=answer,
        tone="good" if isinstance(generated.admitted, Found) else "bad",
        verdict=f"written into {folder}: run them with `symbolon owner policy test {policy} {folder}`",
        sections=(
            Section(title="why there is no token that is admitted", text=why_not),
            Section(title="files", lines=tuple(files)),
            Section(title="clauses that no token fails alone", entries=tuple(map(_without, without))),
        ),
    )


def _without(failing: Failing) -> Entry:
    if failing.redundant:
        because = f", since {' and '.join(failing.assumptions)}" if failing.assumptions else ""
        text = f"the other clauses refuse all that it does{because}"
        return Entry(mark="redundant", tone="warn", text=text, code=failing.clause)
    if failing.elsewhere:
        text = "another provider admits every token that it alone refuses"
        return Entry(mark="elsewhere", tone="warn", text=text, code=failing.clause)
    return Entry(mark="undecided", tone="warn", text=failing.reason, code=failing.clause)
