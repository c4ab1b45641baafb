"""What `symbolon owner policy normalise` answers: the policy's condition in its one canonical form."""

from __future__ import annotations

from dataclasses import replace

from attestation.errors import ExitCode
from policy.normalising import normalise
from policy.policy_set import PolicySet
from policy.provider import Provider
from policy.proving.differing import diff
from policy.proving.prover import Prover

from ..policy_files import read_policy_set
from ..progress import patience
from ..rendering import console, print_json, printable_lines


def normalise_policy(*, policy: str, output: str) -> ExitCode:
    """The canonical conditions stand on standard output, each proved to admit what its original admits.

    Raises:
        Misconfigured: the policy cannot be read, or is not one that Google would accept.
    """
    with Prover() as prover:
        prover.start()
        policies = read_policy_set(policy).policies
        conditions = {each.name: normalise(each.condition) for each in policies.providers}
        with patience("proving that nothing changed"):
            unproved = [
                reason
                for each in policies.providers
                if (reason := _unproved(policies, each, prover)) is not None
            ]
    if output == "json":
        print_json(
            {
                "verdict": "undecided" if unproved else "equivalent",
                "conditions": {}
                if unproved
                else {name or "condition": text for name, text in conditions.items()},
                "reason": unproved[0] if unproved else "",
            }
        )
    elif unproved:
        console(stderr=True).print(f"not printed, since it is not proved equivalent: {unproved[0]}")
    else:
        for name, text in conditions.items():
            if len(conditions) > 1:
                console().print(printable_lines(f"// {name}"))
            console().print(printable_lines(text))
    return ExitCode.UNKNOWN if unproved else ExitCode.YES


def _unproved(policies: PolicySet, provider: Provider, prover: Prover) -> str | None:
    """Why the provider's canonical condition is not proved to be equivalent; None when it is."""
    asking = replace(provider, disabled=False)
    normal = replace(asking, condition=normalise(provider.condition))
    if normal.condition == asking.condition:
        return None
    before, after = (replace(policies, providers=(each,)) for each in (asking, normal))
    difference = diff(before, after, prover)
    if difference.verdict == "undecided":
        return difference.reason
    if difference.verdict != "equivalent":
        raise AssertionError(f"the canonical form is {difference.verdict}")
    return None
