"""A file that is no policy gets a sentence: what it is, what is wanted, and how one comes by that."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from attestation.errors import Misconfigured
from attestation.issuer import ISSUER
from policy.documents import what_is
from policy.mapping import RECOMMENDED_MAPPING
from policy.policy_set import Binding, parse_bindings, parse_labels, parse_policy_set

NAME = "projects/1/locations/global/workloadIdentityPools/primus/providers/workload"
CONDITION = 'assertion.swname == "CONFIDENTIAL_SPACE" && "STABLE" in assertion.submods.x'
PROVIDER: dict[str, Any] = {
    "attributeCondition": CONDITION,
    "attributeMapping": dict(RECOMMENDED_MAPPING),
    "name": NAME,
    "oidc": {"issuerUri": ISSUER},
    "state": "ACTIVE",
}
YAML = f"""\
attributeCondition: assertion.swname == "CONFIDENTIAL_SPACE" && "STABLE" in
  assertion.submods.x
attributeMapping:
  google.subject: assertion.sub
disabled: false
expireTime: 2026-01-31T12:00:00Z
name: {NAME}
oidc:
  allowedAudiences:
  - https://sts.googleapis.com
  issuerUri: {ISSUER}
state: ACTIVE
"""
BINDINGS = """\
bindings:
- condition:
    expression: request.time < timestamp("2027-01-01T00:00:00Z")
    title: until
  members:
  - user:a@primus.example
  role: roles/iam.workloadIdentityUser
etag: BwYz
version: 3
"""


@pytest.mark.parametrize("name", ["provider.yaml", "provider.yml", "provider.json", "-", "provider"])
def test_what_gcloud_prints_by_itself_is_read_whatever_it_is_called(name: str) -> None:
    policies = parse_policy_set(YAML, name=name)
    (provider,) = policies.providers
    assert (policies.kind, provider.name, provider.condition) == ("provider", NAME, CONDITION)
    assert provider.allowed_audiences == ("https://sts.googleapis.com",)
    assert provider.mapping.expressions == {"google.subject": "assertion.sub"}


def test_a_list_of_providers_is_several_documents() -> None:
    second = YAML.replace("providers/workload", "providers/second").replace(
        "disabled: false", "disabled: true"
    )
    policies = parse_policy_set(f"---\n{YAML}---\n{second}", name="-")
    assert policies.kind == "providers"
    assert [each.disabled for each in policies.providers] == [False, True]


def test_an_iam_policy_is_read_as_gcloud_prints_it() -> None:
    (binding,) = parse_bindings(BINDINGS)
    assert binding == Binding(
        role="roles/iam.workloadIdentityUser",
        member="user:a@primus.example",
        condition='request.time < timestamp("2027-01-01T00:00:00Z")',
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(f"{YAML}name: other\n", "a name twice", id="a name twice"),
        pytest.param("name: &a x\nstate: *a\n", "a reference to another place", id="a reference"),
        pytest.param("name: !!python/object:os.system x\n", "could not determine", id="a Python object"),
        pytest.param("name: [\n", "expected the node content", id="cut short"),
        pytest.param("name: " + "[" * 5000, "", id="nested without end"),
        pytest.param("name: 2026-02-30\nstate: 0x\n? [a]\n: b\n", "a name twice", id="a name that is a list"),
        pytest.param("name: " + "x" * 2**21, "characters of YAML", id="longer than gcloud prints"),
    ],
)
def test_yaml_that_gcloud_would_not_print_is_refused_in_one_line(text: str, problem: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse_policy_set(text, name="provider.yaml")
    assert problem in refused.value.message
    assert "\n" not in refused.value.message
    assert "--format=json" in refused.value.hint


TEXTS = {
    "Terraform's source": (
        'resource "google_iam_workload_identity_pool_provider" "p" {\n  attribute_condition = "true"\n}\n',
        "this is Terraform's source, where a policy is wanted",
        "terraform show -json",
    ),
    "Terraform's source, its variables": ('variable "x" {\n}\n', "this is Terraform's source", "plan"),
    "a Markdown page": ("# How to\n\nUse this condition:\n", "this is a Markdown page", ".cel"),
    "a page with code": ("Use this:\n\n```cel\ntrue\n```\n", "this is a Markdown page", ".cel"),
    "a web page": ("<!DOCTYPE html>\n<html></html>", "this is a web page", ".cel"),
    "a script": ("#!/bin/sh\ngcloud iam\n", "this is a script", ".cel"),
    "a certificate": ("-----BEGIN CERTIFICATE-----\nAA\n", "this is a key or a certificate in PEM", "gcloud"),
    "a token": ("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.AAAA\n", "this is a token", "auditor explain --token"),
}


@pytest.mark.parametrize(("text", "message", "hint"), TEXTS.values(), ids=TEXTS)
def test_a_text_that_is_no_policy_is_named(text: str, message: str, hint: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse_policy_set(text, name="-")
    assert refused.value.message.startswith(message)
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("name", "message"), [("main.tf", "this is Terraform's"), ("a.md", "this is a Mark")]
)
def test_a_name_s_end_says_what_it_is_too(name: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        parse_policy_set("true", name=name)


@pytest.mark.parametrize(
    "text",
    [
        'assertion.x == "# no page" && assertion.y in ["resource \\"a\\" \\"b\\" {"]',
        "// name: a comment\nassertion.secboot",
        "{'a': 1}['a'] == 1",
    ],
)
def test_a_condition_is_not_taken_for_anything_else(text: str) -> None:
    assert parse_policy_set(text, name="p.cel").kind == "condition"


DOCUMENTS: dict[str, dict[str, Any]] = {
    "a service account's key": {"type": "service_account", "private_key": "secret", "client_email": "a@b"},
    "a credential configuration": {"type": "external_account", "audience": "x"},
    "a person's credential": {"type": "authorized_user", "refresh_token": "secret"},
    "an IAM policy": {"bindings": [], "etag": "BwYz"},
    "an image's configuration": {"config": {"Labels": {}}, "rootfs": {}, "architecture": "amd64"},
    "an image's manifest": {"schemaVersion": 2, "layers": [], "config": {}},
    "an image's index": {"schemaVersion": 2, "manifests": []},
    "a key set": {"keys": []},
    "a token's claims": {"iss": ISSUER, "aud": "x"},
    "a workload identity pool": {"name": "projects/1/locations/global/workloadIdentityPools/primus"},
    "a service account": {"email": "a@b", "uniqueId": "1", "name": "projects/p/serviceAccounts/a@b"},
    "Terraform's source": {"resource": {"google_iam_workload_identity_pool_provider": {}}},
    "a Terraform state as it is stored": {"terraform_version": "1.9", "lineage": "x", "resources": []},
}


@pytest.mark.parametrize(("what", "document"), DOCUMENTS.items(), ids=DOCUMENTS)
def test_json_that_is_no_provider_is_named_and_never_quoted(what: str, document: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse_policy_set(json.dumps(document), name="policy.json")
    assert refused.value.message == f"this is {what}, where a provider is wanted"
    assert "providers describe" in refused.value.hint
    assert "secret" not in str(refused.value)


def test_json_that_nobody_recognises_is_told_by_its_members() -> None:
    with pytest.raises(Misconfigured) as refused:
        parse_policy_set(json.dumps(dict.fromkeys("abcdefg")), name="-")
    assert refused.value.message == (
        "this has `a`, `b`, `c`, `d`, `e` and more, where a provider is wanted: it has no `oidc` section"
    )


def test_what_is_read_beside_a_policy_is_told_apart_too() -> None:
    with pytest.raises(Misconfigured, match="this is a provider, where an IAM policy is wanted"):
        parse_bindings(json.dumps(PROVIDER))
    with pytest.raises(Misconfigured, match="this is a service account's key, where an IAM policy is wanted"):
        parse_bindings(json.dumps(DOCUMENTS["a service account's key"]))
    with pytest.raises(Misconfigured, match="this is an image's manifest, where an image's configuration is"):
        parse_labels(json.dumps(DOCUMENTS["an image's manifest"]))
    assert parse_bindings('{"etag": "ACAB"}') == ()


def test_what_is_no_json_at_all_says_what_is_wanted() -> None:
    with pytest.raises(Misconfigured, match="the IAM policy is not JSON") as refused:
        parse_bindings("[provider]\nname = 'x'\n")
    assert "get-iam-policy" in refused.value.hint
    with pytest.raises(Misconfigured, match="the image configuration is empty") as refused:
        parse_labels(" \n")
    assert "config.digest" in refused.value.hint


def test_a_provider_is_not_recognised_as_anything_else() -> None:
    assert what_is(PROVIDER) == "a provider"
    assert what_is([]) == what_is({}) == ""


def test_only_who_has_yaml_waits_for_what_reads_it() -> None:
    program = (
        "import json, sys; from policy.policy_set import parse_policy_set; "
        f"parse_policy_set(json.dumps({PROVIDER!r}), name='p.json'); print('yaml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
