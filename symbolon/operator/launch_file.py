"""What the operator wants launched: a file, flags in its place, and the operator's names where neither says.

    format = 1
    reference = "us-docker.pkg.dev/primus/repo/workload:v1@sha256:…"
    input = "gs://secundus-input-bucket/photos"
    results = "gs://secundus-result-bucket/run-1"
    policy = "policy.toml"          # the owner's, beside this file
    zone = "us-west1-b"
    [metadata]
    tee-dev-shm-size-kb = "1048576"

`preflight --save` writes such a file, with the digest that the tag had then. Where no file is named, the same
keys are looked for below `[launch]` in `symbolon.toml`; the names of project, buckets and account are those
of `symbolon.projects`.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from attestation.errors import Misconfigured, quoted
from contract.formats import check_format
from contract.uris import FolderUri, parse_folder_uri
from deploy.confidential_vm import ConfidentialVm
from deploy.machine_types import TECHNOLOGIES
from deploy.push import ImageReference, parse_image_reference

from ..inputs import read_text
from ..projects import OperatorNames, read_names, read_section

FORMAT: Final = 1
_HINT: Final = "`symbolon operator preflight --save FILE` writes such a file"
_KEYS: Final[Mapping[str, type]] = {
    "reference": str,
    "policy": str,
    "project": str,
    "zone": str,
    "name": str,
    "service_account": str,
    "input": str,
    "results": str,
    "top_k": int,
    "batch_size": int,
    "licence": str,
    "technology": str,
    "machine_type": str,
    "maintenance": str,
    "debug": bool,
    "restart_policy": str,
    "redirect_log": bool,
    "scratch_kib": int,
    "metadata": dict,
}
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "technology": tuple(TECHNOLOGIES),
    "maintenance": ("TERMINATE", "MIGRATE"),
    "restart_policy": ("Never", "OnFailure", "Always"),
}
_KINDS: Final = {str: "a text", int: "a whole number", bool: "true or false", dict: "a table"}


_NAME: Final = "workload-vm"
_VARIABLES: Final = {"top_k": "TOP_K", "batch_size": "BATCH_SIZE", "licence": "LICENCE"}
_OF_THE_VM: Final = (
    *("technology", "machine_type", "maintenance", "debug"),
    *("restart_policy", "redirect_log", "scratch_kib"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A VM that may be there, by its names; `policy` is the launch file's."""

    vm: ConfidentialVm
    policy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A launch that is wanted: `vm` names the image as it was written; `policy` is a file's name, or `-`."""

    vm: ConfidentialVm
    reference: ImageReference
    input: FolderUri
    results: FolderUri
    policy: str | None


def read_wanted(file: str | None, flags: Mapping[str, Any]) -> Wanted:
    """What the file wants, with each flag that is not None in the place of the file's key.

    Raises:
        Misconfigured: the file cannot be read, has a key that is none, or says something impossible.
    """
    said = _read(file)
    given = {name: value for name, value in flags.items() if value is not None}
    metadata = {**said.get("metadata", {}), **given.pop("metadata", {})}
    values = {**said, **given}
    if "reference" not in values:
        raise Misconfigured(
            "no image is named", hint="give --reference REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE:TAG"
        )
    reference = parse_image_reference(values["reference"])
    names, name = _names(values), values.get("name", _NAME)
    pictures = parse_folder_uri(values.get("input", f"gs://{names.input_bucket}"), where="the input")
    results = parse_folder_uri(
        values.get("results", f"gs://{names.result_bucket}/{name}"), where="the results' folder"
    )
    environment = {"INPUT_URI": str(pictures), "RESULT_URI": str(results)}
    for key, variable in _VARIABLES.items():
        if key in values:
            environment[variable] = str(values[key])
    vm = ConfidentialVm(
        project_id=names.project,
        zone=names.zone,
        name=name,
        image_reference=str(reference),
        service_account=_address(values.get("service_account") or names.service_account, names.project),
        environment=environment,
        metadata=metadata,
        **{key: values[key] for key in _OF_THE_VM if key in values},
    )
    return Wanted(vm=vm, reference=reference, input=pictures, results=results, policy=values.get("policy"))


def read_target(vm: str | None, *, project: str | None, zone: str | None) -> Target:
    """The VM that a person names, or that a launch file wants.

    Raises:
        Misconfigured: nobody names the project, or the file cannot be read.
    """
    said = _read(vm if vm is not None and vm.endswith(".toml") else None)
    name = said.get("name", _NAME) if vm is None or vm.endswith(".toml") else vm
    given = {"project": project, "zone": zone}
    names = _names({**said, **{key: value for key, value in given.items() if value is not None}})
    found = ConfidentialVm(
        project_id=names.project, zone=names.zone, name=name, image_reference="", service_account=""
    )
    return Target(vm=found, policy=said.get("policy"))


def _names(values: Mapping[str, Any]) -> OperatorNames:
    account = values.get("service_account", "")
    given = argparse.Namespace(
        project=values.get("project"),
        zone=values.get("zone"),
        service_account=None if "@" in account else account,
    )
    return read_names(given, OperatorNames)


def _address(account: str, project_id: str) -> str:
    return account if "@" in account else f"{account}@{project_id}.iam.gserviceaccount.com"


def render_launch_file(wanted: Wanted, reference: ImageReference) -> str:
    """The file that wants the same, of the image of this reference, with every default written out."""
    vm = wanted.vm
    values: dict[str, Any] = {
        "format": FORMAT,
        "reference": str(reference),
        "project": vm.project_id,
        "zone": vm.zone,
        "name": vm.name,
        "service_account": vm.service_account,
        "input": str(wanted.input),
        "results": str(wanted.results),
        "technology": vm.technology,
        "machine_type": vm.shape,
        "maintenance": vm.maintenance,
        "debug": vm.debug,
        "restart_policy": vm.restart_policy,
        "redirect_log": vm.redirect_log,
    }
    if wanted.policy not in (None, "-"):
        values["policy"] = str(Path(str(wanted.policy)).absolute())
    if vm.scratch_kib is not None:
        values["scratch_kib"] = vm.scratch_kib
    for key, variable in _VARIABLES.items():
        if variable in vm.environment:
            values[key] = _KEYS[key](vm.environment[variable])
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    if vm.metadata:
        lines += ["", "[metadata]"]
        lines += [
            f"{json.dumps(key)} = {json.dumps(value, ensure_ascii=False)}"
            for key, value in vm.metadata.items()
        ]
    return "\n".join(lines) + "\n"


def _read(file: str | None) -> dict[str, Any]:
    """What the file says; where none is named, the section `[launch]` of `symbolon.toml`."""
    if file is None:
        document = read_section("launch")
    else:
        try:
            document = tomllib.loads(read_text(file, what="launch file"))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            place = str(error).rpartition("(at ")[2].rstrip(")")
            raise Misconfigured(f"the launch file {quoted(file)} is not TOML: {place}", hint=_HINT) from None
        check_format(document.pop("format", None), known=FORMAT, what="the launch file", hint=_HINT)
    for key, value in document.items():
        _check(key, value)
    if file not in (None, "-") and "policy" in document:
        document["policy"] = str(Path(str(file)).parent / document["policy"])
    return document


def _check(key: str, value: object) -> None:
    if key not in _KEYS:
        raise Misconfigured(
            f"the launch file has no key {quoted(key)}", hint=f"it has {', '.join(('format', *_KEYS))}"
        )
    if type(value) is not _KEYS[key] or (
        isinstance(value, dict) and not all(isinstance(each, str) for each in value.values())
    ):
        raise Misconfigured(
            f"the launch file's `{key}` must be {_KINDS[_KEYS[key]]}",
            hint="the values of `metadata` are texts, as Compute Engine has them"
            if key == "metadata"
            else "",
        )
    if key in CHOICES and value not in CHOICES[key]:
        raise Misconfigured(
            f"the launch file's `{key}` is {quoted(str(value))}",
            hint=f"it is one of {', '.join(CHOICES[key])}",
        )
