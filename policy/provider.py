"""A workload identity pool provider, read from the JSON that Google prints or accepts.

    provider = parse_provider(json.loads(text))
    provider.name            # projects/N/locations/global/workloadIdentityPools/P/providers/R
    provider.audiences       # effective: the allowed ones, else the resource name with and without https:
    provider.condition       # CEL text, "" when there is none

Signatures are settled, bodies follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .mapping import AttributeMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    name: str
    issuer: str
    allowed_audiences: tuple[str, ...]
    mapping: AttributeMapping
    condition: str
    disabled: bool
    jwks: Mapping[str, object] | None

    @property
    def audiences(self) -> tuple[str, ...]:
        raise NotImplementedError


def parse_provider(document: Mapping[str, object]) -> Provider:
    """Raises: Misconfigured for what is not an OIDC provider within Google's limits."""
    raise NotImplementedError
