"""What has to go, so that nothing is left of ours: the same resources and what was observed, as actions.

    plan_removal(wanted, observe(api, wanted), contents)

In the reverse order of creation. What does not bear our mark stays; a grant goes where its member is ours, or
goes with what it stands on. APIs stay enabled: others in the project may call them. A key ring and a
key stay: of a key the versions go, where that is said, and whoever our pool lets in is bound to it no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import assert_never

from attestation.errors import Misconfigured
from policy.provider import Provider

from .allow_policies import is_granted
from .failures import NotOurs
from .google_api import STORAGE, GoogleApi
from .marks import is_ours
from .observing import Observed
from .planning import Action, Delete, DestroyVersions, Revoke, others_of
from .resources import (
    Bucket,
    CryptoKey,
    DockerRepository,
    EnabledApi,
    Grant,
    Guarded,
    KeyRing,
    Lasting,
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
"""Of a bucket, a repository, a pool and a key, by address: what is in it that would go with it."""

_MOST_COUNTED = 1000
_USABLE = ("ENABLED", "DISABLED")


def look_inside(api: GoogleApi, wanted: Iterable[Resource], observed: Observed) -> Contents:
    """Of each bucket of ours the versions of objects, of a repository its images, of a pool its providers.

    Of a key, the numbers of the versions that are neither destroyed nor on the way to it. Of objects and
    images, a thousand at most.
    """
    return {
        url_of(each): _inside(api, each)
        for each in made_of(wanted)
        if isinstance(each, _Holding) and _is_there(each, observed)
    }


_Holding = Bucket | DockerRepository | WorkloadIdentityPool | CryptoKey


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
        case CryptoKey():
            return tuple(_usable_versions(api, holding))
        case _:
            assert_never(holding)


def _usable_versions(api: GoogleApi, key: CryptoKey) -> Iterator[str]:
    parameters: dict[str, str | list[str]] = {"pageSize": str(_MOST_COUNTED)}
    while True:
        url, doing = f"{url_of(key)}/cryptoKeyVersions", f"listing the versions of {title_of(key)}"
        answer = api.call("GET", url, doing=doing, parameters=parameters)
        for version in answer.get("cryptoKeyVersions", []):
            if version.get("state") in _USABLE:
                yield version["name"].rpartition("/")[2]
        if not answer.get("nextPageToken"):
            return
        parameters["pageToken"] = answer["nextPageToken"]


def plan_removal(
    wanted: Iterable[Resource],
    observed: Observed,
    contents: Contents,
    *,
    with_contents: bool,
    with_versions: bool = False,
) -> tuple[Action, ...]:
    """The actions after which nothing of these is there that bears our mark, but key rings and keys.

    `with_versions`: what was ever wrapped by a key of ours is lost, once Google's time to restore it is over.

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
        elif isinstance(resource, NoOther):
            actions += _revoked(resource, observed, going)
        elif isinstance(resource, KeyRing):
            continue
        elif isinstance(resource, CryptoKey):
            versions = contents.get(url_of(resource), ())
            if versions and with_versions:
                action = DestroyVersions(key=resource, versions=versions)
        elif not isinstance(resource, EnabledApi) and url_of(resource) in going:
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


def _revoked(last: NoOther, observed: Observed, going: Mapping[str, Made]) -> tuple[Action, ...]:
    """Whoever of a pool of ours holds the role, where what it stands on stays; or where that is ours."""
    if not _stays(last.on, going) or observed[url_of(last.on)] is None:
        return ()
    ours = url_of(last.on) in going or any(_is_member(last.prefix, each) for each in going.values())
    return others_of(last, observed) if ours else ()


def _stays(on: Guarded, going: Mapping[str, Made]) -> bool:
    return isinstance(on, Project | Lasting) or url_of(on) not in going


def _goes_by_itself(grant: Grant, observed: Observed, going: Mapping[str, Made]) -> bool:
    """Whether it is given, its member is ours, and what it stands on stays."""
    given = is_granted(observed[policy_url_of(grant.on)] or {}, grant)
    is_to_ours = any(_is_member(grant.member, each) for each in going.values())
    return given and is_to_ours and _stays(grant.on, going)


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
    if isinstance(resource, KeyRing):
        return "stays: it is no more than a name, and costs nothing"
    if not is_ours(resource, found):
        return "was not made by symbolon"
    if isinstance(resource, CryptoKey):
        return "stays, with its versions: --with-contents schedules those that are left for destruction"
    if found.get("state") == "DELETED":
        when = str(found.get("expireTime", ""))[:10]
        return "is deleted already" + (f"; its ID is free again on {when}" if when else "")
    return ""
