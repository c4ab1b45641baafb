"""Who signs the tokens of Confidential Space: for whoever verifies one, and for whoever writes a policy.

Source: the `issuer` of https://confidentialcomputing.googleapis.com/.well-known/openid-configuration;
the root of https://confidentialcomputing.googleapis.com/.well-known/attestation-pki-root.
"""

from __future__ import annotations

from typing import Final

ISSUER: Final = "https://confidentialcomputing.googleapis.com"

ROOT_SHA256: Final = "148b293821bb0c6a317f413c8ba475814091cb22d49b9e3c94198db8e8f86c39"
"""Of the root certificate, as DER, that the chain of a PKI token ends in. It is valid until January 2034."""
