"""What has to be done, and nothing else: wanted resources and what was observed, as actions.

    plan(wanted, observe(api, wanted))      # () where everything is as wanted

An action is data: printed it is one line, and `applying.py` does it. A plan never takes over what
belongs to somebody else, and never switches on what somebody switched off: it is refused as a whole.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from attestation.errors import Misconfigured
from policy.provider import Provider

from .allow_policies import is_granted
from .google_api import Json
from .observing import Observed, is_foreign
from .resources import Bucket, DockerRepository, Grant, Made, Resource, WorkloadIdentityPool
from .rest import desired_of, policy_url_of, title_of, title_of_grant, url_of

Federation = WorkloadIdentityPool | Provider
"""What is deleted softly: its ID stays taken for 30 days, and it can be restored."""


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


Action = Create | Restore | Update | Give


def plan(wanted: Iterable[Resource], observed: Observed) -> tuple[Action, ...]:
    """The actions after which everything wanted is as described, in the order of `wanted`.

    `observed` must hold what `observe` reads for these resources.

    Raises:
        Misconfigured: one of them belongs to somebody else, is disabled, or is something else.
    """
    actions: list[Action] = []
    for resource in wanted:
        for action in _plan_one(resource, observed):
            if action not in actions:
                actions.append(action)
    return tuple(actions)


def _plan_one(resource: Resource, observed: Observed) -> tuple[Action, ...]:
    if isinstance(resource, Grant):
        policy = observed[policy_url_of(resource.on)] or {}
        return () if is_granted(policy, resource) else (Give(grant=resource),)
    found = observed[url_of(resource)]
    if found is None:
        return (Create(resource=resource),)
    _check_usable(resource, found)
    actions: list[Action] = []
    if isinstance(resource, Federation) and found.get("state") == "DELETED":
        actions.append(Restore(resource=resource))
    if isinstance(resource, Bucket | Provider) and (update := _update(resource, found)).after:
        actions.append(update)
    return tuple(actions)


def _update(resource: Bucket | Provider, found: Json) -> Update:
    """The fields that differ. A bucket has settings that are not ours; of a provider each field is, whole."""
    same = _holds if isinstance(resource, Bucket) else operator.eq
    before = {name: found.get(name, _LEFT_OUT.get(name)) for name in desired_of(resource)}
    after = {name: value for name, value in desired_of(resource).items() if not same(before[name], value)}
    return Update(resource=resource, before={name: before[name] for name in after}, after=after)


_LEFT_OUT: Mapping[str, object] = {"attributeCondition": ""}
"""What Google means where a field is left out."""


def _check_usable(resource: Made, found: Json) -> None:
    title = title_of(resource)
    if isinstance(resource, Bucket) and is_foreign(resource, found):
        raise Misconfigured(
            f"{title} belongs to project number `{found.get('projectNumber')}`",
            hint="choose another name; nothing was written to it",
        )
    if isinstance(resource, DockerRepository) and found["format"] != "DOCKER":
        raise Misconfigured(
            f"{title} holds `{found['format']}`, not docker images", hint="choose another name for the images"
        )
    if found.get("disabled"):
        raise Misconfigured(
            f"{title} is disabled", hint="somebody switched it off; switch it on yourself if that is wanted"
        )


def _holds(found: Any, desired: object) -> bool:
    """Everything desired is found; what is found besides does not matter."""
    if not isinstance(desired, Mapping):
        return bool(found == desired)
    return isinstance(found, Mapping) and all(_holds(found.get(key), value) for key, value in desired.items())
