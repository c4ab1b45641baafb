"""What `symbolon auditor prove` answers: whether something is true of every token that is admitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from attestation.errors import ExitCode
from attestation.issuer import ISSUER
from policy.cel import InvalidExpression, parse, walk
from policy.cel.check import Misfit, check
from policy.cel.condition import compile_condition
from policy.cel.syntax import Identifier, Node
from policy.explaining import explain
from policy.policy_set import PolicySet
from policy.proving.answers import Answer, NoneFound, Proved, Refuted, Undecided, with_types
from policy.proving.attacking import Attack
from policy.proving.named_questions import named_condition
from policy.proving.prover import Prover
from policy.proving.question_names import NAMED_QUESTIONS
from policy.proving.smt.tokens import SAMPLE
from policy.wording import rendered

from ..inputs import WrongUsage, cannot_write, check_named_once
from ..policy_files import NamedPolicySet, read_named_claims, read_policy_set
from ..progress import patience
from ..rendering import print_json
from ..reports import print_report
from ..reports.differences import claims_that_matter, inexact_paths, notes_on_numbers
from ..reports.record import record_of
from ..reports.report import Entry, Report, Section, Tone

_VACUOUS: Final = "nobody is admitted at all: it is so of every admitted token, since there is none"
BOUNDED: Final = "bounded: lists and maps longer than the proof's slots are not covered"
_SHOWN: Final[dict[type, tuple[str, Tone, ExitCode]]] = {
    Proved: ("PROVED", "good", ExitCode.YES),
    Refuted: ("REFUTED", "bad", ExitCode.ANSWERED_NO),
    Undecided: ("UNDECIDED", "warn", ExitCode.UNKNOWN),
}


def prove_policy(
    *,
    policy: str,
    that: str | None,
    question: str | None,
    sample: str | None,
    smt2: Path | None,
    accept_bounds: bool,
    documented: bool,
    attack: int,
    budget_s: float,
    output: str,
    now: datetime,
) -> ExitCode:
    """The answer to `that`, a condition, or to the named `question` stands on standard output.

    Raises:
        WrongUsage: `that` is no condition, or the question has no script.
        Misconfigured: an input cannot be read, or is not one that Google would accept.
    """
    check_named_once(policy, sample)
    check_expression("--that", that)
    if smt2 is not None and question == "never-errors":
        raise WrongUsage("`never-errors` asks for no condition, so it has no script", hint="leave out --smt2")
    beside, near = (None, SAMPLE) if sample is None else read_named_claims(sample)
    with Prover(
        budget_s=budget_s,
        sample=near,
        accept_bounds=accept_bounds,
        documented=documented,
        attack=Attack(count=attack),
    ) as prover:
        prover.start()
        named = read_policy_set(policy)
        if smt2 is not None:
            _write(smt2, prover.to_smt2(named.policies, _formula(named.policies, that, question)))
        with patience("proving"):
            if that is not None:
                answer = prover.prove(named.policies, that)
            else:
                answer = prover.prove_named(named.policies, str(question))
            asks_of_tokens = question not in ("satisfiable", "never-errors")
            vacuous = (
                isinstance(answer, Proved)
                and asks_of_tokens
                and isinstance(prover.find_admitted(named.policies), NoneFound)
            )
    if isinstance(answer, Proved) and answer.example is None:
        answer = replace(answer, assumptions=with_types(answer.assumptions, named.policies))
    asked = that if that is not None else NAMED_QUESTIONS[str(question)]
    record = record_of(
        f"is it so of every admitted token: {asked}",
        [("policy", named.policy), ("sample", beside)],
        now=now,
        assumptions=answer.assumptions if isinstance(answer, Proved) else (),
    )
    notes = [] if that is None else [sentence_of(each) for each in misspelt(parse(that), named.policies)]
    if output == "json":
        document = document_of(answer, vacuous=vacuous) | ({"notes": notes} if notes else {})
        print_json(document | {"record": record.document()})
    else:
        report = _report(answer, named, asked, that, sample=near, vacuous=vacuous)
        beside_that = Section(title="beside that", lines=tuple(notes))
        print_report(replace(report, sections=(*report.sections, beside_that), record=record), output=output)
    return ExitCode.UNKNOWN if vacuous else _SHOWN[type(answer)][2]


def check_expression(option: str, text: str | None) -> None:
    """The text typed after `option` is CEL, or there is none.

    Raises:
        WrongUsage: it is not; the message has the place in it.
    """
    if text is not None and not text.strip():
        raise WrongUsage(f"`{option}`: there is nothing in it", hint="write a condition, or `true`")
    try:
        if text is not None:
            compile_condition(text)
    except InvalidExpression as invalid:
        raise WrongUsage(f"`{option}`: {invalid.message}", hint=invalid.hint) from invalid


def document_of(answer: Answer, *, vacuous: bool) -> dict[str, object]:
    """The answer as `--format json` shows it; what a bare condition's token is mapped to comes with it.

    `vacuous`: it is proved because nobody is admitted.
    """
    document: dict[str, object] = {
        "verdict": "vacuous" if vacuous else _SHOWN[type(answer)][0].lower(),
        "counterexample": None,
        "assumptions": [],
        "bounded": False,
        "attacked": "",
        "reason": "",
    }
    match answer:
        case Proved():
            document |= {"assumptions": list(answer.assumptions), "bounded": answer.bounded}
            document["attacked"] = answer.attacked
            document["reason"] = _VACUOUS if vacuous else ""
        case Refuted():
            reason = "nobody is admitted" if answer.token is None else "this token is admitted"
            mapped = {"google": answer.google, "attribute": answer.attribute}
            document |= {"counterexample": answer.token, "reason": reason}
            document |= {name: values for name, values in mapped.items() if values}
            document |= {"inexact": list(paths)} if (paths := inexact_paths(answer.token or {})) else {}
        case Undecided():
            document |= {"assumptions": list(answer.assumptions), "bounded": answer.bounded}
            document["reason"] = answer.reason
    return document


def misspelt(tree: Node, policies: PolicySet) -> list[Misfit]:
    """What `tree` reads that is no documented claim; of another issuer's tokens nothing is known."""
    if any(each.issuer != ISSUER for each in policies.providers):
        return []
    return [found for found in check(tree) if found.rule == "unknown-claim"]


def sentence_of(found: Misfit) -> str:
    """What is wrong, with its hint, in one line."""
    return f"{found.message}: {found.hint}" if found.hint else found.message


def _formula(policies: PolicySet, that: str | None, question: str | None) -> str:
    """The condition that is to be true of every admitted token: only a condition has a script."""
    if that is not None:
        return that
    if question == "satisfiable":
        return "false"
    return named_condition(policies, str(question))


def _write(path: Path, script: str) -> None:
    try:
        path.write_text(script, encoding="utf-8")
    except OSError as error:
        raise cannot_write(str(path), error) from error


def _report(
    answer: Answer,
    named: NamedPolicySet,
    asked: str,
    that: str | None,
    *,
    sample: Mapping[str, object],
    vacuous: bool,
) -> Report:
    word, tone, _ = _SHOWN[type(answer)]
    sections: list[Section] = [Section(title="asked", code=that)] if that is not None else []
    match answer:
        case Proved():
            verdict = "it is so of every admitted token" if that is not None else asked
            if vacuous:
                word, tone, verdict = "VACUOUS", "warn", _VACUOUS
            if answer.example is not None:
                sections.append(Section(title="for example", entries=(_token(answer.example, sample),)))
            lines = answer.assumptions + ((BOUNDED,) if answer.bounded else ())
            sections.append(Section(title="assumed", lines=lines))
            if answer.attacked:
                sections.append(Section(title="beside the proof", lines=(answer.attacked,)))
        case Refuted(token=None):
            verdict = "nobody is admitted"
        case Refuted():
            verdict = f"not so: {asked}" if that is None else "a token is admitted of which it is not true"
            assert answer.token is not None  # noqa: S101  the case before
            entry = _token(answer.token, sample, google=answer.google, attribute=answer.attribute)
            entry = replace(entry, notes=(*_why_not(that, answer), *entry.notes))
            sections.append(Section(title="counterexample", entries=(entry,)))
        case Undecided():
            verdict = answer.reason
            sections.append(Section(title="it would be proved, if assumed", lines=answer.assumptions))
    return Report(
        title="proof about a policy",
        about=named.policy.name,
        answer=word,
        tone=tone,
        verdict=verdict,
        sections=tuple(sections),
    )


def _why_not(that: str | None, answer: Refuted) -> tuple[tuple[str, str], ...]:
    """What the token says instead, where all that the condition reads is shown with it."""
    if that is None or answer.token is None:
        return ()
    shown = {"google": answer.google, "attribute": answer.attribute}
    names = [node.name for node, _ in walk(parse(that)) if isinstance(node, Identifier)]
    if not all(shown.get(name, True) for name in names):
        return ()
    clauses = explain(that, assertion=answer.token, google=answer.google, attribute=answer.attribute).clauses
    return tuple(("not so", clause.reason) for clause in clauses if clause.outcome != "true")


def _token(
    token: Mapping[str, object], sample: Mapping[str, object], **mapped: Mapping[str, object]
) -> Entry:
    claims = claims_that_matter(token, sample, times=True)
    claims += tuple(
        (f"{root}.{name}", rendered(value))
        for root, values in mapped.items()
        for name, value in values.items()
    )
    return Entry(
        mark="admitted",
        tone="plain",
        text="" if claims else "a usual production token",
        claims=claims,
        token=token,
        shows="a token that differs from the sample in" if claims else "",
        notes=notes_on_numbers(token),
    )
