"""What stands in the cloud now, of all that somebody wants there. Nothing is changed by looking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .allow_policies import read_policy
from .failures import NameTaken, NotFound, PermissionDenied
from .google_api import RESOURCE_MANAGER, SERVICE_USAGE, GoogleApi, Json
from .resources import Bucket, EnabledApi, Grant, Guarded, Made, NoOther, Project, Resource
from .rest import api_of, policy_url_of, title_of, url_of

Observed = Mapping[str, Json | None]
"""What was read, by the address that it was read from; None: nothing is there."""

_MOST_AT_ONCE = 20


def observe(api: GoogleApi, wanted: Iterable[Resource]) -> Observed:
    """Everything that `plan` asks of these resources, each read once.

    Where an API is wanted that is not enabled yet, nothing of it can be read: what it has is taken for not
    there. The policy of what is not there, or is somebody else's, is not asked for: nobody could be granted
    anything on it.

    Raises:
        NameTaken: a bucket's name is another project's.
        Denied, Unavailable: as Google answers.
    """
    resources = tuple(wanted)
    observed: dict[str, Json | None] = {}
    observed.update(_read_apis(api, [each for each in resources if isinstance(each, EnabledApi)]))
    disabled = {url.rpartition("/")[2] for url, found in observed.items() if not is_enabled(found)}
    for resource in resources:
        if isinstance(resource, Grant | NoOther | EnabledApi) or url_of(resource) in observed:
            continue
        observed[url_of(resource)] = None if api_of(resource) in disabled else _read(api, resource)
    for on in (resource.on for resource in resources if isinstance(resource, Grant | NoOther)):
        if policy_url_of(on) in observed:
            continue
        found = observed.get(url_of(on), {})
        missing = found is None
        foreign = isinstance(on, Bucket) and bool(found) and is_foreign(on, found or {})
        observed[policy_url_of(on)] = None if missing or foreign else _read_policy(api, on)
    return observed


def is_enabled(found: Json | None) -> bool:
    """Whether what was read of an API says that it is enabled."""
    return bool((found or {}).get("state") == "ENABLED")


def is_foreign(bucket: Bucket, found: Json) -> bool:
    """Whether it is another project's: names are global, and somebody who guessed ours may have taken it."""
    return bool(found.get("projectNumber") != bucket.project.number)


def name_taken(bucket: Bucket, whose: str) -> NameTaken:
    """The error of a bucket's name that is not to be had."""
    return NameTaken(
        f"{title_of(bucket)} belongs to {whose}", hint="choose another name; nothing was written to it"
    )


def _read_apis(api: GoogleApi, wanted: Sequence[EnabledApi]) -> dict[str, Json | None]:
    """The state of each API, some at a time; one that Google does not name is not enabled."""
    observed: dict[str, Json | None] = {url_of(each): None for each in wanted}
    for start in range(0, len(wanted), _MOST_AT_ONCE):
        some = wanted[start : start + _MOST_AT_ONCE]
        project = some[0].project
        names = [f"projects/{project.number}/services/{each.name}" for each in some]
        answer = api.call(
            "GET",
            f"{SERVICE_USAGE}/projects/{project.number}/services:batchGet",
            doing=f"reading which APIs project `{project.project_id}` has enabled",
            parameters={"names": names},
        )
        states = {each["name"].rpartition("/")[2]: each for each in answer.get("services", [])}
        observed |= {url_of(each): states.get(each.name) for each in some}
    return observed


def _read(api: GoogleApi, resource: Made) -> Json | None:
    try:
        return api.call("GET", url_of(resource), doing=f"reading {title_of(resource)}")
    except NotFound:
        return None
    except PermissionDenied:
        # Of a bucket that is another project's, Google says that the caller may not see it.
        if isinstance(resource, Bucket) and holds(api, resource.project, ["storage.buckets.get"]):
            raise name_taken(resource, "another project") from None
        raise


def _read_policy(api: GoogleApi, on: Guarded) -> Json | None:
    try:
        return read_policy(api, on, doing=f"reading who may use {title_of(on)}")
    except NotFound:
        return None


def holds(api: GoogleApi, project: Project, permissions: Sequence[str]) -> frozenset[str]:
    """Those of the permissions that the caller holds on the project."""
    answer = api.call(
        "POST",
        f"{RESOURCE_MANAGER}/projects/{project.project_id}:testIamPermissions",
        doing=f"asking what you may do in project `{project.project_id}`",
        body={"permissions": list(permissions)},
    )
    return frozenset(answer.get("permissions", []))


def look_up_project(api: GoogleApi, project_id: str) -> Project:
    """The project of that ID, with its number.

    Raises:
        Denied: there is none, or the caller may not see it; Google does not say which.
    """
    url = url_of(Project(project_id=project_id, number=""))
    answer = api.call("GET", url, doing=f"finding project `{project_id}`")
    return Project(project_id=project_id, number=answer["name"].removeprefix("projects/"))
