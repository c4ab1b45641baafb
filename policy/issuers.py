"""The issuers of tokens that are known here, and what is known of each.

Only for Confidential Space's own, `ISSUER`, is there a vocabulary (policy/schema.py) and what
the issuer guarantees of it (policy/proving/smt/facts.py). Of the claims of any other issuer, named
here or not, nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from attestation.issuer import ISSUER

from .wording import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """`multi_tenant` where everybody's tokens have this one issuer, so Google wants a claim to be asked.

    `note` is what an owner should know of it, "" for nothing.
    """

    uri: str
    name: str
    source: str
    multi_tenant: bool = False
    note: str = ""


_FOR_PIPELINES: Final = (
    "IAM documentation, `Workload Identity Federation with deployment pipelines`; for Google's refusal"
    " chainguard-dev/terraform-infra-common#672 and"
    " terraform-google-modules/terraform-google-github-actions-runners#156"
)
_INTELS: Final = (
    "Google documents it for Confidential Space on Intel TDX: its claims are Intel's, and are not known here"
)
ISSUERS: Final = (
    Issuer(
        uri=ISSUER,
        name="Confidential Space",
        source="Google Cloud documentation, `Attestation token claims`, `iss`",
    ),
    Issuer(
        uri="https://portal.trustauthority.intel.com",
        name="Intel Trust Authority",
        note=_INTELS,
        source="google/go-tpm-tools, verifier/ita; Google Cloud documentation, `Confidential Space`",
    ),
    Issuer(
        uri="https://portal.eu.trustauthority.intel.com",
        name="Intel Trust Authority (EU)",
        note=_INTELS,
        source="google/go-tpm-tools, verifier/ita; intel/trustauthority-client-for-go, README",
    ),
    Issuer(
        uri="https://token.actions.githubusercontent.com",
        name="GitHub Actions",
        multi_tenant=True,
        source=_FOR_PIPELINES,
    ),
    Issuer(uri="https://gitlab.com", name="GitLab", multi_tenant=True, source=_FOR_PIPELINES),
    Issuer(uri="https://app.terraform.io", name="Terraform Cloud", multi_tenant=True, source=_FOR_PIPELINES),
)
"""GitHub Enterprise, self-managed GitLab and Terraform Enterprise have addresses of their own."""

_BY_URI: Final = {each.uri: each for each in ISSUERS}


def issuer_of(uri: str) -> Issuer | None:
    """The issuer at this address, with or without a closing slash; None for one that is not known."""
    return _BY_URI.get(uri.rstrip("/"))


def has_our_vocabulary(uri: str) -> bool:
    """Whether this issuer's tokens are those that `policy/schema.py` describes."""
    return uri == ISSUER


def named(uri: str) -> str:
    """The issuer as people know it.

    >>> named("https://gitlab.com"), named("https://issuer.example")
    ('GitLab (`https://gitlab.com`)', '`https://issuer.example`')
    """
    known = issuer_of(uri)
    return quoted(uri, most_characters=160) if known is None else f"{known.name} ({quoted(uri)})"


def unknown_vocabulary(uri: str) -> str:
    """Why nothing is decided that needs to know what tokens of this issuer hold, in one line."""
    return f"what tokens of {named(uri)} hold is not known here"
