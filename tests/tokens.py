"""The claims of a token that all rooms' tests and benchmarks begin from: a production workload's."""

from __future__ import annotations

import json
from typing import Any, Final

from attestation.issuer import ISSUER

_PRODUCTION: Final[dict[str, Any]] = {
    "aud": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider",
    "iss": ISSUER,
    "sub": "https://www.googleapis.com/compute/v1/projects/secundus/zones/us-west1-b/instances/workload-vm",
    "iat": 1_800_000_000,
    "nbf": 1_800_000_000,
    "exp": 1_800_003_600,
    "secboot": True,
    "oemid": 11129,
    "hwmodel": "GCP_AMD_SEV",
    "swname": "CONFIDENTIAL_SPACE",
    "swversion": ["250800"],
    "dbgstat": "disabled-since-boot",
    "google_service_accounts": ["workload-sa@secundus.iam.gserviceaccount.com"],
    "submods": {
        "confidential_space": {
            "support_attributes": ["LATEST", "STABLE", "USABLE"],
            "monitoring_enabled": {"memory": False},
        },
        "container": {
            "image_reference": "us-docker.pkg.dev/primus/repo/workload:latest",
            "image_digest": "sha256:" + "a" * 64,
            "image_id": "sha256:" + "b" * 64,
            "restart_policy": "Never",
            "args": ["python", "-m", "workload"],
            "env": {"PATH": "/usr/bin", "INPUT_URI": "gs://in"},
            "env_override": {"INPUT_URI": "gs://in"},
            "image_signatures": [
                {"key_id": "c" * 64, "signature": "c2ln", "signature_algorithm": "ECDSA_P256_SHA256"}
            ],
        },
        "gce": {
            "zone": "us-west1-b",
            "project_id": "secundus",
            "project_number": "987654321098",
            "instance_name": "workload-vm",
            "instance_id": "1234567890123456789",
        },
        "nvidia_gpu": {"cc_mode": "ON", "gpus": []},
    },
}
_TEXT: Final = json.dumps(_PRODUCTION)


def production_claims(**changes: object) -> dict[str, Any]:
    """A production workload's claims in a machine with AMD SEV, and these at the top of them."""
    claims: dict[str, Any] = json.loads(_TEXT)
    return claims | changes
