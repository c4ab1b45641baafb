"""Attribute mapping: what a token's claims become in Google's hands, with Google's limits.

    mapping = AttributeMapping.parse({"google.subject": "assertion.sub", "attribute.zone": "assertion..."})
    mapped = mapping.apply(claims)       # Mapped(google={"subject": ...}, attribute={...})

Signatures are settled, bodies follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attestation.errors import Denied


class MappingRejected(Denied):
    """The token cannot be mapped. `message` is STS's own `error_description`, `error` its `error`."""

    code = "mapping-rejected"

    def __init__(self, message: str, *, error: str = "unauthorized_client", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """The attributes of one federated identity: pass as `google=` and `attribute=` to `explain`."""

    google: Mapping[str, object]
    attribute: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeMapping:
    """Target attribute -> CEL expression; `google.subject` is always there."""

    expressions: Mapping[str, str]

    @classmethod
    def parse(cls, expressions: Mapping[str, str]) -> AttributeMapping:
        """Raises: Misconfigured for a bad key, a bad expression or a limit passed."""
        raise NotImplementedError

    def apply(self, assertion: Mapping[str, object]) -> Mapped:
        """Raises: MappingRejected in STS's words."""
        raise NotImplementedError
