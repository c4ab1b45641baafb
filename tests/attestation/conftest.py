"""Real tokens that Google's verifier signed, where they are at hand."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509


@dataclass(frozen=True, slots=True, kw_only=True)
class PkiEvidence:
    """A PKI token of a production VM on Intel TDX, and the root above it."""

    text: str
    root: x509.Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcEvidence:
    """Two OIDC tokens of one debug VM on AMD SEV, and the key set of their day."""

    captured_at: int
    jwks: dict[str, object]
    texts: dict[str, str]


@pytest.fixture(scope="session")
def tokens_folder() -> Path:
    default = Path(__file__).parents[2].parent / "shared" / "vectors"
    folder = Path(os.environ.get("SYMBOLON_VECTORS", default)) / "tokens"
    if not folder.is_dir():
        pytest.skip("the real tokens are not here (set SYMBOLON_VECTORS to their folder)")
    return folder


@pytest.fixture(scope="session")
def pki_evidence(tokens_folder: Path) -> PkiEvidence:
    return PkiEvidence(
        text=(tokens_folder / "google-tdx-production.jwt").read_text("ascii"),
        root=x509.load_pem_x509_certificate(
            (tokens_folder / "google-confidential-space-root.pem").read_bytes()
        ),
    )


@pytest.fixture(scope="session")
def oidc_evidence(tokens_folder: Path) -> OidcEvidence:
    document = json.loads((tokens_folder / "google-sev-debug-with-jwks.json").read_bytes())
    return OidcEvidence(captured_at=document["captured_at"], jwks=document["jwks"], texts=document["tokens"])
