"""Who may do what: predefined roles, and allow policies on a resource and on its project.

Source: IAM documentation, "IAM roles and permissions index" and "Policies". Only the roles
that a Confidential Space deployment grants are here, with the permissions that the emulator
asks for; conditions on bindings, deny policies, folders and organizations are absent.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from ..access_tokens import Caller
from ..errors import GoogleError, not_emulated, refuse_other_fields
from ..state import Document, State

_OBJECT_READ = frozenset({"storage.objects.get", "storage.objects.list"})
_OBJECT_WRITE = _OBJECT_READ | {"storage.objects.create", "storage.objects.delete", "storage.objects.update"}
_BUCKET_ADMIN = frozenset(
    f"storage.buckets.{verb}"
    for verb in ("create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update")
)
_POOLS = frozenset(
    f"iam.{kind}.{verb}"
    for kind in ("workloadIdentityPools", "workloadIdentityPoolProviders")
    for verb in ("create", "delete", "get", "list", "undelete", "update")
)
_SERVICE_ACCOUNTS = frozenset(
    f"iam.serviceAccounts.{verb}"
    for verb in (
        "create",
        "delete",
        "disable",
        "enable",
        "get",
        "getIamPolicy",
        "list",
        "setIamPolicy",
        "undelete",
        "update",
    )
)
_SEE_INSTANCES = frozenset(
    {
        "compute.images.get",
        "compute.images.getFromFamily",
        "compute.images.list",
        "compute.instances.get",
        "compute.instances.getSerialPortOutput",
        "compute.instances.list",
        "compute.machineTypes.get",
        "compute.machineTypes.list",
        "compute.regions.get",
        "compute.zones.get",
        "compute.zones.list",
    }
)
_INSTANCES = _SEE_INSTANCES | {
    f"compute.instances.{verb}" for verb in ("create", "delete", "setLabels", "setMetadata", "start", "stop")
}
_SEE_PROJECT = frozenset({"resourcemanager.projects.get"})
_READ_LOGS = frozenset({"logging.logEntries.list"})
_SERVICES = frozenset(f"serviceusage.services.{verb}" for verb in ("disable", "enable", "get", "list"))
_REPOSITORIES = frozenset(
    f"artifactregistry.repositories.{verb}"
    for verb in ("create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update")
)
_PULL = frozenset({"artifactregistry.repositories.downloadArtifacts"}) | {
    f"artifactregistry.{kind}.{verb}"
    for kind in ("dockerimages", "packages", "repositories", "tags", "versions")
    for verb in ("get", "list")
}
_PUSH = _PULL | {
    f"artifactregistry.{what}" for what in ("repositories.uploadArtifacts", "tags.create", "tags.update")
}
_DELETE_IMAGES = _PUSH | {
    "artifactregistry.repositories.deleteArtifacts",
    *(f"artifactregistry.{kind}.delete" for kind in ("packages", "tags", "versions")),
}
_SEE_KEYS = frozenset(
    f"cloudkms.{kind}.{verb}"
    for kind in ("cryptoKeyVersions", "cryptoKeys", "keyRings", "locations")
    for verb in ("get", "list")
)
_SEE_KEY_LOCATIONS = frozenset({"cloudkms.locations.get", "cloudkms.locations.list"})
_ENCRYPT = frozenset({"cloudkms.cryptoKeyVersions.useToEncrypt"})
_DECRYPT = frozenset({"cloudkms.cryptoKeyVersions.useToDecrypt"})
_KEYS = _SEE_KEYS | {
    *(f"cloudkms.cryptoKeyVersions.{verb}" for verb in ("create", "destroy", "restore", "update")),
    *(f"cloudkms.cryptoKeys.{verb}" for verb in ("create", "getIamPolicy", "setIamPolicy", "update")),
    *(f"cloudkms.keyRings.{verb}" for verb in ("create", "getIamPolicy", "setIamPolicy")),
}

ROLES: Mapping[str, frozenset[str]] = {
    "roles/storage.objectViewer": _OBJECT_READ,
    "roles/storage.objectCreator": frozenset({"storage.objects.create"}),
    "roles/storage.objectUser": _OBJECT_WRITE,
    "roles/storage.objectAdmin": _OBJECT_WRITE,
    "roles/storage.legacyObjectOwner": frozenset({"storage.objects.get", "storage.objects.update"}),
    "roles/storage.legacyObjectReader": frozenset({"storage.objects.get"}),
    "roles/storage.legacyBucketOwner": frozenset(
        {
            "storage.buckets.get",
            "storage.buckets.getIamPolicy",
            "storage.buckets.setIamPolicy",
            "storage.buckets.update",
            "storage.objects.create",
            "storage.objects.delete",
            "storage.objects.list",
        }
    ),
    "roles/storage.legacyBucketWriter": frozenset(
        {
            "storage.buckets.get",
            "storage.objects.create",
            "storage.objects.delete",
            "storage.objects.list",
        }
    ),
    "roles/storage.legacyBucketReader": frozenset({"storage.buckets.get", "storage.objects.list"}),
    "roles/storage.bucketViewer": frozenset({"storage.buckets.get", "storage.buckets.list"}),
    "roles/storage.admin": _OBJECT_WRITE | _BUCKET_ADMIN,
    "roles/iam.workloadIdentityUser": frozenset(
        {"iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken"}
    ),
    "roles/iam.serviceAccountTokenCreator": frozenset(
        {
            "iam.serviceAccounts.getAccessToken",
            "iam.serviceAccounts.getOpenIdToken",
            "iam.serviceAccounts.signBlob",
            "iam.serviceAccounts.signJwt",
        }
    ),
    "roles/iam.serviceAccountUser": frozenset({"iam.serviceAccounts.actAs"}),
    "roles/iam.serviceAccountAdmin": _SERVICE_ACCOUNTS,
    "roles/iam.workloadIdentityPoolAdmin": _POOLS,
    "roles/iam.workloadIdentityPoolViewer": frozenset(
        permission for permission in _POOLS if permission.endswith((".get", ".list"))
    ),
    "roles/compute.instanceAdmin.v1": _INSTANCES | _SEE_PROJECT,
    "roles/compute.viewer": _SEE_INSTANCES | _SEE_PROJECT,
    "roles/artifactregistry.reader": _PULL,
    "roles/artifactregistry.writer": _PUSH,
    "roles/artifactregistry.repoAdmin": _DELETE_IMAGES,
    "roles/artifactregistry.admin": _DELETE_IMAGES | _REPOSITORIES,
    "roles/cloudkms.admin": _KEYS | _SEE_PROJECT,
    "roles/cloudkms.cryptoKeyDecrypter": _DECRYPT | _SEE_KEY_LOCATIONS | _SEE_PROJECT,
    "roles/cloudkms.cryptoKeyEncrypter": _ENCRYPT | _SEE_KEY_LOCATIONS | _SEE_PROJECT,
    "roles/cloudkms.cryptoKeyEncrypterDecrypter": _DECRYPT | _ENCRYPT | _SEE_KEY_LOCATIONS | _SEE_PROJECT,
    "roles/cloudkms.publicKeyViewer": frozenset({"cloudkms.cryptoKeyVersions.viewPublicKey"})
    | _SEE_KEY_LOCATIONS
    | _SEE_PROJECT,
    "roles/cloudkms.viewer": _SEE_KEYS | _SEE_PROJECT,
    "roles/confidentialcomputing.workloadUser": frozenset(
        {"confidentialcomputing.challenges.create", "confidentialcomputing.challenges.verify"}
    ),
    "roles/logging.logWriter": frozenset({"logging.logEntries.create"}),
    "roles/logging.viewer": _READ_LOGS | _SEE_PROJECT,
    "roles/serviceusage.serviceUsageAdmin": _SERVICES,
    "roles/browser": _SEE_PROJECT,
    "roles/resourcemanager.projectIamAdmin": _SEE_PROJECT
    | {"resourcemanager.projects.getIamPolicy", "resourcemanager.projects.setIamPolicy"},
    # A project's basic owner role reaches everything in its project but other people's tokens.
    "roles/owner": _OBJECT_WRITE
    | _BUCKET_ADMIN
    | _POOLS
    | _SERVICE_ACCOUNTS
    | _INSTANCES
    | _REPOSITORIES
    | _DELETE_IMAGES
    | _READ_LOGS
    | _SERVICES
    | _KEYS
    | _ENCRYPT
    | _DECRYPT
    | {
        "iam.serviceAccounts.actAs",
        "logging.logEntries.create",
        "resourcemanager.projects.get",
        "resourcemanager.projects.getIamPolicy",
        "resourcemanager.projects.setIamPolicy",
    },
}

_SAYS_WHICH = ("cloudkms.googleapis.com",)
"""The services whose 403 has the name of the resource in its sentence, beside its details."""
_POLICY = ("bindings", "etag", "kind", "resourceId", "version")

Policy = dict[str, Any]
"""An allow policy: `{"version": 1, "etag": …, "bindings": [{"role", "members"}]}`."""


def empty_policy() -> Policy:
    """A policy that grants nothing."""
    return {"version": 1, "etag": new_etag(), "bindings": []}


def new_etag() -> str:
    """An etag that no policy had before."""
    return base64.b64encode(secrets.token_bytes(8)).decode()


def replace_policy(current: Policy, requested: Mapping[str, Any]) -> Policy:
    """What `setIamPolicy` stores: the requested bindings, if the caller saw the current ones.

    Raises:
        GoogleError: 409 where the request's etag is not the current one; 400 where a binding
            is malformed, names a role that the emulator does not know, or has a condition,
            which must not be granted without it.
    """
    refuse_other_fields(requested, _POLICY, "policies")
    if requested.get("etag") and bytes_of_etag(requested["etag"]) != bytes_of_etag(current["etag"]):
        raise GoogleError(
            409,
            "There were concurrent policy changes. Please retry the whole read-modify-write with "
            "exponential backoff.",
            status="ABORTED",
        )
    bindings = []
    for binding in requested.get("bindings", []):
        role, members = binding.get("role"), binding.get("members")
        if role not in ROLES:
            raise GoogleError(400, f"Role {role} is not supported for this resource.")
        if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            raise GoogleError(400, "Invalid list of members in the binding.")
        if binding.get("condition"):
            raise not_emulated("the emulator does not have conditions on bindings")
        if members:
            bindings.append({"role": role, "members": sorted(set(members))})
    return {"version": 1, "etag": new_etag(), "bindings": bindings}


def bytes_of_etag(etag: object) -> bytes:
    """An etag is bytes, which JSON may spell in either alphabet of base64 (RFC 4648, sections 4 and 5).

    >>> bytes_of_etag("++//+A==") == bytes_of_etag("--__-A")
    True
    """
    text = str(etag).rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return str(etag).encode()  # nobody's etag


def permissions_of(caller: Caller | None, policies: Iterable[Policy]) -> frozenset[str]:
    """Every permission that the policies together grant to the caller (None: anonymous).

    A role that the emulator does not know grants nothing, nor does a binding under a condition:
    `replace_policy` stores neither, but a state folder may be older or written by hand.
    """
    members = {"allUsers"}
    if caller is not None:
        members |= caller.members | {"allAuthenticatedUsers"}
    granted: set[str] = set()
    for policy in policies:
        for binding in policy["bindings"]:
            if members.intersection(binding["members"]) and not binding.get("condition"):
                granted |= ROLES.get(binding["role"], frozenset())
    return frozenset(granted)


def project_of(state: State, project_id_or_number: str) -> Document:
    """The project of that ID or number.

    Raises:
        GoogleError: 403, since Google does not tell a missing project from a forbidden one.
    """
    for project_id, project in state.collection("projects").items():
        if project_id_or_number in (project_id, project["projectNumber"]):
            return project
    raise denied("resourcemanager.projects.get", f"projects/{project_id_or_number}")


def require_permission(
    state: State,
    caller: Caller,
    permission: str,
    *,
    service: str,
    method: str,
    resource: str,
    policies: Iterable[Policy],
) -> None:
    """The caller holds `permission`; either way the audit log says so.

    Raises:
        GoogleError: 403 with Google's words.
    """
    granted = permission in permissions_of(caller, policies)
    state.audit.record(
        service=service,
        method=method,
        principal=caller.name,
        resource=resource,
        granted=granted,
        detail={"permission": permission},
    )
    if not granted:
        raise denied(permission, resource)


def denied(permission: str, resource: str) -> GoogleError:
    """Google's 403. Source: reference of `generateAccessToken`, seen answers."""
    service = permission.split(".")[0] + ".googleapis.com"
    which = f" '{resource}'" if service in _SAYS_WHICH else ""
    return GoogleError(
        403,
        f"Permission '{permission}' denied on resource{which} (or it may not exist).",
        details=[
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "IAM_PERMISSION_DENIED",
                "domain": service,
                "metadata": {"permission": permission, "resource": resource},
            }
        ],
    )
