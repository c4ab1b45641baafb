"""A workload identity pool provider, read from the JSON that Google prints and accepts.

    provider = parse_provider(json.loads(text))
    mapped = provider.mapping.apply(claims)
    explain(provider.condition, assertion=claims, google=mapped.google, attribute=mapped.attribute)

Source: IAM API, projects.locations.workloadIdentityPools.providers; the same JSON comes from
`gcloud iam workload-identity-pools providers describe --format=json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from attestation.errors import Misconfigured
from attestation.issuer import ISSUER

from .cel import syntax
from .cel.condition import compile_condition
from .issuers import issuer_of
from .mapping import AttributeMapping
from .schema import ROOTS
from .wording import quoted

MOST_AUDIENCES: Final = 10
MOST_AUDIENCE_CHARACTERS: Final = 256
NO_CLAIM_READ: Final = "The attribute condition must reference one of the provider's claims."
"""Google's words where `lacks_a_claim`; policy/issuers.py has their source."""

_NAME = re.compile(
    r"projects/(?P<project>[a-z0-9-]+)/locations/global/workloadIdentityPools/(?P<pool>[a-z0-9-]{4,32})"
    r"/providers/(?P<provider>[a-z0-9-]{4,32})"
)
_OTHER_SOURCES: Final = ("aws", "saml", "x509")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Whom a pool admits: tokens of `issuer` for one of `audiences`, where `condition` is true.

    `condition` is "" when the provider has none: then every token of the issuer is admitted. `jwks`
    are keys given by hand; without them Google fetches the issuer's own.
    """

    name: str
    issuer: str
    allowed_audiences: tuple[str, ...]
    mapping: AttributeMapping
    condition: str
    disabled: bool
    jwks: Mapping[str, object] | None

    @property
    def audiences(self) -> tuple[str, ...]:
        """What a token's `aud` may be: the allowed ones, else the resource name, both ways to write it."""
        return self.allowed_audiences or default_audiences(self.name)


def default_audiences(name: str) -> tuple[str, str]:
    """The audiences of a provider that lists none.

    >>> default_audiences("projects/1/locations/global/workloadIdentityPools/pool/providers/prov")[0]
    '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/prov'
    """
    return (f"//iam.googleapis.com/{name}", f"https://iam.googleapis.com/{name}")


def lacks_a_claim(issuer: str, condition: str) -> bool:
    """Whether Google refuses to make such a provider because its condition reads no claim.

    Only of issuers that sign for many is it known. A mapped attribute counts as a claim: public
    providers are accepted whose condition reads nothing else. One from before Google looked may still
    be there, and works.

    Raises:
        InvalidExpression: Google would refuse the condition.
    """
    known = issuer_of(issuer)
    if known is None or not known.multi_tenant:
        return False
    nodes = (node for clause in compile_condition(condition).clauses for node, _ in syntax.walk(clause.node))
    return not any(isinstance(node, syntax.Identifier) and node.name in ROOTS for node in nodes)


def parse_provider(document: Mapping[str, object]) -> Provider:
    """An OIDC provider that Google would accept. Fields that decide nothing are passed over.

    Raises:
        Misconfigured: anything else, a condition that does not compile included.
    """
    if not isinstance(document, Mapping):
        raise Misconfigured("a provider is a JSON object", hint="print it with `--format=json`")
    for source in _OTHER_SOURCES:
        if source in document:
            raise Misconfigured(
                f"the provider takes `{source}` credentials, not OIDC tokens",
                hint="an attestation token needs a provider made with `create-oidc`",
            )
    oidc = document.get("oidc")
    if not isinstance(oidc, Mapping):
        raise Misconfigured("the provider has no `oidc` section")
    name = _text(document, "name")
    if not _NAME.fullmatch(name):
        raise Misconfigured(
            f"{quoted(name)} is not a provider's resource name",
            hint="it is `projects/N/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`",
        )
    condition = _text(document, "attributeCondition", default="")
    compile_condition(condition)
    disabled = document.get("disabled", False)
    if not isinstance(disabled, bool):
        raise Misconfigured("`disabled` must be true or false")
    return Provider(
        name=name,
        issuer=_issuer(oidc),
        allowed_audiences=_audiences(oidc),
        mapping=_mapping(document),
        condition=condition,
        disabled=disabled or document.get("state") == "DELETED",
        jwks=_jwks(oidc),
    )


def _text(document: Mapping[Any, object], key: str, *, default: str | None = None) -> str:
    value = document.get(key, default)
    if not isinstance(value, str):
        raise Misconfigured(f"the provider's `{key}` must be a string", hint="write it in quotes")
    return value


def _issuer(oidc: Mapping[object, object]) -> str:
    issuer = _text(oidc, "issuerUri")
    if not issuer.startswith("https://"):
        raise Misconfigured(
            f"the issuer {quoted(issuer)} is not an `https://` URL", hint=f"Confidential Space's is {ISSUER}"
        )
    # Google's documents write the verifier's address with a closing slash, its tokens do not: STS takes both.
    return ISSUER if issuer == f"{ISSUER}/" else issuer


def _audiences(oidc: Mapping[object, object]) -> tuple[str, ...]:
    return check_audiences(oidc.get("allowedAudiences", []))


def check_audiences(audiences: object) -> tuple[str, ...]:
    """The audiences, within Google's limits.

    Raises:
        Misconfigured: no list of strings, too many, or one too long.
    """
    if not isinstance(audiences, list) or not all(isinstance(each, str) and each for each in audiences):
        raise Misconfigured(
            "the allowed audiences must be a list of strings that are not empty",
            hint="leave them out for the provider's own resource name",
        )
    if len(audiences) > MOST_AUDIENCES:
        raise Misconfigured(f"{len(audiences)} allowed audiences, Google's limit is {MOST_AUDIENCES}")
    for each in audiences:
        if len(each) > MOST_AUDIENCE_CHARACTERS:
            raise Misconfigured(
                f"the audience {quoted(each)} has {len(each)} characters,"
                f" Google's limit is {MOST_AUDIENCE_CHARACTERS}"
            )
    return tuple(audiences)


def _mapping(document: Mapping[str, object]) -> AttributeMapping:
    expressions = document.get("attributeMapping")
    if not isinstance(expressions, Mapping):
        raise Misconfigured("the provider has no `attributeMapping`")
    return AttributeMapping.parse(expressions)


def _jwks(oidc: Mapping[object, object]) -> Mapping[str, object] | None:
    text = _text(oidc, "jwksJson", default="")
    if not text:
        return None
    try:
        jwks = json.loads(text)
    except (ValueError, RecursionError):
        jwks = None
    if not isinstance(jwks, dict) or not isinstance(jwks.get("keys"), list):
        raise Misconfigured("the provider's `jwksJson` is not a JSON Web Key Set")
    return jwks
