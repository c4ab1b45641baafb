"""Tokens of the emulated verifier: real ones in every respect but their keys, and one claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509

from attestation.claims import parse_claims
from attestation.errors import EvidenceRejected
from attestation.tokens import parse_token
from attestation.verification import verify_oidc_token, verify_pki_token
from emulator.faults import Faults, write_faults
from emulator.state import State
from emulator.verifier import Verifier, discovery_routes, jwks_routes
from tests.launches import FACTS

_NOW = 1_800_000_000


@pytest.fixture
def verifier(state: State) -> Verifier:
    return Verifier(state)


def _claims(token: str) -> Any:
    return parse_token(token).claims


def test_an_oidc_token_verifies_with_the_published_keys_and_parses(verifier: Verifier) -> None:
    token = parse_token(verifier.mint(FACTS, audience="https://a.example"))
    verified = verify_oidc_token(token, jwks=verifier.jwks, audiences=["https://a.example"], now=_NOW)
    claims = verified.claims
    assert (claims.exp - claims.iat, claims.nbf, claims.iat) == (3600, _NOW, _NOW)
    assert claims.unknown == {"symbolon_emulator": True}


def test_a_pki_token_verifies_with_the_root_and_parses(verifier: Verifier) -> None:
    token = parse_token(verifier.mint(FACTS, audience="a", pki=True))
    assert len(token.header["x5c"]) == 3  # type: ignore[arg-type]
    verified = verify_pki_token(token, root=verifier.root, audiences=["a"], now=_NOW)
    assert verified.how == "pki"


def test_the_keys_outlive_the_process(state: State) -> None:
    before, after = Verifier(state), Verifier(state)
    token = parse_token(before.mint(FACTS, audience="a", pki=True))
    verify_pki_token(token, root=after.root, audiences=["a"], now=_NOW)
    assert before.jwks == after.jwks


def test_another_folders_keys_are_refused(verifier: Verifier, tmp_path: Any) -> None:
    other = Verifier(State(tmp_path / "other", clock=lambda: _NOW))
    token = parse_token(verifier.mint(FACTS, audience="a"))
    with pytest.raises(EvidenceRejected):
        verify_oidc_token(token, jwks=other.jwks, audiences=["a"], now=_NOW)


def test_the_claims_are_those_of_a_real_production_token(verifier: Verifier) -> None:
    claims = _claims(verifier.mint(FACTS))
    assert claims == {
        "aud": "https://sts.googleapis.com",
        "exp": _NOW + 3600,
        "iat": _NOW,
        "iss": "https://confidentialcomputing.googleapis.com",
        "nbf": _NOW,
        "sub": "https://www.googleapis.com/compute/v1/projects/secundus/zones/us-west1-b/instances/workload-vm",
        "eat_profile": "https://cloud.google.com/confidential-computing/confidential-space/docs/reference/token-claims",
        "secboot": True,
        "oemid": 11129,
        "hwmodel": "GCP_AMD_SEV",
        "swname": "CONFIDENTIAL_SPACE",
        "swversion": ["251001"],
        "dbgstat": "disabled-since-boot",
        "submods": {
            "confidential_space": {
                "support_attributes": ["LATEST", "STABLE", "USABLE"],
                "monitoring_enabled": {"memory": False},
            },
            "container": {
                "image_reference": FACTS.image_reference,
                "image_digest": FACTS.image_digest,
                "image_id": FACTS.image_id,
                "restart_policy": "Never",
                "args": ["python", "-m", "workload"],
                "env": {"PATH": "/usr/bin", "HOSTNAME": "workload-vm"},
            },
            "gce": {
                "zone": "us-west1-b",
                "project_id": "secundus",
                "project_number": "200000000002",
                "instance_name": "workload-vm",
                "instance_id": "7845806077543069124",
            },
        },
        "google_service_accounts": ["workload-sa@secundus.iam.gserviceaccount.com"],
        "symbolon_emulator": True,
    }


def test_a_debug_image_has_no_support_attributes_at_all(verifier: Verifier) -> None:
    claims = _claims(verifier.mint(replace(FACTS, debug=True)))
    assert claims["dbgstat"] == "enabled"
    assert claims["submods"]["confidential_space"] == {"monitoring_enabled": {"memory": False}}


def test_tdx_says_what_sev_does_not(verifier: Verifier) -> None:
    claims = _claims(verifier.mint(replace(FACTS, hardware="GCP_INTEL_TDX")))
    assert claims["attester_tcb"] == ["INTEL"]
    assert claims["tdx"]["gcp_attester_tcb_status"] == "UpToDate"
    assert parse_claims(claims).hwmodel == "GCP_INTEL_TDX"


def test_a_gpu_is_in_the_token_where_there_is_one(verifier: Verifier) -> None:
    claims = _claims(verifier.mint(replace(FACTS, gpu=True, hardware="GCP_INTEL_TDX")))
    assert claims["submods"]["nvidia_gpu"]["cc_mode"] == "ON"
    assert parse_claims(claims).submods is not None


def test_overrides_are_in_the_token_only_where_they_were_used(verifier: Verifier) -> None:
    facts = replace(FACTS, cmd_override=("x",), env_override={"TOP_K": "5"})
    container = _claims(verifier.mint(facts))["submods"]["container"]
    assert (container["cmd_override"], container["env_override"]) == (["x"], {"TOP_K": "5"})


@pytest.mark.parametrize(
    ("nonces", "claim"),
    [((), None), (("12345678",), "12345678"), (("12345678", "abcdefgh"), ["12345678", "abcdefgh"])],
)
def test_one_nonce_is_a_string_and_more_are_an_array(
    verifier: Verifier, nonces: tuple[str, ...], claim: object
) -> None:
    assert _claims(verifier.mint(FACTS, nonces=nonces)).get("eat_nonce") == claim


def test_faults_make_tokens_expired_or_skewed(verifier: Verifier, state: State) -> None:
    write_faults(state.folder, Faults(expired_tokens=True))
    assert _claims(verifier.mint(FACTS))["exp"] < _NOW
    write_faults(state.folder, Faults(clock_skew_s=500))
    assert _claims(verifier.mint(FACTS))["iat"] == _NOW + 500


def test_the_issuer_says_where_its_keys_and_its_root_are(verifier: Verifier, ask: Callable[..., Any]) -> None:
    from starlette.routing import Router

    app = Router([*discovery_routes(verifier), *jwks_routes(verifier)])
    issuer = "https://confidentialcomputing.googleapis.com"
    configuration = ask(app, "GET", f"{issuer}/.well-known/openid-configuration").json
    assert configuration["issuer"] == issuer
    assert ask(app, "GET", configuration["jwks_uri"]).json == verifier.jwks
    root = ask(app, "GET", f"{issuer}/.well-known/attestation-pki-root").json["root_ca_uri"]
    assert x509.load_pem_x509_certificate(ask(app, "GET", root).body) == verifier.root
