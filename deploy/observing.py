"""What stands in the cloud now, of all that somebody wants there. Nothing is changed by looking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .allow_policies import read_policy
from .google_api import GoogleApi, Json, NotFound
from .resources import Bucket, Grant, Guarded, Made, Project, Resource
from .rest import policy_url_of, title_of, url_of

Observed = Mapping[str, Json | None]
"""What was read, by the address that it was read from; None: nothing is there."""


def observe(api: GoogleApi, wanted: Iterable[Resource]) -> Observed:
    """Everything that `plan` asks of these resources, each read once.

    The policy of what is not there, or is somebody else's, is not asked for: nobody could be granted
    anything on it.

    Raises:
        Denied, Unavailable: as Google answers.
    """
    resources = tuple(wanted)
    observed: dict[str, Json | None] = {}
    for resource in resources:
        if not isinstance(resource, Grant) and url_of(resource) not in observed:
            observed[url_of(resource)] = _read(api, resource)
    for on in (resource.on for resource in resources if isinstance(resource, Grant)):
        if policy_url_of(on) in observed:
            continue
        found = observed.get(url_of(on), {})
        missing = found is None
        foreign = isinstance(on, Bucket) and bool(found) and is_foreign(on, found or {})
        observed[policy_url_of(on)] = None if missing or foreign else _read_policy(api, on)
    return observed


def is_foreign(bucket: Bucket, found: Json) -> bool:
    """Whether it is another project's: names are global, and somebody who guessed ours may have taken it."""
    return bool(found.get("projectNumber") != bucket.project.number)


def _read(api: GoogleApi, resource: Made) -> Json | None:
    try:
        return api.call("GET", url_of(resource), doing=f"reading {title_of(resource)}")
    except NotFound:
        return None


def _read_policy(api: GoogleApi, on: Guarded) -> Json | None:
    try:
        return read_policy(api, on, doing=f"reading who may use {title_of(on)}")
    except NotFound:
        return None


def look_up_project(api: GoogleApi, project_id: str) -> Project:
    """The project of that ID, with its number.

    Raises:
        Denied: there is none, or the caller may not see it; Google does not say which.
    """
    url = url_of(Project(project_id=project_id, number=""))
    answer = api.call("GET", url, doing=f"finding project `{project_id}`")
    return Project(project_id=project_id, number=answer["name"].removeprefix("projects/"))
