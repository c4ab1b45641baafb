"""What the auditor types: `symbolon auditor explain`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from attestation.errors import EvidenceRejected, ExitCode, printable, quoted
from policy.deciding import Outcome, sum_of

from ..handed_tokens import HandedToken, TokenClaims, moment, read_token
from ..inputs import WrongUsage, check_named_once
from ..judging import DECISIONS, Judgement, judge
from ..policies import NamedPolicy, read_policies
from ..rendering import Styled, clause_lines, console, print_json, styled
from ..reports.record import Record, record_of

_EXIT_CODES: Final[Mapping[Outcome, ExitCode]] = {
    "admitted": ExitCode.YES,
    "refused": ExitCode.ANSWERED_NO,
    "unknown": ExitCode.UNKNOWN,
}
_WORDS: Final[Mapping[Outcome, tuple[str, str]]] = {
    "admitted": ("ADMIT", "bold green"),
    "refused": ("DENY", "bold red"),
    "unknown": ("UNKNOWN", "bold yellow"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What one provider of several says of the token; `judgement` is None when it does not take it."""

    provider: str
    claims: TokenClaims | None
    judgement: Judgement | None
    rejection: EvidenceRejected | None

    @property
    def outcome(self) -> Outcome:
        return "refused" if self.judgement is None else self.judgement.outcome

    def document(self) -> dict[str, object]:
        """The answer as `--format json` shows it."""
        if self.judgement is not None:
            return {"provider": self.provider, **self.judgement.document()}
        assert self.rejection is not None  # noqa: S101  it is the one or the other
        return {
            "provider": self.provider,
            "decision": "deny",
            "clauses": [],
            "rejected": {"code": self.rejection.code, "message": self.rejection.message},
        }


def explain_token(
    *,
    policy: str,
    token: str,
    jwks: str | None,
    root: str | None,
    at: float | None,
    output: str,
    now: datetime,
    audience: str | None = None,
) -> ExitCode:
    """The policy's answer to the token stands on standard output, clause by clause, with its record.

    It is about the moment `at`, else `now`. Of several providers each answers, and one that admits is
    enough.

    Raises:
        WrongUsage: `at` is no time, or `audience` is empty.
        EvidenceRejected: the token itself is not what it claims to be, to any of them.
        Misconfigured: an input cannot be read, or the policy is not one that Google would accept.
    """
    check_named_once(policy, token, jwks, root)
    if audience == "":
        raise WrongUsage("`--audience` names nobody", hint="leave it out to ask as STS asks")
    then = now.timestamp() if at is None else at
    file, asked = read_policies(policy)
    handed = read_token(token, jwks=jwks, root=root, audience=audience)
    assumed = dict.fromkeys(label for each in asked for label in handed.assumptions(each.provider))
    record = record_of(
        _question(then, audience), [("policy", file), *handed.inputs], now=now, assumptions=tuple(assumed)
    )
    if len(asked) > 1:
        return _explain_to_several(asked, handed, record, then=then, output=output)
    claims = handed.check(asked[0].provider, now=then)
    judgement = judge(asked[0], claims.claims)
    if output == "json":
        print_json(judgement.document() | claims.document() | {"record": record.document()})
    else:
        _print(asked[0], claims, judgement)
        _print_record(record)
    return _EXIT_CODES[judgement.outcome]


def _question(then: float, audience: str | None) -> str:
    of = "" if audience is None else f" that is for {quoted(audience, most_characters=200)}"
    return f"does the policy admit the token{of}, as of {moment(then)}?"


def _explain_to_several(
    asked: Sequence[NamedPolicy], handed: HandedToken, record: Record, *, then: float, output: str
) -> ExitCode:
    answers = [_answer(each, handed, now=then) for each in asked]
    if all(each.rejection is not None for each in answers):
        raise _of_all([each.rejection for each in answers if each.rejection is not None])
    outcome = sum_of([each.outcome for each in answers])
    if output == "json":
        providers = [each.document() for each in answers]
        print_json({"decision": DECISIONS[outcome], "providers": providers, "record": record.document()})
    else:
        _print_several(asked[0].described, answers, outcome)
        _print_record(record)
    return _EXIT_CODES[outcome]


def _answer(policy: NamedPolicy, handed: HandedToken, *, now: float) -> _Answer:
    assert policy.provider is not None  # noqa: S101  only providers come in number
    name = policy.provider.name
    try:
        claims = handed.check(policy.provider, now=now)
    except EvidenceRejected as rejection:
        return _Answer(provider=name, claims=None, judgement=None, rejection=rejection)
    return _Answer(provider=name, claims=claims, judgement=judge(policy, claims.claims), rejection=None)


def _of_all(rejections: Sequence[EvidenceRejected]) -> EvidenceRejected:
    """The first of them, with the hints of all: what another provider would accept is another hint."""
    first = rejections[0]
    first.hint = "; ".join(dict.fromkeys(each.hint for each in rejections if each.hint))
    return first


def _print(policy: NamedPolicy, claims: TokenClaims, judgement: Judgement) -> None:
    terminal = console()
    word, style, comes_to = _in_short(judgement)
    terminal.print(styled((word, style), f"  {comes_to}"))
    terminal.print(_described(claims))
    named = "" if policy.provider is None else f" {policy.provider.name}"
    terminal.print(printable(f"policy  {policy.described}{named}"))
    terminal.print()
    for clause in judgement.clauses:
        for line in clause_lines(clause):
            terminal.print(line)


def _print_several(described: str, answers: Sequence[_Answer], outcome: Outcome) -> None:
    terminal = console()
    admitting = sum(each.outcome == "admitted" for each in answers)
    word, style = _WORDS[outcome]
    terminal.print(styled((word, style), f"  {admitting or 'none'} of {len(answers)} providers admits it"))
    claims = next(each.claims for each in answers if each.claims is not None)
    terminal.print(_described(claims))
    terminal.print(f"policy  {described}, whose admissions add up")
    for each in answers:
        terminal.print()
        if each.judgement is None:
            assert each.rejection is not None  # noqa: S101  it is the one or the other
            terminal.print(styled(("REJECTED", "bold red"), f"  {printable(each.provider)}"))
            terminal.print(printable(f"         {each.rejection.message}"))
            continue
        word, style, comes_to = _in_short(each.judgement)
        terminal.print(styled((word, style), f"  {printable(each.provider)}: {comes_to}"))
        for clause in each.judgement.clauses:
            for line in clause_lines(clause):
                terminal.print(line)


def _print_record(record: Record) -> None:
    """The record, with what it takes for granted, which stands nowhere else in this answer."""
    from ..reports.human import print_record

    print_record(record)


def _in_short(judgement: Judgement) -> tuple[str, str, str]:
    """The decision as a word, that word's style, and what it comes from."""
    if judgement.admitted:
        hold = f"all {len(judgement.clauses)} clauses hold" if judgement.clauses else "it has no condition"
        return *_WORDS["admitted"], hold
    if judgement.outcome == "unknown":
        return *_WORDS["unknown"], f"not known whether Google admits it: {judgement.unknown}"
    count = f"{len(judgement.failing)} of {len(judgement.clauses)} clauses"
    return *_WORDS["refused"], f"{count} {'does' if count[:2] == '1 ' else 'do'} not hold"


def _described(claims: TokenClaims) -> Styled:
    return styled("token   ", (claims.described, "" if claims.verified else "bold"))
