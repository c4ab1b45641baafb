"""Each resource of `resources.py` made to exist as described, whatever is there already.

`ensure` reads first and writes only what differs, so that a second run changes nothing. It never
takes over what belongs to somebody else, and never switches on what somebody switched off.

Source: REST references of Cloud Storage (`buckets`), IAM v1 (`serviceAccounts`,
`workloadIdentityPools`), Artifact Registry v1, Cloud Resource Manager v3; "Read-modify-write" in
the IAM documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import singledispatch
from typing import Any

from attestation.errors import Misconfigured

from .google_api import ConcurrentChange, GoogleApi, Json, NotFound
from .resources import (
    Bucket,
    DockerRepository,
    Grant,
    Guarded,
    Project,
    Resource,
    ServiceAccount,
    WorkloadIdentityPool,
    WorkloadIdentityProvider,
)

STORAGE = "https://storage.googleapis.com/storage/v1"
IAM = "https://iam.googleapis.com/v1"
ARTIFACT_REGISTRY = "https://artifactregistry.googleapis.com/v1"
RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com/v3"

_POLICY_TRIES = 5
_NEW_ACCOUNT_DELAY_S = 3.0


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
    raise NotImplementedError(type(resource).__name__)


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
    """Read-modify-write under the policy's etag, again where somebody else wrote in between.

    An account that was just created is unknown to some services for a while: also again.
    """
    doing = f"granting `{grant.role}` to `{grant.member}`"
    for last in (False,) * (_POLICY_TRIES - 1) + (True,):
        policy = _read_policy(api, grant.on, doing)
        if _is_granted(policy, grant):
            return Change.UNCHANGED
        try:
            _write_policy(api, grant.on, _with_grant(policy, grant), doing)
        except ConcurrentChange:
            if last:
                raise
        except Misconfigured as error:
            if last or "does not exist" not in error.message:
                raise
            api.sleep(_NEW_ACCOUNT_DELAY_S)
        else:
            return Change.UPDATED
    raise AssertionError  # the last try has returned or raised


def _read_policy(
    api: GoogleApi, on: Project | Bucket | ServiceAccount | DockerRepository, doing: str
) -> Json:
    """The allow policy, in the version that shows conditions: written back without them, they would be lost."""
    match on:
        case Bucket():
            version = {"optionsRequestedPolicyVersion": "3"}
            return api.call("GET", f"{STORAGE}/b/{on.name}/iam", doing=doing, parameters=version)
        case DockerRepository():
            version = {"options.requestedPolicyVersion": "3"}
            return api.call("GET", f"{_policy_owner(on)}:getIamPolicy", doing=doing, parameters=version)
        case ServiceAccount():
            version = {"options.requestedPolicyVersion": "3"}
            return api.call("POST", f"{_policy_owner(on)}:getIamPolicy", doing=doing, parameters=version)
        case Project():
            body = {"options": {"requestedPolicyVersion": 3}}
            return api.call("POST", f"{_policy_owner(on)}:getIamPolicy", doing=doing, body=body)


def _write_policy(api: GoogleApi, on: Guarded, policy: Json, doing: str) -> None:
    if isinstance(on, Bucket):
        api.call("PUT", f"{STORAGE}/b/{on.name}/iam", doing=doing, body=policy)
    else:
        api.call("POST", f"{_policy_owner(on)}:setIamPolicy", doing=doing, body={"policy": policy})


def _policy_owner(on: Project | ServiceAccount | DockerRepository) -> str:
    match on:
        case Project():
            return f"{RESOURCE_MANAGER}/projects/{on.project_id}"
        case ServiceAccount():
            return f"{IAM}/projects/{on.project.project_id}/serviceAccounts/{on.email}"
        case DockerRepository():
            return f"{ARTIFACT_REGISTRY}/{on.name}"


def _is_granted(policy: Json, grant: Grant) -> bool:
    return any(
        binding["role"] == grant.role and grant.member in binding["members"] and "condition" not in binding
        for binding in policy.get("bindings", [])
    )


def _with_grant(policy: Json, grant: Grant) -> Json:
    """The policy with one member more and nothing less."""
    bindings: list[Json] = [dict(binding) for binding in policy.get("bindings", [])]
    for binding in bindings:
        if binding["role"] == grant.role and "condition" not in binding:
            binding["members"] = [*binding["members"], grant.member]
            break
    else:
        bindings.append({"role": grant.role, "members": [grant.member]})
    return {**policy, "bindings": bindings}


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
