"""What a party's things are called: by flags, the tutorial's variables, `symbolon.toml`, or its defaults.

    [owner]                     # symbolon.toml in the current folder; every line may be left out
    project = "primus"
    model_bucket = "primus-models"

    [operator]
    project = "secundus"
    zone = "europe-west4-a"

Each name is the first of these that is given: its flag (`--model-bucket`), its variable (the Confidential
Space tutorial's: `PRIMUS_INPUT_STORAGE_BUCKET`), its line in `symbolon.toml`, the tutorial's default. A
project that nobody names is `GOOGLE_CLOUD_PROJECT`.

    add_names(parser, OwnerNames)                   # --project, --location, …
    names = read_names(arguments, OwnerNames)       # Misconfigured where one is missing or malformed
    owner = names.owner(number)                     # deploy.resources.Owner

Source: GoogleCloudPlatform/confidential-space, codelabs/ml_model_protection, `config_env.sh`.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from attestation.errors import Misconfigured, quoted
from contract.kms_keys import PATTERN, SHAPE, parse_kms_key

if TYPE_CHECKING:
    from deploy.resources import CryptoKey, Operator, Owner, Project

FILE = "symbolon.toml"
_SECTIONS = ("owner", "operator", "launch", "broker")
_ANY_PROJECT = "GOOGLE_CLOUD_PROJECT"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What such a name may look like; `words` say so to a person. An `optional` one may be left out."""

    pattern: str
    words: str
    optional: bool = False


_PROJECT = _Kind(pattern=r"[a-z][a-z0-9-]{4,28}[a-z0-9]", words="6 to 30 of a-z, 0-9 and -, a letter first")
_BUCKET = _Kind(pattern=r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", words="3 to 222 of a-z, 0-9, - . and _")
_ACCOUNT = _Kind(pattern=r"[a-z][a-z0-9-]{4,28}[a-z0-9]", words="6 to 30 of a-z, 0-9 and -, a letter first")
_FEDERATION = _Kind(pattern=r"(?!gcp-)[a-z0-9-]{4,32}", words="4 to 32 of a-z, 0-9 and -, not gcp- first")
_REPOSITORY = _Kind(pattern=r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", words="1 to 63 of a-z, 0-9 and -")
_KEY = _Kind(pattern=PATTERN.pattern, words=f"a key of Cloud KMS is {SHAPE}", optional=True)
_PLACE = _Kind(pattern=r"[a-zA-Z][a-zA-Z0-9-]{1,39}", words="a place of Google's, such as us-west1")


def _name(kind: _Kind, variable: str, default: str, says: str) -> Any:
    """A field; `{project}` in its default is the project's ID."""
    return field(metadata={"kind": kind, "variable": variable, "default": default, "says": says})


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerNames:
    """What the owner's things are called."""

    section: ClassVar[str] = "owner"

    project: str = _name(_PROJECT, "PRIMUS_PROJECT_ID", "", "the owner's project, by its ID")
    location: str = _name(_PLACE, "PRIMUS_PROJECT_REGION", "us-west1", "where the model's bucket is")
    repository_location: str = _name(
        _PLACE, "PRIMUS_PROJECT_REPOSITORY_REGION", "us", "where the images' repository is"
    )
    model_bucket: str = _name(
        _BUCKET, "PRIMUS_INPUT_STORAGE_BUCKET", "{project}-input-bucket", "the bucket of the model"
    )
    service_account: str = _name(
        _ACCOUNT, "PRIMUS_SERVICEACCOUNT", "{project}-sa", "the account that alone reads the model, by its ID"
    )
    pool: str = _name(
        _FEDERATION, "PRIMUS_WORKLOAD_IDENTITY_POOL", "{project}-wip", "the workload identity pool"
    )
    provider: str = _name(_FEDERATION, "PRIMUS_WIP_PROVIDER", "{project}-wip-provider", "the pool's provider")
    repository: str = _name(
        _REPOSITORY, "PRIMUS_ARTIFACT_REPOSITORY", "{project}-artifact-repo", "the repository of the images"
    )
    kms: str = _name(
        _KEY,
        "SYMBOLON_KMS_KEY",
        "",
        "the key that a sealed model's key is wrapped by, by its whole name; without it no model is sealed",
    )

    def owner(self, number: str) -> Owner:
        """The owner's resources, in the project of that number.

        Raises:
            Misconfigured: the key is in another project.
        """
        from deploy.resources import (
            Bucket,
            DockerRepository,
            Owner,
            Project,
            ServiceAccount,
            WorkloadIdentityPool,
        )

        project = Project(project_id=self.project, number=number)
        return Owner(
            model_bucket=Bucket(project=project, name=self.model_bucket, location=self.location),
            service_account=ServiceAccount(project=project, account_id=self.service_account),
            pool=WorkloadIdentityPool(project=project, pool_id=self.pool),
            repository=DockerRepository(
                project=project, location=self.repository_location, repository_id=self.repository
            ),
            provider_id=self.provider,
            key=_key_of(self.kms, project) if self.kms else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNames:
    """What the operator's things are called."""

    section: ClassVar[str] = "operator"

    project: str = _name(_PROJECT, "SECUNDUS_PROJECT_ID", "", "the operator's project, by its ID")
    location: str = _name(_PLACE, "SECUNDUS_PROJECT_REGION", "us-west1", "where the buckets are")
    zone: str = _name(_PLACE, "SECUNDUS_PROJECT_ZONE", "us-west1-b", "where the confidential VM is")
    input_bucket: str = _name(
        _BUCKET, "SECUNDUS_INPUT_STORAGE_BUCKET", "{project}-input-bucket", "the bucket of the pictures"
    )
    result_bucket: str = _name(
        _BUCKET, "SECUNDUS_RESULT_STORAGE_BUCKET", "{project}-result-bucket", "the bucket of the results"
    )
    service_account: str = _name(
        _ACCOUNT, "WORKLOAD_SERVICEACCOUNT", "workload-sa", "the account that the VM has, by its ID"
    )

    def operator(self, number: str) -> Operator:
        """The operator's resources, in the project of that number."""
        from deploy.resources import Bucket, Operator, Project, ServiceAccount

        project = Project(project_id=self.project, number=number)
        return Operator(
            input_bucket=Bucket(project=project, name=self.input_bucket, location=self.location),
            result_bucket=Bucket(project=project, name=self.result_bucket, location=self.location),
            workload_account=ServiceAccount(project=project, account_id=self.service_account),
        )


def _key_of(name: str, project: Project) -> CryptoKey:
    from deploy.resources import CryptoKey, KeyRing

    key = parse_kms_key(name, where="`kms`")
    if key.project not in (project.project_id, project.number):
        raise Misconfigured(
            f"the key is in project {quoted(key.project)}, and what is provisioned in `{project.project_id}`",
            hint="name a key of the owner's project; or leave it out, and bind each image to that key",
        )
    return CryptoKey(ring=KeyRing(project=project, location=key.location, ring_id=key.ring), key_id=key.key)


Names = TypeVar("Names", OwnerNames, OperatorNames)


def add_names(parser: argparse.ArgumentParser, party: type[OwnerNames] | type[OperatorNames]) -> None:
    """A flag for each name."""
    group = parser.add_argument_group(
        "names", f"also from their variables, or from `[{party.section}]` in {FILE} of the current folder"
    )
    for each in fields(party):
        default = each.metadata["default"].replace("{project}", "PROJECT")
        group.add_argument(
            f"--{each.name.replace('_', '-')}",
            metavar="NAME",
            help=f"{each.metadata['says']} ({each.metadata['variable']}"
            + (f"; default: {default})" if default else ")"),
        )


def typed_flags(
    arguments: argparse.Namespace, party: type[OwnerNames] | type[OperatorNames]
) -> tuple[str, ...]:
    """The flags of names that were typed, to be shown in a command that goes on from this one."""
    typed = [(each.name, getattr(arguments, each.name, None)) for each in fields(party)]
    return tuple(f"--{name.replace('_', '-')}={value}" for name, value in typed if value)


def read_names(
    arguments: argparse.Namespace,
    party: type[Names],
    *,
    environ: Mapping[str, str] = os.environ,
    folder: Path = Path(),
) -> Names:
    """The party's names, each from the first place that has it.

    Raises:
        Misconfigured: nobody names the project, a name is malformed, or the file is.
    """
    said = read_said(party, environ=environ, folder=folder)
    names: dict[str, str] = {}
    for each in fields(party):
        names[each.name] = (
            getattr(arguments, each.name, None)
            or said.get(each.name)
            or each.metadata["default"].replace("{project}", names.get("project", ""))
        )
        _check(each.name, names[each.name], each.metadata["kind"], each.metadata["variable"], party.section)
    return party(**names)


def read_said(
    party: type[OwnerNames] | type[OperatorNames],
    *,
    environ: Mapping[str, str] = os.environ,
    folder: Path = Path(),
) -> dict[str, str]:
    """What the party's variables and `symbolon.toml` say of its names, and `GOOGLE_CLOUD_PROJECT`.

    Raises:
        Misconfigured: the file is malformed.
    """
    written = read_section(party.section, folder=folder)
    known = [each.name for each in fields(party)]
    for key, value in written.items():
        if key not in known or not isinstance(value, str):
            raise Misconfigured(
                f"`[{party.section}]` of {FILE} has an unknown key {quoted(key)}"
                if key not in known
                else f"`{party.section}.{key}` of {FILE} must be a string",
                hint=f"its keys are {', '.join(known)}" if key not in known else f'write `{key} = "…"`',
            )
    general = {"project": environ.get(_ANY_PROJECT, "")}
    said = {
        each.name: environ.get(each.metadata["variable"]) or written.get(each.name) or general.get(each.name)
        for each in fields(party)
    }
    return {name: value for name, value in said.items() if value}


def _check(key: str, value: str, kind: _Kind, variable: str, section: str) -> None:
    flag = f"--{key.replace('_', '-')}"
    if not value and kind.optional:
        return
    if not value:
        raise Misconfigured(
            f"no `{key}` is named for the {section}",
            hint=f'give {flag} or {variable}, or write `{key} = "…"` below `[{section}]` in {FILE}',
        )
    if not re.fullmatch(kind.pattern, value):
        raise Misconfigured(
            f"{quoted(value)} is no name for `{key}`", hint=f"{kind.words}; give another by {flag}"
        )


def read_section(name: str, *, folder: Path = Path()) -> dict[str, Any]:
    """The section of `symbolon.toml`; an empty one where there is no file, or the file has none.

    Raises:
        Misconfigured: the file cannot be read, is no TOML, or has a section that nothing reads.
    """
    import tomllib

    try:
        document = tomllib.loads((folder / FILE).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise Misconfigured(f"cannot read {FILE}: {reason}", hint="it is in the current folder") from None
    except (ValueError, RecursionError) as error:
        reason = quoted((str(error).splitlines() or [""])[0], most_characters=160)
        raise Misconfigured(
            f"{FILE} is not TOML: {reason}", hint='a line is `project = "primus"`, below `[owner]`'
        ) from None
    for key in document:
        if key not in _SECTIONS:
            raise Misconfigured(
                f"{FILE} has an unknown section {quoted(key)}",
                hint=f"its sections are {', '.join(_SECTIONS)}",
            )
    section = document.get(name, {})
    if not isinstance(section, dict):
        raise Misconfigured(f"`{name}` of {FILE} must be a section", hint=f"write `[{name}]` on its own line")
    return section
