"""Each action of a plan, done; what is to be done was decided before.

Source: REST references of Cloud Storage (`buckets.patch`), IAM v1 (`workloadIdentityPools`, long-running
operations, `undelete`), Artifact Registry v1, Service Usage v1 (`services.batchEnable`), Cloud KMS v1
(`cryptoKeyVersions.destroy`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import assert_never
from urllib.parse import quote

from policy.provider import Provider

from . import allow_policies
from .google_api import ARTIFACT_REGISTRY, IAM, SERVICE_USAGE, STORAGE, GoogleApi, NotFound
from .planning import Action, Create, Delete, DestroyVersions, Enable, Give, Restore, Revoke, Update
from .resources import Bucket, DockerRepository, Made, ServiceAccount, WorkloadIdentityPool
from .rest import creation_of, title_of, url_of

_MOST_APIS_AT_ONCE = 20
Heard = Callable[[Action], None]


def _nobody(_action: Action) -> None:
    """Nobody listens."""


def apply(
    api: GoogleApi, actions: Iterable[Action], *, on_start: Heard = _nobody, on_done: Heard = _nobody
) -> None:
    """Every action is done, in order; `on_start` and `on_done` heard of each in time.

    Raises:
        AlreadyExists, ConcurrentChange: somebody else changed something since it was observed.
        SymbolonError: the first that cannot be done, as Google answers; those before it are done.
    """
    for action in actions:
        on_start(action)
        match action:
            case Enable():
                _enable(api, action)
            case Create():
                _create(api, action.resource)
            case Restore():
                doing = f"restoring {title_of(action.resource)}"
                operation = api.call("POST", f"{url_of(action.resource)}:undelete", doing=doing, body={})
                api.wait(operation, f"{IAM}/{operation['name']}", doing=doing)
            case Update():
                _update(api, action)
            case Give():
                allow_policies.give(api, action.grant)
            case Revoke():
                allow_policies.take(api, action.grant)
            case Delete():
                _delete(api, action)
            case DestroyVersions():
                for number in action.versions:
                    url = f"{url_of(action.key)}/cryptoKeyVersions/{number}:destroy"
                    api.call("POST", url, doing=str(action), body={})
            case _:
                assert_never(action)
        on_done(action)


def _enable(api: GoogleApi, action: Enable) -> None:
    project, names = action.apis[0].project, [each.name for each in action.apis]
    url = f"{SERVICE_USAGE}/projects/{project.number}/services:batchEnable"
    for start in range(0, len(names), _MOST_APIS_AT_ONCE):
        some = names[start : start + _MOST_APIS_AT_ONCE]
        doing = f"enabling {', '.join(some)}"
        operation = api.call("POST", url, doing=doing, body={"serviceIds": some})
        api.wait(operation, f"{SERVICE_USAGE}/{operation['name']}", doing=doing)


def _create(api: GoogleApi, resource: Made) -> None:
    creation, doing = creation_of(resource), f"creating {title_of(resource)}"
    answer = api.call("POST", creation.url, doing=doing, parameters=creation.parameters, body=creation.body)
    if creation.operations is not None:
        api.wait(answer, f"{creation.operations}/{answer['name']}", doing=doing)


def _update(api: GoogleApi, action: Update) -> None:
    url, doing = url_of(action.resource), f"updating {title_of(action.resource)}"
    if isinstance(action.resource, Bucket):
        api.call("PATCH", url, doing=doing, body=action.after)
        return
    mask = {"updateMask": ",".join(action.after)}
    operation = api.call("PATCH", url, doing=doing, parameters=mask, body=action.after)
    api.wait(operation, f"{IAM}/{operation['name']}", doing=doing)


def _delete(api: GoogleApi, action: Delete) -> None:
    """It is gone; what somebody else has deleted meanwhile is too."""
    doing = f"deleting {title_of(action.resource)}"
    try:
        if isinstance(action.resource, Bucket) and action.objects:
            _empty(api, action.resource)
        operation = api.call("DELETE", url_of(action.resource), doing=doing)
    except NotFound:
        return
    match action.resource:
        case Bucket() | ServiceAccount():
            return
        case WorkloadIdentityPool() | Provider():
            operations = IAM
        case DockerRepository():
            operations = ARTIFACT_REGISTRY
        case _:
            assert_never(action.resource)
    api.wait(operation, f"{operations}/{operation['name']}", doing=doing)


def _empty(api: GoogleApi, bucket: Bucket) -> None:
    """No version of any object is left; one that is written meanwhile keeps the bucket from being deleted."""
    url, doing = f"{STORAGE}/b/{bucket.name}/o", f"emptying {title_of(bucket)}"
    while items := api.call("GET", url, doing=doing, parameters={"versions": "true"}).get("items"):
        for item in items:
            try:
                name = quote(item["name"], safe="")
                api.call(
                    "DELETE", f"{url}/{name}", doing=doing, parameters={"generation": item["generation"]}
                )
            except NotFound:
                continue
