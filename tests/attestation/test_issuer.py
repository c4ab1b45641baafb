"""Who signs is who really signed: the root that is pinned is the one that Google's own token ends in."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes

from attestation.issuer import ISSUER, ROOT_SHA256
from attestation.tokens import parse_token
from tests.attestation.conftest import OidcEvidence, PkiEvidence


def test_the_pinned_root_is_the_one_that_a_real_chain_ends_in(pki_evidence: PkiEvidence) -> None:
    assert pki_evidence.root.fingerprint(hashes.SHA256()).hex() == ROOT_SHA256


def test_real_tokens_name_this_issuer(pki_evidence: PkiEvidence, oidc_evidence: OidcEvidence) -> None:
    for text in (pki_evidence.text, *oidc_evidence.texts.values()):
        assert parse_token(text).claims["iss"] == ISSUER
