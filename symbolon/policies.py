"""A policy as a token is put to it: a condition, with the provider that asks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from attestation.errors import Misconfigured, quoted
from policy.policy_set import Kind, PolicySet
from policy.provider import Provider

from .policy_files import NamedText, read_policy_set

_DESCRIBED: Final[dict[Kind, str]] = {
    "policy": "a policy file",
    "condition": "a condition alone",
    "provider": "a provider",
    "providers": "a list of providers",
    "terraform": "a Terraform plan",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPolicy:
    """A condition, with the provider that asks it where the policy says which."""

    described: str
    condition: str
    provider: Provider | None


def read_policies(name: str) -> tuple[NamedText, tuple[NamedPolicy, ...]]:
    """The file `name` (`-`: standard input), and the policy in it: one of each provider, which add up.

    Raises:
        Misconfigured: it cannot be read, or is not a policy of its kind.
    """
    named = read_policy_set(name)
    policies = named.policies
    if not policies.text.strip():
        raise Misconfigured(
            f"the policy {quoted(name)} is empty",
            hint="to ask nothing of a token, write the condition `true`",
        )
    return named.policy, policies_in(policies)


def policies_in(policies: PolicySet) -> tuple[NamedPolicy, ...]:
    """The policy of each provider."""
    return tuple(
        NamedPolicy(
            described=_DESCRIBED[policies.kind],
            condition=each.condition,
            provider=None if policies.kind == "condition" else each,
        )
        for each in policies.providers
    )
