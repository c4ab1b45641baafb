"""The attestation verifier: it signs what was measured of a launch, as OIDC or as PKI token.

Its keys are the state folder's own, so a production policy refuses every token it mints, and
each one carries `symbolon_emulator: true` besides. Nothing is really measured here: the launcher
hands over the facts, where a VM's firmware and vTPM would vouch for them.

Source: tokens that Google's verifier signed in 2025; Confidential Space documentation, "Token claims".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from attestation.issuer import ISSUER
from policy.launch_claims import LaunchFacts, claims_of_launch

from .attestation_authority import AttestationAuthority
from .faults import read_faults
from .keys import key_id_of, load_or_make_rsa_key
from .state import State

JWKS_PATH = "/service_accounts/v1/metadata/jwk/signer@confidentialspace-sign.iam.gserviceaccount.com"
DEFAULT_AUDIENCE = "https://sts.googleapis.com"
LIFETIME_S = 3600

_EAT_PROFILE = (
    "https://cloud.google.com/confidential-computing/confidential-space/docs/reference/token-claims"
)
SOFTWARE_VERSION = "251001"
"""Of the newest Confidential Space image that the emulator plays."""
_GOOGLE_OEM_ID = 11129


class Verifier:
    """Mints tokens with the state folder's keys, by the state's clock."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._folder = state.folder / "verifier"

    @cached_property
    def _key(self) -> Any:
        return load_or_make_rsa_key(self._folder / "oidc-key.pem")

    @cached_property
    def _authority(self) -> AttestationAuthority:
        return AttestationAuthority(self._folder, now=int(self._state.clock()))

    @cached_property
    def jwks(self) -> dict[str, Any]:
        """The public key that OIDC tokens verify with, as a JSON Web Key Set."""
        public = self._key.public_key()
        key = jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True)
        shown = {name: key[name] for name in ("kty", "n", "e")}
        return {"keys": [{**shown, "use": "sig", "alg": "RS256", "kid": key_id_of(public)}]}

    @property
    def state_folder(self) -> Path:
        """Where its keys are, and where faults are switched on."""
        return self._state.folder

    @property
    def root(self) -> x509.Certificate:
        """The root that PKI tokens chain to."""
        return self._authority.chain[-1]

    def mint(
        self,
        facts: LaunchFacts,
        *,
        audience: str = DEFAULT_AUDIENCE,
        nonces: Sequence[str] = (),
        pki: bool = False,
    ) -> str:
        """A token about `facts`, valid for an hour from now (by the faults, if any are on)."""
        claims = self._claims(facts, audience=audience, nonces=nonces)
        if pki:
            headers = {"kid": self._authority.key_id, "x5c": self._authority.x5c}
            return jwt.encode(claims, self._authority.leaf_key, "RS256", headers)
        return jwt.encode(claims, self._key, "RS256", {"kid": key_id_of(self._key.public_key())})

    def _claims(self, facts: LaunchFacts, *, audience: str, nonces: Sequence[str]) -> dict[str, object]:
        faults = read_faults(self._state.folder)
        issued_at = int(self._state.clock()) + faults.clock_skew_s
        if faults.expired_tokens:
            issued_at -= 2 * LIFETIME_S
        launched = claims_of_launch(facts)
        claims: dict[str, object] = {
            "aud": audience,
            "exp": issued_at + LIFETIME_S,
            "iat": issued_at,
            "iss": ISSUER,
            "nbf": issued_at,
            "sub": launched["sub"],
        }
        if nonces:
            claims["eat_nonce"] = nonces[0] if len(nonces) == 1 else list(nonces)
        claims |= {
            "eat_profile": _EAT_PROFILE,
            "secboot": launched["secboot"],
            "oemid": _GOOGLE_OEM_ID,
            "hwmodel": launched["hwmodel"],
            "swname": launched["swname"],
            "swversion": [SOFTWARE_VERSION],
            "dbgstat": launched["dbgstat"],
            "submods": _submods(facts, launched["submods"]),
            "google_service_accounts": launched["google_service_accounts"],
            "symbolon_emulator": True,
        }
        if facts.hardware == "GCP_INTEL_TDX":
            claims["attester_tcb"] = ["INTEL"]
            claims["tdx"] = {
                "gcp_attester_tcb_status": "UpToDate",
                "gcp_attester_tcb_date": "2024-03-13T00:00:00Z",
            }
        return claims


def _submods(facts: LaunchFacts, launched: Mapping[str, Any]) -> dict[str, object]:
    """What the launch settles, with what the verifier knows of the booted image and of the GPU."""
    submods = dict(launched)
    if not facts.debug:
        support = {"support_attributes": ["LATEST", "STABLE", "USABLE"]}
        submods["confidential_space"] = {**support, **launched["confidential_space"]}
    if facts.gpu:
        submods["nvidia_gpu"] = {
            **launched["nvidia_gpu"],
            "cc_feature": "SPT",
            "gpus": [
                {
                    "hwmodel": "GCP_NVIDIA_H100",
                    "driver_version": "550.90.07",
                    "vbios_version": "96.00.9F.00.04",
                    "ueid": f"{int(facts.instance_id):040d}",
                }
            ],
        }
    return submods


def discovery_routes(verifier: Verifier) -> list[BaseRoute]:
    """`confidentialcomputing.googleapis.com`: the issuer's configuration and the PKI root."""

    async def configuration(_request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": ISSUER,
                "jwks_uri": "https://www.googleapis.com" + JWKS_PATH,
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid"],
            }
        )

    async def pki_root(_request: Request) -> Response:
        return JSONResponse({"root_ca_uri": f"{ISSUER}/.well-known/confidential_space_root.crt"})

    async def root_certificate(_request: Request) -> Response:
        pem = verifier.root.public_bytes(serialization.Encoding.PEM)
        return Response(pem, media_type="application/x-x509-ca-cert")

    return [
        Route("/.well-known/openid-configuration", configuration),
        Route("/.well-known/attestation-pki-root", pki_root),
        Route("/.well-known/confidential_space_root.crt", root_certificate),
    ]


def jwks_routes(verifier: Verifier) -> list[BaseRoute]:
    """`www.googleapis.com`: the keys that the configuration points to."""

    async def jwks(_request: Request) -> Response:
        return JSONResponse(verifier.jwks)

    return [Route(JWKS_PATH, jwks)]
