"""What the auditor types: `symbolon auditor explain`."""

from __future__ import annotations

import time

from attestation.errors import ExitCode, Misconfigured

from .evidence import Evidence, read_evidence
from .inputs import parse_time
from .judging import Judgement, judge
from .policies import NamedPolicy, read_policy
from .rendering import clause_lines, console, print_json, printable, styled


def explain_token(
    *, policy: str, token: str, jwks: str | None, root: str | None, at: str | None, output: str
) -> ExitCode:
    """The policy's answer to the token stands on standard output, clause by clause.

    Raises:
        EvidenceRejected: the token itself is not what it claims to be.
        Misconfigured: an input cannot be read, or the policy is not one that Google would accept.
    """
    if [policy, token, jwks, root].count("-") > 1:
        raise Misconfigured("standard input (`-`) is named twice", hint="put one of the two into a file")
    now = time.time() if at is None else parse_time(at)
    asked = read_policy(policy)
    evidence = read_evidence(token, jwks=jwks, root=root, provider=asked.provider, now=now)
    judgement = judge(asked, evidence.claims)
    if output == "json":
        print_json(judgement.document())
    else:
        _print(asked, evidence, judgement)
    return ExitCode.YES if judgement.admitted else ExitCode.ANSWERED_NO


def _print(policy: NamedPolicy, evidence: Evidence, judgement: Judgement) -> None:
    terminal = console()
    if judgement.admitted:
        hold = f"all {len(judgement.clauses)} clauses hold" if judgement.clauses else "it has no condition"
        terminal.print(styled(("ADMIT", "bold green"), f"  {hold}"))
    else:
        count = f"{len(judgement.failing)} of {len(judgement.clauses)} clauses"
        terminal.print(
            styled(("DENY", "bold red"), f"  {count} {'does' if count[:2] == '1 ' else 'do'} not hold")
        )
    terminal.print(styled("token   ", (evidence.described, "" if evidence.verified else "bold")))
    named = "" if policy.provider is None else f" {policy.provider.name}"
    terminal.print(printable(f"policy  {policy.described}{named}"))
    terminal.print()
    for clause in judgement.clauses:
        for line in clause_lines(clause):
            terminal.print(line)
