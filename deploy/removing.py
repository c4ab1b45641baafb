"""What has to go, so that nothing is left of ours: the same resources and what was observed, as actions.

    plan_removal(wanted, observe(api, wanted), contents)

In the reverse order of creation. What does not bear our mark stays; a grant goes where its member is ours, or
goes with what it stands on. APIs stay enabled: others in the project may call them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import assert_never

from attestation.errors import Misconfigured
from policy.provider import Provider

from .allow_policies import is_granted
from .failures import NotOurs
from .google_api import STORAGE, GoogleApi
from .marks import is_ours
from .observing import Observed
from .planning import Action, Delete, Revoke
from .resources import (
    Bucket,
    DockerRepository,
    EnabledApi,
    Grant,
    Made,
    NoOther,
    Project,
    Resource,
    ServiceAccount,
    WorkloadIdentityPool,
    made_of,
)
from .rest import policy_url_of, title_of, url_of

Contents = Mapping[str, tuple[str, ...]]
"""Of a bucket, a repository and a pool, by address: what is in it that would go with it."""

_MOST_COUNTED = 1000


def look_inside(api: GoogleApi, wanted: Iterable[Resource], observed: Observed) -> Contents:
    """Of each bucket of ours the versions of objects, of a repository its images, of a pool its providers.

    Of objects and images, a thousand at most.
    """
    return {
        url_of(each): _inside(api, each)
        for each in made_of(wanted)
        if isinstance(each, _Holding) and _is_there(each, observed)
    }


_Holding = Bucket | DockerRepository | WorkloadIdentityPool


def _inside(api: GoogleApi, holding: _Holding) -> tuple[str, ...]:
    match holding:
        case Bucket():
            answer = api.call(
                "GET",
                f"{STORAGE}/b/{holding.name}/o",
                doing=f"listing {title_of(holding)}",
                parameters={"versions": "true", "maxResults": str(_MOST_COUNTED)},
            )
            return tuple(item["name"] for item in answer.get("items", []))
        case DockerRepository():
            answer = api.call(
                "GET",
                f"{url_of(holding)}/dockerImages",
                doing=f"listing the images of {title_of(holding)}",
                parameters={"pageSize": str(_MOST_COUNTED)},
            )
            return tuple(image["name"].rpartition("/")[2] for image in answer.get("dockerImages", []))
        case WorkloadIdentityPool():
            answer = api.call(
                "GET", f"{url_of(holding)}/providers", doing=f"listing the providers of {title_of(holding)}"
            )
            providers = answer.get("workloadIdentityPoolProviders", [])
            return tuple(
                provider["name"].rpartition("/")[2]
                for provider in providers
                if provider.get("state") != "DELETED"
            )
        case _:
            assert_never(holding)


def plan_removal(
    wanted: Iterable[Resource], observed: Observed, contents: Contents, *, with_contents: bool
) -> tuple[Action, ...]:
    """The actions after which nothing of these is there that bears our mark.

    Raises:
        Misconfigured: a bucket holds objects or a repository images, and `with_contents` is false.
        NotOurs: a pool has a provider that is none of `wanted`.
    """
    resources = tuple(wanted)
    going = {url_of(each): each for each in made_of(resources) if _is_there(each, observed)}
    actions: list[Action] = []
    for resource in reversed(resources):
        action: Action | None = None
        if isinstance(resource, Grant):
            if _goes_by_itself(resource, observed, going):
                action = Revoke(grant=resource)
        elif not isinstance(resource, EnabledApi | NoOther) and url_of(resource) in going:
            _check_contents(resource, contents, going, with_contents=with_contents)
            inside = contents.get(url_of(resource), ())
            goes_along = len(inside) if isinstance(resource, Bucket | DockerRepository) else 0
            action = Delete(resource=resource, objects=goes_along)
        if action is not None and action not in actions:
            actions.append(action)
    return tuple(actions)


def _is_there(resource: Made, observed: Observed) -> bool:
    found = observed[url_of(resource)]
    return is_ours(resource, found) and (found or {}).get("state") != "DELETED"


def _goes_by_itself(grant: Grant, observed: Observed, going: Mapping[str, Made]) -> bool:
    """Whether it is given, its member is ours, and what it stands on stays."""
    stays = isinstance(grant.on, Project) or url_of(grant.on) not in going
    given = is_granted(observed[policy_url_of(grant.on)] or {}, grant)
    return given and stays and any(_is_member(grant.member, each) for each in going.values())


def _is_member(member: str, resource: Made) -> bool:
    if isinstance(resource, ServiceAccount):
        return member == resource.member
    if isinstance(resource, WorkloadIdentityPool):
        return member.startswith(f"principalSet://iam.googleapis.com/{resource.name}/")
    return False


def _check_contents(
    resource: Made, contents: Contents, going: Mapping[str, Made], *, with_contents: bool
) -> None:
    inside = contents.get(url_of(resource), ())
    if isinstance(resource, Bucket | DockerRepository) and inside and not with_contents:
        many = f"{len(inside)} or more" if len(inside) >= _MOST_COUNTED else str(len(inside))
        is_bucket = isinstance(resource, Bucket)
        what = ("object" if is_bucket else "image") + ("s" if len(inside) > 1 else "")
        what += ", overwritten ones counted" if is_bucket else ""
        raise Misconfigured(
            f"{title_of(resource)} holds {many} {what}: nothing was deleted",
            hint="look at what they are; with --with-contents they are deleted too",
        )
    if isinstance(resource, WorkloadIdentityPool):
        ours = {each.name.rpartition("/")[2] for each in going.values() if isinstance(each, Provider)}
        for provider in inside:
            if provider not in ours:
                raise NotOurs(
                    f"{title_of(resource)} has provider `{provider}`, which was not made by symbolon",
                    hint="delete that one yourself first, if it is not needed",
                )


def stays(resource: Made, observed: Observed) -> str:
    """Why it is not deleted, in words; "" where it is."""
    found = observed[url_of(resource)]
    if found is None:
        return "is not there"
    if not is_ours(resource, found):
        return "was not made by symbolon"
    if found.get("state") == "DELETED":
        when = str(found.get("expireTime", ""))[:10]
        return "is deleted already" + (f"; its ID is free again on {when}" if when else "")
    return ""
