"""What is wanted as Terraform's JSON: held against the google provider's own schema, and complete.

`terraform_google.json` is distilled from npm's @cdktf/provider-google by scripts/distil-terraform-schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.as_terraform import PROVIDER_VERSION, render_terraform
from deploy.marks import is_ours
from deploy.resources import Grant, NoOther, Project
from tests.deploy.resources_there import OWNER, PROJECT
from tests.deploy.test_convergence import WANTED

SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("terraform_google.json").read_text("utf-8"))
META = ("depends_on", "lifecycle")
"""What every resource of Terraform's has, whatever the provider."""
_TYPES: dict[str, type | tuple[type, ...]] = {"string": str, "boolean": bool, "number": (int, float)}


def faults_of(block: Mapping[str, Any], arguments: Mapping[str, Any], where: str) -> Iterator[str]:
    """What the schema does not have of the arguments, and what it asks for that they lack."""
    for name, value in arguments.items():
        if name in META and "." not in where.partition(".")[2]:
            continue
        if name not in block:
            yield f"{where} has no argument {name}"
            continue
        yield from value_faults(block[name]["kind"], value, f"{where}.{name}")
    for name, about in block.items():
        if about["required"] and name not in arguments:
            yield f"{where} lacks {name}"


def value_faults(kind: Any, value: Any, where: str) -> Iterator[str]:
    if isinstance(kind, str):
        if not isinstance(value, _TYPES[kind]):
            yield f"{where} is no {kind}"
    elif "block" in kind:
        yield from faults_of(kind["block"], value, where)
    elif "map" in kind:
        for key, each in value.items():
            yield from value_faults(kind["map"], each, f"{where}[{key}]")
    else:
        for each in value:
            yield from value_faults(kind["array"], each, where)


def faults_in(document: Mapping[str, Any]) -> list[str]:
    return [
        fault
        for kind, named in document["resource"].items()
        for name, arguments in named.items()
        for fault in faults_of(SCHEMA["resources"].get(kind, {}), arguments, f"{kind}.{name}")
    ]


def document_of(party: str) -> dict[str, Any]:
    project = Project(project_id="primus", number="100000000001")
    return render_terraform(WANTED[party], project)


@pytest.mark.parametrize("party", WANTED)
def test_every_argument_is_one_that_the_provider_s_schema_has(party: str) -> None:
    document = document_of(party)
    assert faults_in(document) == []
    kinds = {"owner": 9, "operator": 5}
    assert len(document["resource"]) == kinds[party]
    assert SCHEMA["provider"]["version"].startswith(PROVIDER_VERSION.removeprefix("~> "))


@pytest.mark.parametrize("party", WANTED)
def test_everything_wanted_is_there_once_and_waits_for_what_it_needs(party: str) -> None:
    document = document_of(party)
    addresses = [f"{kind}.{name}" for kind, named in document["resource"].items() for name in named]
    assert len(addresses) == len([each for each in WANTED[party] if not isinstance(each, NoOther)])
    for named in document["resource"].values():
        for name, arguments in named.items():
            assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name)
            assert set(arguments.get("depends_on", [])) <= set(addresses)
    grants = [kind for kind in document["resource"] if kind.endswith("_iam_member")]
    for kind in grants:
        for arguments in document["resource"][kind].values():
            assert arguments["depends_on"]


def test_what_is_made_bears_the_mark() -> None:
    made = document_of("owner")["resource"]
    (bucket,) = made["google_storage_bucket"].values()
    found = {"labels": bucket["labels"], "projectNumber": PROJECT.number}
    assert is_ours(OWNER.model_bucket, found)
    for kind in ("service_account", "iam_workload_identity_pool", "iam_workload_identity_pool_provider"):
        (arguments,) = made[f"google_{kind}"].values()
        assert is_ours(OWNER.pool, arguments)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"labls": {}}, "has no argument labls", id="an argument that is none"),
        pytest.param({"versioning": {"enabled": "yes"}}, "versioning.enabled is no boolean", id="a type"),
        pytest.param({"labels": {"a": 1}}, "labels[a] is no string", id="a type in a map"),
        pytest.param({"versioning": {}}, "versioning lacks enabled", id="an argument that is missing"),
    ],
)
def test_a_wrong_argument_is_noticed(change: dict[str, Any], words: str) -> None:
    document = document_of("owner")
    (bucket,) = document["resource"]["google_storage_bucket"].values()
    bucket.update(change)
    assert [fault for fault in faults_in(document) if fault.endswith(words)]


def test_what_terraform_would_read_as_a_template_is_written_as_text() -> None:
    grant = Grant(on=OWNER.model_bucket, role="roles/x", member="user:${file(a)}%{b}")
    made = render_terraform([grant], PROJECT)["resource"]["google_storage_bucket_iam_member"]
    assert [each["member"] for each in made.values()] == ["user:$${file(a)}%%{b}"]
