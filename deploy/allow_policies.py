"""One grant more in the allow policy of a resource, or one less, and nothing else.

Source: IAM documentation, "Policies" (read-modify-write under the etag; policy versions); REST
references of `getIamPolicy` and `setIamPolicy` of each service.
"""

from __future__ import annotations

from collections.abc import Callable

from attestation.errors import Misconfigured

from .google_api import ConcurrentChange, GoogleApi, Json, NotFound
from .resources import Bucket, CryptoKey, DockerRepository, Grant, Guarded, Project, ServiceAccount
from .rest import policy_url_of, title_of_grant, url_of

_DELAYS_S = (0.1, 0.2, 0.4, 0.8)
_NEW_ACCOUNT_DELAY_S = 3.0
# Of a policy read in an older version the conditions are missing, and would be lost when it is
# written back.
_POLICY_VERSION = "3"


def give(api: GoogleApi, grant: Grant) -> bool:
    """The grant is in the policy; whether it had to be added.

    Only a policy that was read just now can be written, because its etag goes with it: this reading is
    part of the writing, and decides nothing that the plan has not.

    Where somebody else wrote in between, the policy is read again; so it is where the member is an
    account so new that the service does not know it yet.

    Raises:
        ConcurrentChange: somebody else wrote in between each time.
        Denied, Misconfigured, Unavailable: as Google answers.
    """
    return _rewrite(api, grant, _with_grant, wanted=True, doing=f"granting {title_of_grant(grant)}")


def take(api: GoogleApi, grant: Grant) -> bool:
    """The grant is not in the policy; whether it had to be removed.

    Raises:
        As `give` does; a resource that is gone has no policy, and so no such grant.
    """
    try:
        return _rewrite(api, grant, _without_grant, wanted=False, doing=f"revoking {title_of_grant(grant)}")
    except NotFound:
        return False


def _rewrite(
    api: GoogleApi, grant: Grant, change: Callable[[Json, Grant], Json], *, wanted: bool, doing: str
) -> bool:
    """The policy says so of the grant; whether it had to be written."""
    for delay_s in (*_DELAYS_S, None):
        policy = read_policy(api, grant.on, doing=doing)
        if is_granted(policy, grant) is wanted:
            return False
        try:
            _write(api, grant.on, change(policy, grant), doing)
        except ConcurrentChange:
            if delay_s is None:
                raise
            api.pause(delay_s)
        except NotFound:
            raise
        except Misconfigured as error:
            if delay_s is None or "does not exist" not in error.message:
                raise
            api.pause(_NEW_ACCOUNT_DELAY_S)
        else:
            return True
    raise AssertionError  # the last try has returned or raised


def read_policy(api: GoogleApi, on: Guarded, *, doing: str) -> Json:
    """The allow policy, with the conditions of its bindings.

    Raises:
        NotFound: there is no such resource.
        Denied, Unavailable: as Google answers.
    """
    url = policy_url_of(on)
    match on:
        case Bucket():
            parameters = {"optionsRequestedPolicyVersion": _POLICY_VERSION}
            return api.call("GET", url, doing=doing, parameters=parameters)
        case DockerRepository() | ServiceAccount() | CryptoKey():
            method = "POST" if isinstance(on, ServiceAccount) else "GET"
            parameters = {"options.requestedPolicyVersion": _POLICY_VERSION}
            return api.call(method, url, doing=doing, parameters=parameters)
        case Project():
            options = {"options": {"requestedPolicyVersion": int(_POLICY_VERSION)}}
            return api.call("POST", url, doing=doing, body=options)


def _write(api: GoogleApi, on: Guarded, policy: Json, doing: str) -> None:
    if isinstance(on, Bucket):
        api.call("PUT", policy_url_of(on), doing=doing, body=policy)
    else:
        api.call("POST", url_of(on) + ":setIamPolicy", doing=doing, body={"policy": policy})


def is_granted(policy: Json, grant: Grant) -> bool:
    """Whether the member holds the role without any condition."""
    return any(
        binding["role"] == grant.role and grant.member in binding["members"] and "condition" not in binding
        for binding in policy.get("bindings", [])
    )


def members_of(policy: Json, role: str) -> list[str]:
    """Who holds the role without any condition, each once, in order."""
    found = [
        member
        for binding in policy.get("bindings", [])
        if binding["role"] == role and "condition" not in binding
        for member in binding["members"]
    ]
    return sorted(set(found))


def _with_grant(policy: Json, grant: Grant) -> Json:
    """The policy with one member more; a binding that has a condition is left as it is."""
    bindings: list[Json] = [dict(binding) for binding in policy.get("bindings", [])]
    for binding in bindings:
        if binding["role"] == grant.role and "condition" not in binding:
            binding["members"] = [*binding["members"], grant.member]
            break
    else:
        bindings.append({"role": grant.role, "members": [grant.member]})
    return {**policy, "bindings": bindings}


def _without_grant(policy: Json, grant: Grant) -> Json:
    """The policy with one member less; a binding that has a condition is left as it is."""
    bindings: list[Json] = []
    for binding in policy.get("bindings", []):
        members = list(binding["members"])
        if binding["role"] == grant.role and "condition" not in binding:
            members = [member for member in members if member != grant.member]
        if members:
            bindings.append({**binding, "members": members})
    return {**policy, "bindings": bindings}
