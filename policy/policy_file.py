"""The owner's policy as a TOML file: `[provider]`, `[what]`, `[where]`, `[who]`, `[how]`.

    policy = parse_policy(text)
    render_condition(policy.conditions)     # the CEL
    render_gcloud(policy)                   # gcloud iam workload-identity-pools providers create-oidc ...
    policy.provider_document()              # the REST body; parse_provider reads it

Signatures are settled, bodies follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .attribute_conditions import AttributeConditions
from .mapping import AttributeMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    project_number: str
    pool: str
    provider: str
    issuer: str
    allowed_audiences: tuple[str, ...]
    mapping: AttributeMapping
    conditions: AttributeConditions

    @property
    def condition(self) -> str:
        """The attribute condition as CEL."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """projects/N/locations/global/workloadIdentityPools/P/providers/R"""
        raise NotImplementedError

    def provider_document(self) -> Mapping[str, object]:
        """The body of the REST call that creates the provider."""
        raise NotImplementedError


def parse_policy(text: str) -> Policy:
    """Raises: Misconfigured for unknown keys, missing ones, and values that Google would refuse."""
    raise NotImplementedError


def render_gcloud(policy: Policy) -> str:
    """One shell-quoted command line that creates the provider."""
    raise NotImplementedError
