"""Each call of the operator's commands is one of Google's, by verb, path, parameters and the body's fields.

Held against the discovery documents that google-api-python-client carries, so that a wrong field fails here
and not in front of Google.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from deploy.confidential_vm import render_instance
from deploy.machine_types import TECHNOLOGIES
from deploy.resources import Grant
from symbolon.operator.launch_file import read_target
from symbolon.owner.on_stage import ensure_all
from tests.emulator.discovery import api_of, faults_of
from tests.symbolon.conftest import Ask
from tests.symbolon.operator.conftest import There

_OF_NO_DOCUMENT: Final = ("/v2/", "/download/", "/token")
"""The registry's protocol is OCI's, a download is described by its media alone, and a token is OAuth's."""


@pytest.fixture
def asked(there: There, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[requests.PreparedRequest]]:
    """What was asked of Google's JSON APIs since."""
    sent: list[requests.PreparedRequest] = []
    send = HTTPAdapter.send

    def recorded(adapter: HTTPAdapter, request: requests.PreparedRequest, *more: Any, **others: Any) -> Any:
        if not urlsplit(str(request.url)).path.startswith(_OF_NO_DOCUMENT):
            sent.append(request)
        return send(adapter, request, *more, **others)

    monkeypatch.setattr(HTTPAdapter, "send", recorded)
    yield sent


def test_every_call_is_one_that_google_s_documents_have(
    ask: Ask, there: There, asked: list[requests.PreparedRequest]
) -> None:
    where = ("calls", "--project", "secundus")
    ask("operator", "preflight", *there.typed, "--name", "calls")  # it reads who may do what
    account = there.operator.workload_account
    creator = "roles/iam.serviceAccountTokenCreator"
    before = len(asked)
    ensure_all(
        there.stage.operator, [Grant(on=account, role=creator, member="user:operator@secundus.example")]
    )
    del asked[before:]
    assert ask("operator", "preflight", *there.typed, "--name", "calls").code == 0  # it asks as the account
    assert ask("operator", "launch", *there.typed, "--name", "calls", "--yes").code == 7
    ask("operator", "results", "show", f"gs://{there.operator.result_bucket.name}/calls")
    ask("operator", "results", "clear", f"gs://{there.operator.result_bucket.name}/calls")
    for verb in (["status"], ["stop"], ["destroy", "--yes"]):
        assert ask("operator", *verb, *where).code == 0
    faults = {f"{each.method} {each.url}": found for each in asked if (found := faults_of(each))}
    assert faults == {}
    services = {urlsplit(str(each.url)).netloc.partition(".")[0] for each in asked}
    assert services == {
        *("artifactregistry", "cloudresourcemanager", "compute"),
        *("iam", "iamcredentials", "storage"),
    }


@pytest.mark.parametrize("technology", TECHNOLOGIES)
@pytest.mark.parametrize("maintenance", ["TERMINATE", "MIGRATE"])
@pytest.mark.parametrize("machine_type", ["", "a3-highgpu-1g"])
def test_whatever_machine_is_wanted_its_fields_are_google_s(
    technology: Any, maintenance: Any, machine_type: str
) -> None:
    vm = replace(
        read_target("vm", project="secundus", zone="us-west1-b").vm,
        technology=technology,
        maintenance=maintenance,
        machine_type=machine_type,
    )
    insert = api_of("compute").methods["instances.insert"]
    assert api_of("compute").check_request(insert, {"requestId": "x"}, render_instance(vm)) == []


def test_a_wrong_field_is_noticed() -> None:
    vm = read_target("vm", project="secundus", zone="us-west1-b").vm
    body = render_instance(vm) | {"maintenancePolicy": "TERMINATE"}
    insert = api_of("compute").methods["instances.insert"]
    (fault,) = api_of("compute").check_request(insert, {}, body)
    assert fault == "body.maintenancePolicy is not in the document"
