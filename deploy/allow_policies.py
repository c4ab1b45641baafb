"""One grant more in the allow policy of a resource, and nothing less.

Source: IAM documentation, "Policies" (read-modify-write under the etag; policy versions); REST
references of `getIamPolicy` and `setIamPolicy` of each service.
"""

from __future__ import annotations

from attestation.errors import Misconfigured

from .google_api import (
    ARTIFACT_REGISTRY,
    IAM,
    RESOURCE_MANAGER,
    STORAGE,
    ConcurrentChange,
    GoogleApi,
    Json,
)
from .resources import Bucket, DockerRepository, Grant, Guarded, Project, ServiceAccount

_TRIES = 5
_NEW_ACCOUNT_DELAY_S = 3.0
# Of a policy read in an older version the conditions are missing, and would be lost when it is
# written back.
_POLICY_VERSION = "3"


def give(api: GoogleApi, grant: Grant) -> bool:
    """The grant is in the policy; whether it had to be added.

    Where somebody else wrote in between, the policy is read again; so it is where the member is an
    account so new that the service does not know it yet.

    Raises:
        ConcurrentChange: somebody else wrote in between each time.
        Denied, Misconfigured, Unavailable: as Google answers.
    """
    doing = f"granting `{grant.role}` to `{grant.member}`"
    for last in (False,) * (_TRIES - 1) + (True,):
        policy = _read(api, grant.on, doing)
        if _is_granted(policy, grant):
            return False
        try:
            _write(api, grant.on, _with_grant(policy, grant), doing)
        except ConcurrentChange:
            if last:
                raise
        except Misconfigured as error:
            if last or "does not exist" not in error.message:
                raise
            api.sleep(_NEW_ACCOUNT_DELAY_S)
        else:
            return True
    raise AssertionError  # the last try has returned or raised


def _read(api: GoogleApi, on: Guarded, doing: str) -> Json:
    version = {"options.requestedPolicyVersion": _POLICY_VERSION}
    match on:
        case Bucket():
            version = {"optionsRequestedPolicyVersion": _POLICY_VERSION}
            return api.call("GET", _resource(on) + "/iam", doing=doing, parameters=version)
        case DockerRepository():
            return api.call("GET", _resource(on) + ":getIamPolicy", doing=doing, parameters=version)
        case ServiceAccount():
            return api.call("POST", _resource(on) + ":getIamPolicy", doing=doing, parameters=version)
        case Project():
            options = {"options": {"requestedPolicyVersion": int(_POLICY_VERSION)}}
            return api.call("POST", _resource(on) + ":getIamPolicy", doing=doing, body=options)


def _write(api: GoogleApi, on: Guarded, policy: Json, doing: str) -> None:
    if isinstance(on, Bucket):
        api.call("PUT", _resource(on) + "/iam", doing=doing, body=policy)
    else:
        api.call("POST", _resource(on) + ":setIamPolicy", doing=doing, body={"policy": policy})


def _resource(on: Guarded) -> str:
    match on:
        case Bucket():
            return f"{STORAGE}/b/{on.name}"
        case ServiceAccount():
            return f"{IAM}/projects/{on.project.project_id}/serviceAccounts/{on.email}"
        case DockerRepository():
            return f"{ARTIFACT_REGISTRY}/{on.name}"
        case Project():
            return f"{RESOURCE_MANAGER}/projects/{on.project_id}"


def _is_granted(policy: Json, grant: Grant) -> bool:
    return any(
        binding["role"] == grant.role and grant.member in binding["members"] and "condition" not in binding
        for binding in policy.get("bindings", [])
    )


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
