"""Logs: who reads them, whose are kept, and in what order they come."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.cloud_logging import entry_writer
from emulator.vm.metadata import InstanceIdentity

_LIST = "https://logging.googleapis.com/v2/entries:list"
_ACCOUNT = "workload-sa@secundus.iam.gserviceaccount.com"
VM = InstanceIdentity(
    project_id="secundus",
    project_number="200000000002",
    zone="us-west1-b",
    name="vm",
    instance_id="17",
    machine_type="n2d-standard-2",
    service_account=_ACCOUNT,
    service_account_id="1",
    scopes=(),
    attributes={},
)


@pytest.fixture
def written(platform: Any) -> Any:
    """Three lines of one VM, a second apart, whose account may write logs."""
    project = platform.state.collection("projects").get("secundus")
    project["policy"]["bindings"].append(
        {"role": "roles/logging.logWriter", "members": [f"serviceAccount:{_ACCOUNT}"]}
    )
    write = entry_writer(platform.state, VM)
    for line, severity in (("one", "INFO"), ("two", "DEFAULT"), ("three", "ERROR")):
        platform.clock.now += 1
        write(severity, {"MESSAGE": line})
    return platform


def _lines(platform: Any, by: str = "operator", **body: Any) -> list[str]:
    answer = platform.call("POST", _LIST, {"resourceNames": ["projects/secundus"], **body}, by=by).json
    return [entry["jsonPayload"]["MESSAGE"] for entry in answer.get("entries", [])]


def test_lines_come_in_the_order_that_is_asked_for(written: Any) -> None:
    assert _lines(written) == ["one", "two", "three"]
    assert _lines(written, orderBy="timestamp desc") == ["three", "two", "one"]
    assert _lines(written, filter="severity>=ERROR") == ["three"]


def test_they_come_in_pages(written: Any) -> None:
    body = {"resourceNames": ["projects/secundus"], "pageSize": 2}
    first = written.call("POST", _LIST, body, by="operator").json
    assert len(first["entries"]) == 2
    assert _lines(written, pageSize=2, pageToken=first["nextPageToken"]) == ["three"]


def test_an_entry_names_its_vm(written: Any) -> None:
    entry = written.call("POST", _LIST, {"resourceNames": ["projects/secundus"]}, by="operator").json[
        "entries"
    ][0]
    assert entry["logName"] == "projects/secundus/logs/confidential-space-launcher"
    assert entry["resource"]["labels"] == {
        "project_id": "secundus",
        "instance_id": "17",
        "zone": "us-west1-b",
    }
    assert (entry["jsonPayload"]["_HOSTNAME"], entry["severity"]) == ("vm", "INFO")


def test_an_account_that_may_not_write_leaves_nothing(platform: Any) -> None:
    entry_writer(platform.state, VM)("INFO", {"MESSAGE": "unheard"})
    assert _lines(platform) == []


def test_a_stranger_reads_nothing(written: Any) -> None:
    answer = written.call("POST", _LIST, {"resourceNames": ["projects/secundus"]}, by="owner")
    assert answer.status == 403


@pytest.mark.parametrize(
    "body",
    [
        {"resourceNames": []},
        {"resourceNames": "projects/secundus"},
        {"resourceNames": ["folders/1"]},
        {"resourceNames": ["projects/secundus"], "orderBy": "severity"},
        {"resourceNames": ["projects/secundus"], "filter": "("},
    ],
)
def test_what_is_wrong_is_refused(platform: Any, body: dict[str, Any]) -> None:
    assert platform.call("POST", _LIST, body, by="operator").status == 400


def test_a_line_that_a_crash_cut_off_hides_no_other(written: Any) -> None:
    path = written.state.folder / "logging" / "secundus.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    assert _lines(written) == ["one", "two"]
