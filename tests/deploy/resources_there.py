"""An owner's resources, and how Google describes them where they are as described."""

from __future__ import annotations

from typing import Any

from deploy.resources import CryptoKey, KeyRing, Made, Project, owner_of

PROJECT = Project(project_id="primus", number="100")
OWNER = owner_of(PROJECT)
PROVIDER = OWNER.provider(mapping={"google.subject": "assertion.sub"}, condition="false")
RING = KeyRing(project=PROJECT, location="global", ring_id="models")
KEY = CryptoKey(ring=RING, key_id="lite0")
KEY_THERE: dict[str, Any] = {
    "name": KEY.name,
    "purpose": "ENCRYPT_DECRYPT",
    "labels": {"managed-by": "symbolon"},
    "primary": {"name": f"{KEY.name}/cryptoKeyVersions/1", "state": "ENABLED"},
}
PRIVATE = {
    "uniformBucketLevelAccess": {"enabled": True, "lockedTime": "2026-01-01T00:00:00Z"},
    "publicAccessPrevention": "enforced",
}
BUCKET: dict[str, Any] = {
    "name": "primus-input-bucket",
    "projectNumber": "100",
    "location": "US-WEST1",
    "labels": {"managed-by": "symbolon", "team": "vision"},
    "iamConfiguration": PRIVATE,
    "versioning": {"enabled": True},
}
OURS = {"description": "Made by symbolon (managed-by=symbolon)."}
ASKING: dict[str, Any] = {
    **OURS,
    "state": "ACTIVE",
    "attributeMapping": {"google.subject": "assertion.sub"},
    "attributeCondition": "false",
    "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
}
AS_DESCRIBED: dict[str, tuple[Made, dict[str, Any]]] = {
    "bucket": (OWNER.model_bucket, BUCKET),
    "service account": (OWNER.service_account, {"email": OWNER.service_account.email, **OURS}),
    "pool": (OWNER.pool, {"state": "ACTIVE", **OURS}),
    "provider": (PROVIDER, ASKING),
    "repository": (OWNER.repository, {"format": "DOCKER", "labels": {"managed-by": "symbolon"}}),
}
