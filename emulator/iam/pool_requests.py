"""What may be written into a workload identity pool or provider, with Google's limits.

Google's sentence is given where one is known; where the policy room finds the fault (a mapping,
a condition, a key set), its sentence is.

Source: IAM API reference v1, `WorkloadIdentityPool` and `WorkloadIdentityPoolProvider`; seen
error answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attestation.errors import Misconfigured
from policy.provider import NO_CLAIM_READ, lacks_a_claim, parse_provider

from ..errors import GoogleError, not_emulated, refuse_other_fields
from ..state import Document

_ID = re.compile(r"[a-z0-9-]{4,32}")
_LONGEST_DISPLAY_NAME = 32
_LONGEST_DESCRIPTION = 256
_COMMON = ("displayName", "description", "disabled")
_GIVEN = ("expireTime", "name", "state")  # which Google gives, and clients may send back
_PROVIDER = ("attributeMapping", "attributeCondition", "oidc")
_OIDC = ("allowedAudiences", "issuerUri", "jwksJson")


def require_valid_id(resource_id: str, parameter: str) -> None:
    """The ID is one that Google takes.

    Raises:
        GoogleError: 400.
    """
    if not _ID.fullmatch(resource_id) or resource_id.startswith("gcp-"):
        raise _invalid(
            f"`{parameter}` must be 4 to 32 characters of [a-z0-9-], and may not begin with `gcp-`: "
            f"got `{resource_id[:40]}`"
        )


def parse_pool(body: Mapping[str, Any], _name: str) -> Document:
    """The fields of a pool that are stored.

    Raises:
        GoogleError: 400.
    """
    refuse_other_fields(body, (*_COMMON, *_GIVEN), "pools")
    return _parse_common(body)


def parse_provider_body(body: Mapping[str, Any], name: str) -> Document:
    """The fields of an OIDC provider that are stored; its mapping and condition can be evaluated.

    Raises:
        GoogleError: 400; another kind of provider is not emulated.
    """
    if any(body.get(kind) for kind in ("aws", "saml", "x509")):
        raise not_emulated("the emulator has OIDC providers only")
    refuse_other_fields(body, (*_COMMON, *_GIVEN, *_PROVIDER), "providers")
    if isinstance(body.get("oidc"), Mapping):
        refuse_other_fields(body["oidc"], _OIDC, "providers.oidc")
    document = _parse_common(body)
    for key in body.get("attributeMapping") or {}:
        if not str(key).startswith(("google.", "attribute.")):
            raise _invalid(
                f"Invalid mapped attribute key: {str(key)[:100]}. Custom mapped attributes must be in format "
                "'attribute.{custom_attribute}'"
            )
    for field in _PROVIDER:
        if body.get(field):
            document[field] = body[field]
    try:
        provider = parse_provider({**document, "name": name})
    except Misconfigured as error:
        raise _invalid(error.message) from None
    if lacks_a_claim(provider.issuer, provider.condition):
        raise _invalid(NO_CLAIM_READ)
    return document


def _parse_common(body: Mapping[str, Any]) -> Document:
    document = {field: body[field] for field in _COMMON if body.get(field)}
    if len(str(document.get("displayName", ""))) > _LONGEST_DISPLAY_NAME:
        raise _invalid(f"display name must be less than or equal to {_LONGEST_DISPLAY_NAME} characters")
    if len(str(document.get("description", ""))) > _LONGEST_DESCRIPTION:
        raise _invalid(f"description must be less than or equal to {_LONGEST_DESCRIPTION} characters")
    return document


def _invalid(message: str) -> GoogleError:
    return GoogleError(400, message)
