"""What the operator wants launched: a file, flags in its place, and defaults where neither says.

    format = 1
    reference = "us-docker.pkg.dev/primus/repo/workload:v1@sha256:…"
    input = "gs://secundus-input-bucket/photos"
    results = "gs://secundus-result-bucket/run-1"
    policy = "policy.toml"          # the owner's, beside this file
    zone = "us-west1-b"
    [metadata]
    tee-dev-shm-size-kb = "1048576"

`preflight --save` writes such a file, with the digest that the tag had then. Names that nobody gives are
those of the Confidential Space codelab.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
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
from .reaching import project_of_the_shell

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A launch that is wanted: `vm` names the image as it was written; `policy` is a file's name, or `-`."""

    vm: ConfidentialVm
    reference: ImageReference
    input: FolderUri
    results: FolderUri
    policy: str | None


def read_wanted(
    file: str | None,
    flags: Mapping[str, Any],
    *,
    project: Callable[[], str] = project_of_the_shell,
) -> Wanted:
    """What the file wants, with each flag that is not None in the place of the file's key.

    Raises:
        Misconfigured: the file cannot be read, has a key that is none, or says something impossible.
    """
    said = {} if file is None else _read(file)
    given = {name: value for name, value in flags.items() if value is not None}
    metadata = {**said.get("metadata", {}), **given.pop("metadata", {})}
    values = {**said, **given}
    if "reference" not in values:
        raise Misconfigured(
            "no image is named", hint="give --reference REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE:TAG"
        )
    project_id = values.get("project") or project()
    name = values.get("name", "workload-vm")
    reference = parse_image_reference(values["reference"])
    pictures = parse_folder_uri(values.get("input", f"gs://{project_id}-input-bucket"), where="the input")
    results = parse_folder_uri(
        values.get("results", f"gs://{project_id}-result-bucket/{name}"), where="the results' folder"
    )
    environment = {"INPUT_URI": str(pictures), "RESULT_URI": str(results)}
    for key, variable in (("top_k", "TOP_K"), ("batch_size", "BATCH_SIZE")):
        if key in values:
            environment[variable] = str(values[key])
    account = values.get("service_account", "workload-sa")
    settings = {
        key: values[key]
        for key in (
            "technology",
            "machine_type",
            "maintenance",
            "debug",
            "restart_policy",
            "redirect_log",
            "scratch_kib",
        )
        if key in values
    }
    vm = ConfidentialVm(
        project_id=project_id,
        zone=values.get("zone", "us-west1-b"),
        name=name,
        image_reference=str(reference),
        service_account=account if "@" in account else f"{account}@{project_id}.iam.gserviceaccount.com",
        environment=environment,
        metadata=metadata,
        **settings,
    )
    return Wanted(vm=vm, reference=reference, input=pictures, results=results, policy=values.get("policy"))


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
    for key, variable in (("top_k", "TOP_K"), ("batch_size", "BATCH_SIZE")):
        if variable in vm.environment:
            values[key] = int(vm.environment[variable])
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    if vm.metadata:
        lines += ["", "[metadata]"]
        lines += [
            f"{json.dumps(key)} = {json.dumps(value, ensure_ascii=False)}"
            for key, value in vm.metadata.items()
        ]
    return "\n".join(lines) + "\n"


def _read(file: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(read_text(file, what="launch file"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = str(error).rpartition("(at ")[2].rstrip(")")
        raise Misconfigured(f"the launch file {quoted(file)} is not TOML: {place}", hint=_HINT) from None
    check_format(document.pop("format", None), known=FORMAT, what="the launch file", hint=_HINT)
    for key, value in document.items():
        _check(key, value)
    if "policy" in document and document["policy"] != "-" and file != "-":
        document["policy"] = str(Path(file).parent / document["policy"])
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
