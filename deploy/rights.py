"""Who may do what, asked or read: nothing is changed by it.

Three ways, the surest first: the caller's own permissions are tested by Google (`held`); so are the service
account's, where the caller may speak for it (`speak_for`); else the allow policy is read, and what cannot be
seen in it is not known (`standing`).

Source: IAM API reference, `testIamPermissions`; IAM Service Account Credentials API,
`generateAccessToken`; IAM documentation, "Policies" and "IAM roles and permissions index".
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, assert_never

from attestation.errors import Denied, Misconfigured

from .allow_policies import is_granted, read_policy
from .failures import ApiDisabled, NotFound
from .google_api import GoogleApi, Json
from .observing import holds
from .resources import Bucket, CryptoKey, DockerRepository, Grant, Guarded, Project, ServiceAccount
from .rest import title_of, url_of

Standing = Literal["yes", "no", "unknown"]
_IAM_CREDENTIALS: Final = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
_TOKEN_LIFETIME_S: Final = 300
_EVERYBODY: Final = ("allUsers", "allAuthenticatedUsers")
_CUSTOM_ROLES: Final = ("projects/", "organizations/")
_PLURAL_MEMBERS: Final = (
    "group:",
    "domain:",
    "principal:",
    "principalSet:",
    "projectOwner:",
    "projectEditor:",
)


def held(api: GoogleApi, on: Guarded, permissions: Collection[str]) -> frozenset[str]:
    """Those of `permissions` that the caller holds on the resource.

    Raises:
        NotFound, Denied, Unavailable: as Google answers.
    """
    doing = f"asking what may be done with {title_of(on)}"
    asked = sorted(permissions)
    if isinstance(on, Bucket):
        url, parameters = f"{url_of(on)}/iam/testPermissions", {"permissions": asked}
        answer = api.call("GET", url, doing=doing, parameters=parameters)
    else:
        answer = api.call(
            "POST", f"{url_of(on)}:testIamPermissions", doing=doing, body={"permissions": asked}
        )
    return frozenset(answer.get("permissions", ()))


def needs(api: GoogleApi, grant: Grant, permission: str, project: Project) -> bool:
    """Whether the caller holds the permission by this grant alone, or does not hold it yet.

    So the grant is wanted the second time too, after the first has given it.

    Raises:
        Denied, Unavailable: as Google answers.
    """
    if permission in holds(api, project, [permission]):
        return False
    try:
        if permission not in held(api, grant.on, [permission]):
            return True
        return is_granted(
            read_policy(api, grant.on, doing=f"reading who may use {title_of(grant.on)}"), grant
        )
    except (ApiDisabled, NotFound):
        return True


def speak_for(api: GoogleApi, account: ServiceAccount, scope: str) -> GoogleApi | None:
    """Google's APIs as the account reaches them, for five minutes; None where the caller may not.

    Raises:
        Unavailable: as Google answers.
    """
    from google.oauth2.credentials import Credentials

    body = {"scope": [scope], "lifetime": f"{_TOKEN_LIFETIME_S}s"}
    url = f"{_IAM_CREDENTIALS}/{account.email}:generateAccessToken"
    try:
        answer = api.call("POST", url, doing=f"speaking for `{account.email}`", body=body)
    except (Denied, Misconfigured):
        return None
    return GoogleApi(Credentials(token=answer["accessToken"]), sleep=api.sleep)  # type: ignore[no-untyped-call]


def standing(policy: Json, member: str, roles: Collection[str]) -> Standing:
    """Whether the allow policy gives the member one of these roles.

    Not known where a group, a role of somebody's own or a binding with a condition may do so.
    """
    maybe = False
    for binding in policy.get("bindings", []):
        role, members = binding["role"], binding["members"]
        named = member in members or any(each in members for each in _EVERYBODY)
        if role in roles and named and "condition" not in binding:
            return "yes"
        may_be_member = named or any(each.startswith(_PLURAL_MEMBERS) for each in members)
        may_suffice = role in roles or role.startswith(_CUSTOM_ROLES)
        maybe = maybe or (may_be_member and may_suffice)
    return "unknown" if maybe else "no"


def grant_line(grant: Grant) -> str:
    """The line of gcloud's that grants it."""
    what = f"--member={grant.member} --role={grant.role}"
    match grant.on:
        case Project():
            return f"gcloud projects add-iam-policy-binding {grant.on.project_id} {what}"
        case Bucket():
            return f"gcloud storage buckets add-iam-policy-binding gs://{grant.on.name} {what}"
        case ServiceAccount():
            of = f"{grant.on.email} --project={grant.on.project.project_id}"
            return f"gcloud iam service-accounts add-iam-policy-binding {of} {what}"
        case DockerRepository():
            of = (
                f"{grant.on.repository_id} --project={grant.on.project.project_id}"
                f" --location={grant.on.location}"
            )
            return f"gcloud artifacts repositories add-iam-policy-binding {of} {what}"
        case CryptoKey():
            ring = grant.on.ring
            of = (
                f"{grant.on.key_id} --keyring={ring.ring_id} --location={ring.location}"
                f" --project={ring.project.project_id}"
            )
            return f"gcloud kms keys add-iam-policy-binding {of} {what}"
        case _:
            assert_never(grant.on)
