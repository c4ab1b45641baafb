"""What is wanted as Terraform's JSON configuration (`main.tf.json`), for who keeps a cloud in Terraform.

All of it, and not what a plan would change: Terraform makes plans of its own. Values are written out, so that
the file says what `--apply` says.

Source: Terraform documentation, "JSON Configuration Syntax"; resources of hashicorp/google 6.50.0, against
whose schema a test holds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, assert_never

from policy.provider import Provider

from .marks import LABEL, SENTENCE
from .resources import (
    Bucket,
    CryptoKey,
    DockerRepository,
    EnabledApi,
    Grant,
    KeyRing,
    NoOther,
    Project,
    Resource,
    ServiceAccount,
    WorkloadIdentityPool,
)

PROVIDER_VERSION: Final = "~> 6.50"


def render_terraform(wanted: Iterable[Resource], project: Project) -> dict[str, Any]:
    """The configuration as one JSON document; each grant waits for what it is of."""
    resources: dict[str, dict[str, Any]] = {}
    addressed: list[tuple[Resource, str]] = []
    for each in wanted:
        if isinstance(each, NoOther):
            continue  # Terraform itself takes away what the configuration names no more
        kind, name, arguments = _resource_of(each)
        address = f"{kind}.{name}"
        depends = [other for needed, other in addressed if _needs(each, needed)]
        if not depends and not isinstance(each, EnabledApi):
            depends = [other for needed, other in addressed if isinstance(needed, EnabledApi)]
        if depends:
            arguments["depends_on"] = depends
        addressed.append((each, address))
        resources.setdefault(kind, {})[name] = arguments
    return {
        "terraform": {
            "required_providers": {"google": {"source": "hashicorp/google", "version": PROVIDER_VERSION}}
        },
        "provider": {"google": {"project": project.project_id}},
        "resource": resources,
    }


def _needs(each: Resource, other: Resource) -> bool:
    """Whether `other` has to be there before `each` can be."""
    if isinstance(each, Grant):
        if isinstance(other, ServiceAccount) and other.member == each.member:
            return True
        return other == each.on or (
            isinstance(other, WorkloadIdentityPool) and f"/{other.name}/" in each.member
        )
    if isinstance(each, CryptoKey):
        return other == each.ring
    is_pool_of = isinstance(each, Provider) and isinstance(other, WorkloadIdentityPool)
    return is_pool_of and each.name.startswith(f"{other.name}/")  # type: ignore[union-attr]


def _resource_of(each: Resource) -> tuple[str, str, dict[str, Any]]:
    """Terraform's type, the resource's name in the configuration, and its arguments."""
    match each:
        case EnabledApi():
            arguments = {**_in(each.project), "service": each.name, "disable_on_destroy": False}
            return "google_project_service", _name(each.name.partition(".")[0]), arguments
        case Bucket():
            return (
                "google_storage_bucket",
                _name(each.name),
                {
                    **_in(each.project),
                    "name": each.name,
                    "location": each.location,
                    "uniform_bucket_level_access": True,
                    "public_access_prevention": "enforced",
                    "versioning": {"enabled": True},
                    "labels": dict([LABEL]),
                },
            )
        case ServiceAccount():
            arguments = {**_in(each.project), "account_id": each.account_id, "description": SENTENCE}
            return "google_service_account", _name(each.account_id), arguments
        case WorkloadIdentityPool():
            pool = {"workload_identity_pool_id": each.pool_id, "description": SENTENCE}
            return "google_iam_workload_identity_pool", _name(each.pool_id), {**_in(each.project), **pool}
        case Provider():
            return _provider(each)
        case DockerRepository():
            return (
                "google_artifact_registry_repository",
                _name(each.repository_id),
                {
                    **_in(each.project),
                    "repository_id": each.repository_id,
                    "location": each.location,
                    "format": "DOCKER",
                    "labels": dict([LABEL]),
                },
            )
        case KeyRing():
            ring = {**_in(each.project), "name": each.ring_id, "location": each.location}
            return "google_kms_key_ring", _name(each.ring_id), ring
        case CryptoKey():
            key = {
                "name": each.key_id,
                "key_ring": each.ring.name,
                "purpose": "ENCRYPT_DECRYPT",
                "labels": dict([LABEL]),
                # Terraform would destroy its versions, and with them every model that they have wrapped.
                "lifecycle": {"prevent_destroy": True},
            }
            return "google_kms_crypto_key", _name(f"{each.ring.ring_id}-{each.key_id}"), key
        case Grant():
            return _grant(each)
        case NoOther():
            raise TypeError("it is no resource of Terraform's")
        case _:
            assert_never(each)


def _provider(each: Provider) -> tuple[str, str, dict[str, Any]]:
    _, project, _, _, _, pool, _, name = each.name.split("/")
    oidc: dict[str, Any] = {"issuer_uri": _literal(each.issuer)}
    if each.allowed_audiences:
        oidc["allowed_audiences"] = [_literal(audience) for audience in each.allowed_audiences]
    return (
        "google_iam_workload_identity_pool_provider",
        _name(name),
        {
            "project": project,
            "workload_identity_pool_id": pool,
            "workload_identity_pool_provider_id": name,
            "description": SENTENCE,
            "attribute_mapping": {key: _literal(text) for key, text in each.mapping.expressions.items()},
            "attribute_condition": _literal(each.condition),
            "oidc": oidc,
        },
    )


def _grant(grant: Grant) -> tuple[str, str, dict[str, Any]]:
    on, who = grant.on, {"role": grant.role, "member": _literal(grant.member)}
    role = grant.role.rpartition("/")[2]
    member = re.sub(r"^.*[:/]", "", grant.member)
    match on:
        case Bucket():
            name = _name(f"{on.name}-{role}-{member}")
            return "google_storage_bucket_iam_member", name, {"bucket": on.name, **who}
        case ServiceAccount():
            account = f"projects/{on.project.project_id}/serviceAccounts/{on.email}"
            name = _name(f"{on.account_id}-{role}-{member}")
            return "google_service_account_iam_member", name, {"service_account_id": account, **who}
        case DockerRepository():
            place = {**_in(on.project), "location": on.location, "repository": on.repository_id}
            name = _name(f"{on.repository_id}-{role}-{member}")
            return "google_artifact_registry_repository_iam_member", name, {**place, **who}
        case CryptoKey():
            name = _name(f"{on.ring.ring_id}-{on.key_id}-{role}-{member}")
            return "google_kms_crypto_key_iam_member", name, {"crypto_key_id": on.name, **who}
        case Project():
            return "google_project_iam_member", _name(f"{role}-{member}"), {**_in(on), **who}
        case _:
            assert_never(on)


def _in(project: Project) -> dict[str, Any]:
    return {"project": project.project_id}


def _name(text: str) -> str:
    """A name as Terraform takes it: a letter or `_` first.

    >>> _name("primus-sa-storage.objectViewer")
    'primus-sa-storage_objectViewer'
    """
    name = re.sub(r"[^A-Za-z0-9_-]", "_", text)
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"


def _literal(text: str) -> str:
    """The text where Terraform would read a template.

    >>> _literal("${a} %{b}")
    '$${a} %%{b}'
    """
    return text.replace("${", "$${").replace("%{", "%%{")
