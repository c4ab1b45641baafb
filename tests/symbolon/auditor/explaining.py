"""A policy and a token in files, to be explained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.attestation.signing import NOW, every_claim, jwk, rsa_key, signed

POOL = "projects/100000000001/locations/global/workloadIdentityPools/primus-wip"
PROVIDER = f"{POOL}/providers/primus-wip-provider"
AUDIENCE = f"https://iam.googleapis.com/{PROVIDER}"
CONDITION = (
    'assertion.dbgstat == "disabled-since-boot" && '
    '"STABLE" in assertion.submods.confidential_space.support_attributes'
)
DIGITS = "a" * 64
POLICY_FILE = f"""
[provider]
project_number = "100000000001"
pool = "primus-wip"
name = "primus-wip-provider"
[where]
dbgstat = "disabled-since-boot"
swname = "CONFIDENTIAL_SPACE"
[what]
image_digests = ["sha256:{DIGITS}"]
[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
[how]
cmd_override = ["--verbose"]
env_override = ["TOP_K"]
"""


def provider(**changes: object) -> str:
    """As `gcloud iam workload-identity-pools providers describe --format=json` prints one."""
    document = {
        "name": PROVIDER,
        "state": "ACTIVE",
        "attributeMapping": {"google.subject": "assertion.submods.gce.instance_id"},
        "attributeCondition": CONDITION,
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
    }
    return json.dumps(document | changes)


def claims(**changes: object) -> dict[str, object]:
    return every_claim() | {"aud": AUDIENCE} | changes


def without_record(document: dict[str, Any]) -> dict[str, Any]:
    """What tests/symbolon/reports/test_record.py is not about."""
    return {name: value for name, value in document.items() if name != "record"}


class Case:
    """The files of one call, each with something in it that would be admitted."""

    def __init__(self, folder: Path) -> None:
        self.policy, self.token, self.jwks = folder / "policy", folder / "token", folder / "jwks.json"
        self.policy.write_text(provider())
        self.sign(claims())
        self.jwks.write_text(json.dumps({"keys": [jwk("day", rsa_key("day").public_key())]}))

    def sign(self, signed_claims: Mapping[str, object], *, key: str = "day") -> None:
        header = {"alg": "RS256", "kid": "day", "typ": "JWT"}
        self.token.write_text(signed(header, signed_claims, rsa_key(key)) + "\n")

    def verified(self, at: str = str(NOW + 60)) -> tuple[str, ...]:
        files = ("--policy", str(self.policy), "--token", str(self.token))
        return ("auditor", "explain", *files, "--jwks", str(self.jwks), "--at", at)

    def unverified(self) -> tuple[str, ...]:
        return (
            "auditor",
            "explain",
            "--policy",
            str(self.policy),
            "--token",
            str(self.token),
            "--unsafe-unverified",
        )
