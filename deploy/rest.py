"""How each resource is called, found and written in Google's REST APIs: nothing here calls anybody.

Source: REST references of Cloud Storage (`buckets`), IAM v1 (`serviceAccounts`,
`workloadIdentityPools`), Artifact Registry v1, Cloud KMS v1, Cloud Resource Manager v3, Service Usage v1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from policy.provider import Provider

from .google_api import ARTIFACT_REGISTRY, IAM, KMS, RESOURCE_MANAGER, SERVICE_USAGE, STORAGE, Json
from .marks import mark_of
from .resources import (
    Bucket,
    CryptoKey,
    DockerRepository,
    EnabledApi,
    Grant,
    Guarded,
    KeyRing,
    Made,
    Project,
    ServiceAccount,
    WorkloadIdentityPool,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """The request that creates a resource; `operations` is where its long-running operation is read."""

    url: str
    body: Json
    parameters: Mapping[str, str] = field(default_factory=dict)
    operations: str | None = None


def title_of(resource: EnabledApi | Made | Project) -> str:
    """How a message names it, e.g. "bucket `b`"."""
    match resource:
        case EnabledApi():
            return f"API `{resource.name}`"
        case Project():
            return f"project `{resource.project_id}`"
        case Bucket():
            return f"bucket `{resource.name}`"
        case ServiceAccount():
            return f"service account `{resource.email}`"
        case WorkloadIdentityPool():
            return f"workload identity pool `{resource.pool_id}`"
        case Provider():
            return f"provider `{resource.name.rpartition('/')[2]}`"
        case DockerRepository():
            return f"repository `{resource.repository_id}`"
        case KeyRing():
            return f"key ring `{resource.ring_id}`"
        case CryptoKey():
            return f"key `{resource.key_id}`"
        case _:
            assert_never(resource)


def title_of_grant(grant: Grant) -> str:
    """How a message names it, e.g. "`roles/x` on bucket `b` to `user:a`"."""
    return f"`{grant.role}` on {title_of(grant.on)} to `{grant.member}`"


def url_of(resource: EnabledApi | Made | Project) -> str:
    """Where it is read; no two resources have one address."""
    match resource:
        case EnabledApi():
            return f"{SERVICE_USAGE}/projects/{resource.project.project_id}/services/{resource.name}"
        case Project():
            return f"{RESOURCE_MANAGER}/projects/{resource.project_id}"
        case Bucket():
            return f"{STORAGE}/b/{resource.name}"
        case ServiceAccount():
            return f"{IAM}/projects/{resource.project.project_id}/serviceAccounts/{resource.email}"
        case WorkloadIdentityPool() | Provider():
            return f"{IAM}/{resource.name}"
        case DockerRepository():
            return f"{ARTIFACT_REGISTRY}/{resource.name}"
        case KeyRing() | CryptoKey():
            return f"{KMS}/{resource.name}"
        case _:
            assert_never(resource)


def api_of(resource: Made) -> str:
    """The API that has it."""
    match resource:
        case Bucket():
            return "storage.googleapis.com"
        case DockerRepository():
            return "artifactregistry.googleapis.com"
        case KeyRing() | CryptoKey():
            return "cloudkms.googleapis.com"
        case ServiceAccount() | WorkloadIdentityPool() | Provider():
            return "iam.googleapis.com"
        case _:
            assert_never(resource)


def policy_url_of(guarded: Guarded) -> str:
    """Where its allow policy is read."""
    return url_of(guarded) + ("/iam" if isinstance(guarded, Bucket) else ":getIamPolicy")


def desired_of(resource: Made) -> Json:
    """The fields that we insist on, as the resource's own JSON has them; what it has besides is not ours."""
    match resource:
        case Bucket():
            return {
                "iamConfiguration": {
                    "uniformBucketLevelAccess": {"enabled": True},
                    "publicAccessPrevention": "enforced",
                },
                "versioning": {"enabled": True},
            }
        case Provider():
            oidc: Json = {"issuerUri": resource.issuer}
            if resource.allowed_audiences:
                oidc["allowedAudiences"] = list(resource.allowed_audiences)
            if resource.jwks is not None:
                oidc["jwksJson"] = json.dumps(resource.jwks)
            return {
                "attributeMapping": dict(resource.mapping.expressions),
                "attributeCondition": resource.condition,
                # As a whole: keys that somebody uploaded (`jwksJson`) would speak for the issuer.
                "oidc": oidc,
            }
        case ServiceAccount() | WorkloadIdentityPool() | DockerRepository() | KeyRing() | CryptoKey():
            return {}
        case _:
            assert_never(resource)


def creation_of(resource: Made) -> Creation:
    """The request that creates it as described, with the mark by which it is known as ours."""
    mark = mark_of(resource)
    collection, _, identifier = url_of(resource).rpartition("/")
    match resource:
        case Bucket():
            return Creation(
                url=collection,
                body={"name": resource.name, "location": resource.location, **desired_of(resource), **mark},
                parameters={"project": resource.project.project_id},
            )
        case ServiceAccount():
            return Creation(url=collection, body={"accountId": resource.account_id, "serviceAccount": mark})
        case WorkloadIdentityPool():
            parameters = {"workloadIdentityPoolId": identifier}
            return Creation(url=collection, body=mark, parameters=parameters, operations=IAM)
        case Provider():
            parameters = {"workloadIdentityPoolProviderId": identifier}
            body = {**desired_of(resource), **mark}
            return Creation(url=collection, body=body, parameters=parameters, operations=IAM)
        case DockerRepository():
            parameters = {"repositoryId": identifier}
            body = {"format": "DOCKER", **mark}
            return Creation(url=collection, body=body, parameters=parameters, operations=ARTIFACT_REGISTRY)
        case KeyRing():
            return Creation(url=collection, body={}, parameters={"keyRingId": identifier})
        case CryptoKey():
            # A first version comes with it; without a schedule nothing is rotated but by its owner.
            body = {"purpose": "ENCRYPT_DECRYPT", **mark}
            return Creation(url=collection, body=body, parameters={"cryptoKeyId": identifier})
        case _:
            assert_never(resource)
