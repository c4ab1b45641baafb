"""Instances by REST: what can be asked for, by whom, and Google's shapes and words for the rest."""

from __future__ import annotations

from typing import Any

import pytest

_ZONE = "projects/secundus/zones/us-west1-b"
_URL = f"https://compute.googleapis.com/compute/v1/{_ZONE}"
_EMAIL = "workload-sa@secundus.iam.gserviceaccount.com"
_FAMILY = "projects/confidential-space-images/global/images/family/confidential-space"
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def _body(**changes: Any) -> dict[str, Any]:
    return {
        "name": "vm",
        "machineType": "zones/us-west1-b/machineTypes/n2d-standard-2",
        "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
        "shieldedInstanceConfig": {"enableSecureBoot": True},
        "scheduling": {"onHostMaintenance": "TERMINATE"},
        "disks": [{"boot": True, "initializeParams": {"sourceImage": _FAMILY}}],
        "serviceAccounts": [{"email": _EMAIL, "scopes": _SCOPES}],
        # Not a reference: the launcher ends before it would need a network.
        "metadata": {"items": [{"key": "tee-restart-policy", "value": "Never"}]},
        **changes,
    }


@pytest.fixture
def account(platform: Any) -> None:
    url = "https://iam.googleapis.com/v1/projects/secundus/serviceAccounts"
    platform.call("POST", url, {"accountId": "workload-sa"}, by="operator")


@pytest.fixture
def insert(platform: Any, account: None) -> Any:
    def insert(*, by: str = "operator", query: str = "", **changes: Any) -> Any:
        return platform.call("POST", f"{_URL}/instances{query}", _body(**changes), by=by)

    return insert


def test_an_instance_is_made_read_listed_and_deleted(platform: Any, insert: Any) -> None:
    operation = insert().json
    assert (operation["kind"], operation["operationType"]) == ("compute#operation", "insert")
    assert operation["status"] == "RUNNING"
    for url, method in ((operation["selfLink"], "GET"), (operation["selfLink"] + "/wait", "POST")):
        assert platform.call(method, url, by="operator").json["status"] == "DONE"
    instance = platform.call("GET", f"{_URL}/instances/vm", by="operator").json
    assert instance["selfLink"] == f"https://www.googleapis.com/compute/v1/{_ZONE}/instances/vm"
    assert instance["status"] in ("RUNNING", "TERMINATED")
    listed = platform.call("GET", f"{_URL}/instances", by="operator").json["items"]
    assert [item["name"] for item in listed] == ["vm"]
    gone = platform.call("DELETE", f"{_URL}/instances/vm", by="operator").json
    assert (gone["operationType"], gone["targetId"]) == ("delete", instance["id"])
    answer = platform.call("GET", f"{_URL}/instances/vm", by="operator")
    assert answer.status == 404
    message = f"The resource '{_ZONE}/instances/vm' was not found"
    assert answer.json["error"] == {
        "code": 404,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": "notFound"}],
    }


def test_the_serial_port_is_read_from_where_the_reader_is(platform: Any, insert: Any) -> None:
    insert()
    platform.fleet.stop()
    url = f"{_URL}/instances/vm/serialPort?port=1"
    whole = platform.call("GET", url, by="operator").json
    assert "tee-image-reference is not specified in the custom metadata" in whole["contents"]
    assert (whole["start"], whole["next"]) == ("0", str(len(whole["contents"])))
    rest = platform.call("GET", f"{url}&start=10", by="operator").json
    assert (rest["start"], rest["contents"]) == ("10", whole["contents"][10:])
    nothing = platform.call("GET", f"{url}&start={whole['next']}", by="operator").json
    assert (nothing["contents"], nothing["next"]) == ("", whole["next"])
    assert platform.call("GET", f"{url}&start=x", by="operator").status == 400


def test_an_instance_that_has_ended_says_how(platform: Any, insert: Any) -> None:
    insert()
    platform.fleet.stop()
    instance = platform.call("GET", f"{_URL}/instances/vm", by="operator").json
    assert instance["status"] == "TERMINATED"
    ours = instance["symbolonEmulator"]
    assert (ours["launcherExitCode"], ours["workloadExitCode"]) == (1, None)
    assert ours["sandbox"] in ("bubblewrap", "bare")


def test_a_name_is_taken_once_and_a_request_repeated_is_one_request(insert: Any) -> None:
    query = "?requestId=5b1ff0e2-8c2d-4c44-8c55-5ed5b9be37b4"
    first, again = insert(query=query), insert(query=query)
    assert (first.status, again.status, again.json["name"]) == (200, 200, first.json["name"])
    other = insert()
    assert (other.status, other.json["error"]["errors"][0]["reason"]) == (409, "alreadyExists")


def test_whoever_may_not_act_as_the_account_may_not_launch_with_it(platform: Any, account: None) -> None:
    project = platform.state.collection("projects").get("primus")
    project["policy"]["bindings"].append(
        {"role": "roles/owner", "members": ["user:operator@secundus.example"]}
    )
    url = "https://compute.googleapis.com/compute/v1/projects/primus/zones/us-west1-b/instances"
    answer = platform.call("POST", url, _body(), by="owner")
    assert answer.status == 400
    assert answer.json["error"]["message"] == (
        f"The user does not have access to service account '{_EMAIL}'.  User: 'owner@primus.example'.  "
        "Ask a project owner to grant you the iam.serviceAccountUser role on the service account"
    )


def test_a_stranger_may_not_launch_at_all(insert: Any) -> None:
    answer = insert(by="owner")
    assert (answer.status, answer.json["error"]["message"]) == (
        403,
        f"Required 'compute.instances.create' permission for '{_ZONE}/instances/vm'",
    )


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"name": "VM"}, 400, "Invalid value for field 'resource.name': 'VM'."),
        ({"machineType": "n2d-standard-2"}, 400, "Invalid value for field 'resource.machineType'"),
        (
            {"machineType": "zones/us-west1-b/machineTypes/e2-standard-2"},
            400,
            "Confidential Instance Config is only supported for compatible cpu platform",
        ),
        (
            {"confidentialInstanceConfig": {"confidentialInstanceType": "TDX"}},
            400,
            "n2d-standard-2 does not support TDX",
        ),
        ({"confidentialInstanceConfig": None}, 400, "runs on Confidential VMs only"),
        (
            {"confidentialInstanceConfig": {"confidentialInstanceType": "SGX"}},
            400,
            "Invalid value for field 'resource.confidentialInstanceConfig.confidentialInstanceType': 'SGX'.",
        ),
        ({"scheduling": {"onHostMaintenance": "MIGRATE"}}, 400, "onHostMaintenance set to TERMINATE"),
        ({"disks": []}, 400, "Invalid value for field 'resource.disks'"),
        (
            {"disks": [{"boot": True, "initializeParams": {"sourceImage": "projects/debian-cloud/x"}}]},
            404,
            "The resource 'projects/debian-cloud/x' was not found",
        ),
        ({"serviceAccounts": []}, 400, "needs one service account"),
        (
            {"metadata": {"items": [{"key": "a", "value": ""}, {"key": "a", "value": ""}]}},
            400,
            "Duplicate key 'a'",
        ),
        (
            {"metadata": {"items": [{"key": "a", "value": "x" * 524288}]}},
            400,
            "Metadata size is larger than 524288 bytes.",
        ),
    ],
)
def test_an_instance_that_cannot_be_is_refused(
    platform: Any, insert: Any, changes: dict[str, Any], status: int, words: str
) -> None:
    answer = insert(**changes)
    assert answer.status == status
    assert words in answer.json["error"]["message"]
    assert platform.fleet.instances.items() == []


@pytest.mark.parametrize(
    "config",
    [
        {"enableConfidentialCompute": True},
        {"confidentialInstanceType": "SEV_SNP"},
        {"enableConfidentialCompute": True, "confidentialInstanceType": "SEV"},
    ],
)
def test_every_way_to_ask_for_a_confidential_vm_is_understood(insert: Any, config: dict[str, Any]) -> None:
    assert insert(confidentialInstanceConfig=config).status == 200


def test_a_vm_that_ran_when_the_emulator_ended_is_off_when_it_starts_again(platform: Any) -> None:
    from emulator.compute import Fleet

    key = f"{_ZONE}/instances/vm"
    platform.fleet.instances.put(key, {"status": "RUNNING", "name": "vm"})
    again = Fleet(platform.state, platform.verifier, None)  # type: ignore[arg-type]
    assert again.instances.get(key) == {"status": "TERMINATED", "name": "vm"}
