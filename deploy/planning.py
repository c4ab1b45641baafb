"""What has to be done, and nothing else: wanted resources and what was observed, as actions.

    plan(wanted, observe(api, wanted))      # () where everything is as wanted

An action is data: printed it is one line, and `applying.py` does it. A plan never takes over what
belongs to somebody else, never changes what was not made by this program, and never switches on what
somebody switched off: it is refused as a whole.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from attestation.errors import Misconfigured
from policy.provider import Provider

from .allow_policies import is_granted, members_of
from .failures import NotOurs
from .google_api import Json
from .marks import is_ours
from .observing import Observed, is_enabled, is_foreign, name_taken
from .resources import (
    Bucket,
    CryptoKey,
    Deletable,
    DockerRepository,
    EnabledApi,
    Grant,
    Made,
    NoOther,
    Resource,
    ServiceAccount,
    WorkloadIdentityPool,
    made_of,
)
from .rest import desired_of, policy_url_of, title_of, title_of_grant, url_of

Federation = WorkloadIdentityPool | Provider
"""What is deleted softly: its ID stays taken for 30 days, and it can be restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enable:
    """The project does not call these APIs yet."""

    apis: tuple[EnabledApi, ...]

    def __str__(self) -> str:
        return f"enable {', '.join(api.name for api in self.apis)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """The resource is not there."""

    resource: Made

    def __str__(self) -> str:
        return f"create {title_of(self.resource)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """The resource was deleted within the last 30 days."""

    resource: Federation

    def __str__(self) -> str:
        return f"restore {title_of(self.resource)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """The resource differs: `before` and `after` are the fields that do, as found and as wanted."""

    resource: Bucket | Provider
    before: Json
    after: Json

    def __str__(self) -> str:
        return f"update {title_of(self.resource)}: {', '.join(self.after)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Give:
    """The member does not hold the role."""

    grant: Grant

    def __str__(self) -> str:
        return f"grant {title_of_grant(self.grant)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke:
    """The member holds the role, and should not."""

    grant: Grant

    def __str__(self) -> str:
        return f"revoke {title_of_grant(self.grant)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """The resource goes, with `objects` things in it: every version of every object, or every image."""

    resource: Deletable
    objects: int = 0

    def __str__(self) -> str:
        things = f" with {self.objects} {self.kind}" if self.objects else ""
        return f"delete {title_of(self.resource)}{things}"

    @property
    def kind(self) -> str:
        """What the things in it are."""
        kind = "image" if isinstance(self.resource, DockerRepository) else "object"
        return kind if self.objects == 1 else f"{kind}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyVersions:
    """These versions of the key, by number, are destroyed once the time to restore them is over."""

    key: CryptoKey
    versions: tuple[str, ...]

    def __str__(self) -> str:
        return f"schedule for destruction {self.what} of {title_of(self.key)}"

    @property
    def what(self) -> str:
        """The versions in words."""
        return f"version{'s' if len(self.versions) > 1 else ''} {', '.join(self.versions)}"


Action = Enable | Create | Restore | Update | Give | Revoke | Delete | DestroyVersions


def plan(wanted: Iterable[Resource], observed: Observed) -> tuple[Action, ...]:
    """The actions after which everything wanted is as described, in the order of `wanted`.

    `observed` must hold what `observe` reads for these resources.

    Raises:
        NameTaken: a bucket is another project's.
        NotOurs: one would have to be changed, and was not made by this program.
        Misconfigured: one of them is disabled, or is something else.
    """
    resources = tuple(wanted)
    marked = {url_of(each) for each in made_of(resources) if is_ours(each, observed[url_of(each)])}
    actions: list[Action] = []
    if asleep := tuple(each for each in resources if _is_asleep(each, observed)):
        actions.append(Enable(apis=tuple(each for each in asleep if isinstance(each, EnabledApi))))
    for resource in resources:
        for action in _plan_one(resource, observed, marked):
            if action not in actions:
                actions.append(action)
    return tuple(actions)


def _is_asleep(resource: Resource, observed: Observed) -> bool:
    return isinstance(resource, EnabledApi) and not is_enabled(observed[url_of(resource)])


def _plan_one(resource: Resource, observed: Observed, marked: set[str]) -> tuple[Action, ...]:
    if isinstance(resource, EnabledApi):
        return ()
    if isinstance(resource, Grant):
        policy = observed[policy_url_of(resource.on)] or {}
        return () if is_granted(policy, resource) else (Give(grant=resource),)
    if isinstance(resource, NoOther):
        return others_of(resource, observed) if url_of(resource.on) in marked else ()
    found = observed[url_of(resource)]
    if found is None:
        return (Create(resource=resource),)
    _check_usable(resource, found)
    actions: list[Action] = []
    if isinstance(resource, Federation) and found.get("state") == "DELETED":
        actions.append(Restore(resource=resource))
    if isinstance(resource, Bucket | Provider) and (update := _update(resource, found)).after:
        actions.append(update)
    if actions and not is_ours(resource, found):
        raise _not_ours(resource, actions)
    return tuple(actions)


def others_of(wanted: NoOther, observed: Observed) -> tuple[Action, ...]:
    """Those who hold the role under such a name and are not meant to any more."""
    policy = observed[policy_url_of(wanted.on)] or {}
    return tuple(
        Revoke(grant=Grant(on=wanted.on, role=wanted.role, member=member))
        for member in members_of(policy, wanted.role)
        if member.startswith(wanted.prefix) and member not in wanted.members
    )


def _update(resource: Bucket | Provider, found: Json) -> Update:
    """The fields that differ. A bucket has settings that are not ours; of a provider each field is, whole."""
    same = _holds if isinstance(resource, Bucket) else operator.eq
    before = {name: found.get(name, _LEFT_OUT.get(name)) for name in desired_of(resource)}
    after = {name: value for name, value in desired_of(resource).items() if not same(before[name], value)}
    return Update(resource=resource, before={name: before[name] for name in after}, after=after)


_LEFT_OUT: Mapping[str, object] = {"attributeCondition": ""}
"""What Google means where a field is left out."""


def _not_ours(resource: Made, actions: Iterable[Action]) -> NotOurs:
    title = title_of(resource)
    if any(isinstance(each, Restore) for each in actions):
        return NotOurs(
            f"{title} was deleted less than 30 days ago, and was not made by symbolon",
            taken_id=url_of(resource).rpartition("/")[2],
            hint="choose another ID, or restore it yourself by gcloud's `undelete`",
        )
    fields = ", ".join(name for each in actions if isinstance(each, Update) for name in each.after)
    return NotOurs(
        f"{title} was not made by symbolon, and differs in `{fields}`",
        hint="change it yourself, choose another name, or put symbolon's mark on it (`symbolon --explain "
        "not-ours`)",
    )


def _check_usable(resource: Made, found: Json) -> None:
    title = title_of(resource)
    if isinstance(resource, Bucket) and is_foreign(resource, found):
        raise name_taken(resource, f"project number `{found.get('projectNumber')}`")
    if isinstance(resource, Bucket) and found.get("location", "").lower() not in (
        "",
        resource.location.lower(),
    ):
        raise Misconfigured(
            f"{title} is in `{found['location']}`, and a bucket cannot move to `{resource.location}`",
            hint=f"name its location, `{found['location'].lower()}`, or another bucket",
        )
    if isinstance(resource, DockerRepository) and found["format"] != "DOCKER":
        raise Misconfigured(
            f"{title} holds `{found['format']}`, not docker images", hint="choose another name for the images"
        )
    if isinstance(resource, CryptoKey):
        _check_key_usable(resource, found)
    if found.get("disabled"):
        raise Misconfigured(
            f"{title} is disabled",
            hint=f"somebody switched it off; if it is to be on again: {switching_on(resource)}",
        )


def switching_on(resource: Made) -> str:
    """The command by which a person switches on what somebody has switched off; no plan does."""
    pools = "gcloud iam workload-identity-pools"
    match resource:
        case ServiceAccount():
            project = resource.project.project_id
            return f"gcloud iam service-accounts enable {resource.email} --project={project}"
        case WorkloadIdentityPool():
            return f"{pools} update {resource.name} --no-disabled"
        case Provider():
            return f"{pools} providers update-oidc {resource.name} --no-disabled"
    return f"`gcloud` has the command for {title_of(resource)}"


def _check_key_usable(key: CryptoKey, found: Json) -> None:
    title = title_of(key)
    if found.get("purpose") != "ENCRYPT_DECRYPT":
        raise Misconfigured(
            f"{title} is for `{found.get('purpose')}`, and not for encryption and decryption",
            hint="name another key, which is made then",
        )
    state = str((found.get("primary") or {}).get("state", ""))
    if state not in ("ENABLED", "PENDING_GENERATION"):
        place = f"--keyring={key.ring.ring_id} --location={key.ring.location}"
        raise Misconfigured(
            f"{title} encrypts nothing: "
            + (f"its primary version is `{state}`" if state else "it has no primary version"),
            hint="restore or enable that version, which what was wrapped by it needs, or make another:"
            f" gcloud kms keys versions create --primary --key={key.key_id} {place}"
            f" --project={key.ring.project.project_id}",
        )


def _holds(found: Any, desired: object) -> bool:
    """Everything desired is found; what is found besides does not matter."""
    if not isinstance(desired, Mapping):
        return bool(found == desired)
    return isinstance(found, Mapping) and all(_holds(found.get(key), value) for key, value in desired.items())
