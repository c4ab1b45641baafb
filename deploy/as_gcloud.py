"""A plan as gcloud's commands, each on a line for a POSIX shell: what `--apply` would do, to be read or run.

Source: gcloud 528, `--help` of each command; tests run them with gcloud itself.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import assert_never

from policy.gcloud import provider_command
from policy.provider import Provider

from .confidential_vm import (
    CLOUD_PLATFORM,
    IMAGE_PROJECT,
    LABELS,
    ConfidentialVm,
    platform_of,
    render_metadata,
)
from .marks import LABEL, SENTENCE
from .planning import Action, Create, Delete, DestroyVersions, Enable, Give, Restore, Revoke, Update
from .resources import (
    Bucket,
    CryptoKey,
    DockerRepository,
    Grant,
    KeyRing,
    Made,
    Project,
    ServiceAccount,
    WorkloadIdentityPool,
)

_LABEL = "=".join(LABEL)
_SIGNS = ("~", ";", "|", "#", "%", "!", "::", "~~", ";;", "||", "##", "%%", "~;~", "~;~;~")
_POOLS = ("gcloud", "iam", "workload-identity-pools")
_ACCOUNTS = ("gcloud", "iam", "service-accounts")


def render_gcloud(actions: Iterable[Action]) -> str:
    """The plan as a script that stops at the first error; a comment where there is nothing to do."""
    lines = [shlex.join(words) for action in actions for words in commands_of(action)]
    return "\n".join(["set -e", *lines] if lines else ["# everything is as described"]) + "\n"


def launch_command(vm: ConfidentialVm) -> list[str]:
    """The words of the command that asks for the same VM as `launch` does.

    Raises:
        Misconfigured: its metadata cannot be written.
    """
    platform = platform_of(vm)
    return [
        *("gcloud", "compute", "instances", "create", vm.name),
        *(f"--project={vm.project_id}", f"--zone={vm.zone}", f"--machine-type={vm.shape}"),
        *([f"--min-cpu-platform={platform}"] if platform else []),
        *(f"--confidential-compute-type={vm.technology}", f"--maintenance-policy={vm.maintenance}"),
        *("--shielded-secure-boot", "--shielded-vtpm", "--shielded-integrity-monitoring"),
        *(f"--image-project={IMAGE_PROJECT}", f"--image-family={vm.image_family}"),
        *(f"--service-account={vm.service_account}", f"--scopes={CLOUD_PLATFORM}"),
        f"--labels={_pairs(LABELS, ',')}",
        f"--metadata={_escaped(render_metadata(vm))}",
    ]


def _escaped(pairs: Mapping[str, str]) -> str:
    """The pairs as gcloud reads a dictionary, whatever stands in them: `gcloud topic escaping`.

    >>> _escaped({"a": "1,2", "b": "~"})
    '^;^a=1,2;b=~'
    """
    text = "".join([*pairs, *pairs.values()])
    sign = next(each for each in _SIGNS if each not in text)
    return f"^{sign}^{_pairs(pairs, sign)}"


def _pairs(pairs: Mapping[str, str], sign: str) -> str:
    return sign.join(f"{name}={value}" for name, value in sorted(pairs.items()))


def commands_of(action: Action) -> list[list[str]]:
    """The words of each command that together do the action."""
    match action:
        case Enable():
            names = [api.name for api in action.apis]
            return [["gcloud", "services", "enable", *names, _project(action.apis[0].project)]]
        case Create():
            return _create(action.resource)
        case Restore():
            provider = isinstance(action.resource, Provider)
            words = [*_POOLS, *(["providers"] if provider else []), "undelete", action.resource.name]
            return [words]
        case Update():
            return _update(action)
        case Give():
            return [_policy(action.grant, "add-iam-policy-binding")]
        case Revoke():
            return [_policy(action.grant, "remove-iam-policy-binding")]
        case Delete():
            return [_delete(action)]
        case DestroyVersions():
            words = ["gcloud", "kms", "keys", "versions", "destroy"]
            of = [f"--key={action.key.key_id}", *_in_ring(action.key.ring)]
            return [[*words, number, *of] for number in action.versions]
        case _:
            assert_never(action)


def _create(resource: Made) -> list[list[str]]:
    description = f"--description={SENTENCE}"
    match resource:
        case Bucket():
            place = [f"--location={resource.location}", _project(resource.project)]
            closed = ["--uniform-bucket-level-access", "--public-access-prevention"]
            return [
                ["gcloud", "storage", "buckets", "create", f"gs://{resource.name}", *place, *closed],
                [*_updating(resource), "--versioning", f"--update-labels={_LABEL}"],
            ]
        case ServiceAccount():
            return [[*_ACCOUNTS, "create", resource.account_id, description, _project(resource.project)]]
        case WorkloadIdentityPool():
            project = _project(resource.project)
            return [[*_POOLS, "create", resource.pool_id, "--location=global", description, project]]
        case Provider():
            return [provider_command(resource, description=SENTENCE)]
        case DockerRepository():
            words = ["gcloud", "artifacts", "repositories", "create", resource.repository_id]
            words += ["--repository-format=docker", f"--location={resource.location}"]
            return [[*words, f"--labels={_LABEL}", _project(resource.project)]]
        case KeyRing():
            words = ["gcloud", "kms", "keyrings", "create", resource.ring_id]
            return [[*words, f"--location={resource.location}", _project(resource.project)]]
        case CryptoKey():
            words = ["gcloud", "kms", "keys", "create", resource.key_id, *_in_ring(resource.ring)]
            return [[*words, "--purpose=encryption", f"--labels={_LABEL}"]]
        case _:
            assert_never(resource)


def _update(action: Update) -> list[list[str]]:
    if isinstance(action.resource, Provider):
        return [provider_command(action.resource, "update-oidc", fields=action.after)]
    words = _updating(action.resource)
    if "iamConfiguration" in action.after:
        words += ["--uniform-bucket-level-access", "--public-access-prevention"]
    if "versioning" in action.after:
        words.append("--versioning")
    return [words]


def _updating(bucket: Bucket) -> list[str]:
    return ["gcloud", "storage", "buckets", "update", f"gs://{bucket.name}"]


def _delete(action: Delete) -> list[str]:
    resource = action.resource
    match resource:
        case Bucket():
            if action.objects:
                words = ["gcloud", "storage", "rm", "--recursive", "--all-versions"]
                return [*words, f"gs://{resource.name}"]
            return ["gcloud", "storage", "buckets", "delete", f"gs://{resource.name}", "--quiet"]
        case ServiceAccount():
            return [*_ACCOUNTS, "delete", resource.email, "--quiet", _project(resource.project)]
        case WorkloadIdentityPool():
            return [*_POOLS, "delete", resource.name, "--quiet"]
        case Provider():
            return [*_POOLS, "providers", "delete", resource.name, "--quiet"]
        case DockerRepository():
            words = ["gcloud", "artifacts", "repositories", "delete", resource.repository_id, "--quiet"]
            return [*words, f"--location={resource.location}", _project(resource.project)]
        case _:
            assert_never(resource)


def _policy(grant: Grant, verb: str) -> list[str]:
    who = [f"--member={grant.member}", f"--role={grant.role}"]
    on = grant.on
    match on:
        case Bucket():
            return ["gcloud", "storage", "buckets", verb, f"gs://{on.name}", *who]
        case ServiceAccount():
            return [*_ACCOUNTS, verb, on.email, *who, _project(on.project)]
        case DockerRepository():
            words = ["gcloud", "artifacts", "repositories", verb, on.repository_id]
            return [*words, f"--location={on.location}", *who, _project(on.project)]
        case Project():
            return ["gcloud", "projects", verb, on.project_id, *who, "--condition=None"]
        case CryptoKey():
            return ["gcloud", "kms", "keys", verb, on.key_id, *_in_ring(on.ring), *who]
        case _:
            assert_never(on)


def _in_ring(ring: KeyRing) -> list[str]:
    return [f"--keyring={ring.ring_id}", f"--location={ring.location}", _project(ring.project)]


def _project(project: Project) -> str:
    return f"--project={project.project_id}"
