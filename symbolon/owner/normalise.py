"""What `symbolon owner policy normalise` answers: the policy's condition in its one canonical form."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from attestation.errors import ExitCode
from policy.normalising import normalise
from policy.policy_set import PolicySet
from policy.provider import Provider
from policy.proving.differing import Difference, diff
from policy.proving.prover import Prover

from ..policy_files import read_policy_set
from ..progress import patience
from ..rendering import console, print_json, printable_lines, styled
from ..reports.record import record_of


def normalise_policy(*, policy: str, output: str, now: datetime) -> ExitCode:
    """The canonical conditions stand on standard output, each proved to admit what its original admits.

    In JSON they have the record of that proof; for people they are CEL alone, which is copied as it is.

    Raises:
        Misconfigured: the policy cannot be read, or is not one that Google would accept.
    """
    with Prover() as prover:
        prover.start()
        named = read_policy_set(policy)
        policies = named.policies
        conditions = {each.name: normalise(each.condition) for each in policies.providers}
        with patience("proving that nothing changed"):
            compared = [_compared(policies, each, prover) for each in policies.providers]
    differences = [each for each in compared if each is not None]
    unproved = [_why(each) for each in differences if each.verdict != "equivalent"]
    if output == "json":
        record = record_of(
            "does the canonical form admit exactly what the policy admits?",
            named.inputs,
            now=now,
            assumptions=sorted({label for each in differences for label in each.assumptions}),
        )
        shown = {} if unproved else {name or "condition": text for name, text in conditions.items()}
        print_json(
            {
                "verdict": "undecided" if unproved else "equivalent",
                "conditions": shown,
                "reason": unproved[0] if unproved else "",
                "record": record.document(),
            }
        )
    elif unproved:
        console(stderr=True).print(f"not printed, since it is not proved equivalent: {unproved[0]}")
    else:
        for name, text in conditions.items():
            if len(conditions) > 1:
                console().print(printable_lines(f"// {name}"))
            console().print(styled(printable_lines(text), whole=True))
    return ExitCode.UNKNOWN if unproved else ExitCode.YES


def _compared(policies: PolicySet, provider: Provider, prover: Prover) -> Difference | None:
    """How the provider's canonical condition differs from its own; None where they are the same text."""
    asking = replace(provider, disabled=False)
    normal = replace(asking, condition=normalise(provider.condition))
    if normal.condition == asking.condition:
        return None
    before, after = (replace(policies, providers=(each,)) for each in (asking, normal))
    difference = diff(before, after, prover)
    if difference.verdict not in ("equivalent", "undecided"):
        raise AssertionError(f"the canonical form is {difference.verdict}")
    return difference


def _why(undecided: Difference) -> str:
    if not undecided.bounded:
        return undecided.reason
    return "it is proved only where lists and maps are short, which is too little to change a policy for"
