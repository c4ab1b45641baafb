"""Each resource of `resources.py` made to exist as described, whatever is there already.

`ensure` reads first and writes only what differs, so that a second run changes nothing. It never
takes over what belongs to somebody else, and never switches on what somebody switched off.

Source: REST references of Cloud Storage (`buckets`), IAM v1 (`serviceAccounts`,
`workloadIdentityPools`), Artifact Registry v1, Cloud Resource Manager v3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import singledispatch
from typing import Any

from attestation.errors import Misconfigured

from .allow_policies import give
from .google_api import (
    ARTIFACT_REGISTRY,
    IAM,
    RESOURCE_MANAGER,
    STORAGE,
    AlreadyExists,
    GoogleApi,
    Json,
    NotFound,
)
from .resources import (
    Bucket,
    DockerRepository,
    Grant,
    Project,
    Resource,
    ServiceAccount,
    WorkloadIdentityPool,
    WorkloadIdentityProvider,
)


class Change(Enum):
    """What `ensure` had to do."""

    CREATED = "created"
    UPDATED = "updated"
    RESTORED = "restored"
    UNCHANGED = "unchanged"


def look_up_project(api: GoogleApi, project_id: str) -> Project:
    """The project of that ID, with its number.

    Raises:
        Denied: there is none, or the caller may not see it; Google does not say which.
    """
    answer = api.call(
        "GET", f"{RESOURCE_MANAGER}/projects/{project_id}", doing=f"finding project `{project_id}`"
    )
    return Project(project_id=project_id, number=answer["name"].removeprefix("projects/"))


def ensure_all(
    api: GoogleApi, resources: Iterable[Resource], *, on_change: Callable[[Resource, Change], None]
) -> None:
    """Every resource is as described; `on_change` heard of each, in order.

    Raises:
        SymbolonError: at the first that cannot be; those before it are done.
    """
    for resource in resources:
        on_change(resource, ensure(api, resource))


def ensure(api: GoogleApi, resource: Resource) -> Change:
    """The resource is as described; what had to be done for it.

    Raises:
        Denied, Misconfigured, Unavailable: as Google answers.
        Misconfigured: it belongs to somebody else, or is disabled.
    """
    try:
        return _ensure(resource, api)
    except AlreadyExists:
        # Made meanwhile: by somebody else, or by our own request, whose first answer was lost.
        return _ensure(resource, api)


@singledispatch
def _ensure(resource: Resource, api: GoogleApi) -> Change:
    raise TypeError(f"nothing makes a {type(resource).__name__}")


@_ensure.register
def _ensure_bucket(bucket: Bucket, api: GoogleApi) -> Change:
    url = f"{STORAGE}/b/{bucket.name}"
    desired: Json = {
        "iamConfiguration": {
            "uniformBucketLevelAccess": {"enabled": True},
            "publicAccessPrevention": "enforced",
        }
    }
    found = _read(api, url, f"reading bucket `{bucket.name}`")
    if found is None:
        api.call(
            "POST",
            f"{STORAGE}/b",
            doing=f"creating bucket `{bucket.name}`",
            parameters={"project": bucket.project.project_id},
            body={"name": bucket.name, "location": bucket.location, **desired},
        )
        return Change.CREATED
    # Bucket names are global: somebody who guessed ours may have made it, and opened it to us.
    if found["projectNumber"] != bucket.project.number:
        raise Misconfigured(
            f"bucket `{bucket.name}` belongs to project number `{found['projectNumber']}`",
            hint="choose another name; nothing was written to it",
        )
    if _holds(found, desired):
        return Change.UNCHANGED
    api.call("PATCH", url, doing=f"updating bucket `{bucket.name}`", body=desired)
    return Change.UPDATED


@_ensure.register
def _ensure_service_account(account: ServiceAccount, api: GoogleApi) -> Change:
    accounts = f"{IAM}/projects/{account.project.project_id}/serviceAccounts"
    doing = f"service account `{account.email}`"
    found = _read(api, f"{accounts}/{account.email}", f"reading {doing}")
    if found is None:
        api.call("POST", accounts, doing=f"creating {doing}", body={"accountId": account.account_id})
        return Change.CREATED
    _refuse_disabled(found, doing)
    return Change.UNCHANGED


@_ensure.register
def _ensure_pool(pool: WorkloadIdentityPool, api: GoogleApi) -> Change:
    pools = f"{IAM}/projects/{pool.project.project_id}/locations/global/workloadIdentityPools"
    return _ensure_federation(
        api,
        collection=pools,
        id_parameter="workloadIdentityPoolId",
        resource_id=pool.pool_id,
        desired={},
        doing=f"workload identity pool `{pool.pool_id}`",
    )


@_ensure.register
def _ensure_provider(provider: WorkloadIdentityProvider, api: GoogleApi) -> Change:
    pool = provider.pool
    pools = f"{IAM}/projects/{pool.project.project_id}/locations/global/workloadIdentityPools"
    oidc: Json = {"issuerUri": provider.issuer}
    if provider.allowed_audiences:
        oidc["allowedAudiences"] = list(provider.allowed_audiences)
    return _ensure_federation(
        api,
        collection=f"{pools}/{pool.pool_id}/providers",
        id_parameter="workloadIdentityPoolProviderId",
        resource_id=provider.provider_id,
        desired={
            "attributeMapping": dict(provider.attribute_mapping),
            "attributeCondition": provider.attribute_condition,
            # As a whole: keys that somebody uploaded (`jwksJson`) would speak for the issuer.
            "oidc": oidc,
        },
        doing=f"provider `{provider.provider_id}`",
    )


def _ensure_federation(
    api: GoogleApi,
    *,
    collection: str,
    id_parameter: str,
    resource_id: str,
    desired: Json,
    doing: str,
) -> Change:
    """A pool or a provider is as desired; a deleted one, whose ID stays taken for 30 days, is restored."""
    url = f"{collection}/{resource_id}"
    change = Change.UNCHANGED
    found = _read(api, url, f"reading {doing}")
    if found is None:
        creating = api.call(
            "POST",
            collection,
            doing=f"creating {doing}",
            parameters={id_parameter: resource_id},
            body=desired,
        )
        api.wait(creating, f"{IAM}/{creating['name']}", doing=f"creating {doing}")
        return Change.CREATED
    if found.get("state") == "DELETED":
        restoring = api.call("POST", f"{url}:undelete", doing=f"restoring {doing}", body={})
        api.wait(restoring, f"{IAM}/{restoring['name']}", doing=f"restoring {doing}")
        found = api.call("GET", url, doing=f"reading {doing}")
        change = Change.RESTORED
    _refuse_disabled(found, doing)
    if any(found.get(key) != value for key, value in desired.items()):
        updating = api.call(
            "PATCH",
            url,
            doing=f"updating {doing}",
            parameters={"updateMask": ",".join(desired)},
            body=desired,
        )
        api.wait(updating, f"{IAM}/{updating['name']}", doing=f"updating {doing}")
        return Change.UPDATED if change is Change.UNCHANGED else change
    return change


@_ensure.register
def _ensure_repository(repository: DockerRepository, api: GoogleApi) -> Change:
    doing = f"repository `{repository.repository_id}`"
    found = _read(api, f"{ARTIFACT_REGISTRY}/{repository.name}", f"reading {doing}")
    if found is None:
        collection = repository.name.rpartition("/")[0]
        creating = api.call(
            "POST",
            f"{ARTIFACT_REGISTRY}/{collection}",
            doing=f"creating {doing}",
            parameters={"repositoryId": repository.repository_id},
            body={"format": "DOCKER"},
        )
        api.wait(creating, f"{ARTIFACT_REGISTRY}/{creating['name']}", doing=f"creating {doing}")
        return Change.CREATED
    if found["format"] != "DOCKER":
        raise Misconfigured(
            f"{doing} holds `{found['format']}`, not docker images", hint="choose another name for the images"
        )
    return Change.UNCHANGED


@_ensure.register
def _ensure_grant(grant: Grant, api: GoogleApi) -> Change:
    return Change.UPDATED if give(api, grant) else Change.UNCHANGED


def _read(api: GoogleApi, url: str, doing: str) -> Json | None:
    try:
        return api.call("GET", url, doing=doing)
    except NotFound:
        return None


def _refuse_disabled(found: Mapping[str, Any], doing: str) -> None:
    if found.get("disabled"):
        raise Misconfigured(
            f"{doing} is disabled", hint="somebody switched it off; switch it on yourself if that is wanted"
        )


def _holds(found: Mapping[str, Any], desired: Mapping[str, Any]) -> bool:
    """Everything desired is found; what is found besides does not matter."""
    return all(
        _holds(found.get(key, {}), value) if isinstance(value, Mapping) else found.get(key) == value
        for key, value in desired.items()
    )
