"""Instances by REST: what can be asked for, by whom, and Google's shapes and words for the rest."""

from __future__ import annotations

from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest

from tests.emulator.compute.conftest import EMAIL, SCOPES, URL, ZONE, body_of


def test_an_instance_is_made_read_listed_and_deleted(platform: Any, insert: Any) -> None:
    operation = insert().json
    assert (operation["kind"], operation["operationType"]) == ("compute#operation", "insert")
    assert operation["status"] == "RUNNING"
    for url, method in ((operation["selfLink"], "GET"), (operation["selfLink"] + "/wait", "POST")):
        assert platform.call(method, url, by="operator").json["status"] == "DONE"
    instance = platform.call("GET", f"{URL}/instances/vm", by="operator").json
    assert instance["selfLink"] == f"https://www.googleapis.com/compute/v1/{ZONE}/instances/vm"
    assert instance["status"] in ("RUNNING", "TERMINATED")
    listed = platform.call("GET", f"{URL}/instances", by="operator").json["items"]
    assert [item["name"] for item in listed] == ["vm"]
    gone = platform.call("DELETE", f"{URL}/instances/vm", by="operator").json
    assert (gone["operationType"], gone["targetId"]) == ("delete", instance["id"])
    answer = platform.call("GET", f"{URL}/instances/vm", by="operator")
    assert answer.status == 404
    message = f"The resource '{ZONE}/instances/vm' was not found"
    assert answer.json["error"] == {
        "code": 404,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": "notFound"}],
    }


def test_the_serial_port_is_read_from_where_the_reader_is(platform: Any, insert: Any) -> None:
    insert()
    platform.fleet.stop()
    url = f"{URL}/instances/vm/serialPort?port=1"
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
    instance = platform.call("GET", f"{URL}/instances/vm", by="operator").json
    assert instance["status"] == "TERMINATED"
    ours = instance["symbolonEmulator"]
    assert (ours["launcherExitCode"], ours["workloadExitCode"]) == (1, None)
    assert ours["sandbox"] in ("bubblewrap", "bare")


def test_a_name_is_taken_once(insert: Any) -> None:
    assert insert().status == 200
    other = insert()
    assert (other.status, other.json["error"]["errors"][0]["reason"]) == (409, "alreadyExists")


def test_whoever_may_not_act_as_the_account_may_not_launch_with_it(platform: Any, account: None) -> None:
    project = platform.state.collection("projects").get("primus")
    project["policy"]["bindings"].append(
        {"role": "roles/owner", "members": ["user:operator@secundus.example"]}
    )
    url = "https://compute.googleapis.com/compute/v1/projects/primus/zones/us-west1-b/instances"
    answer = platform.call("POST", url, body_of(), by="owner")
    assert answer.status == 400
    assert answer.json["error"]["message"] == (
        f"The user does not have access to service account '{EMAIL}'.  User: 'owner@primus.example'.  "
        "Ask a project owner to grant you the iam.serviceAccountUser role on the service account"
    )


def test_a_stranger_may_not_launch_at_all(insert: Any) -> None:
    answer = insert(by="owner")
    assert (answer.status, answer.json["error"]["message"]) == (
        403,
        f"Required 'compute.instances.create' permission for '{ZONE}/instances/vm'",
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
        (
            {
                "confidentialInstanceConfig": {"confidentialInstanceType": "TDX"},
                "machineType": "zones/us-west1-b/machineTypes/c3-highcpu-4",
            },
            400,
            "c3-highcpu-4 does not support TDX",
        ),
        (
            {"machineType": "zones/us-west1-b/machineTypes/n2d-standard-3"},
            400,
            "Invalid value for field 'resource.machineType': 'n2d-standard-3'. The referenced resource",
        ),
        ({"confidentialInstanceConfig": None}, 400, "runs on Confidential VMs only"),
        (
            {"confidentialInstanceConfig": {"confidentialInstanceType": "SGX"}},
            400,
            "Invalid value for field 'resource.confidentialInstanceConfig.confidentialInstanceType': 'SGX'.",
        ),
        (
            {
                "confidentialInstanceConfig": {"confidentialInstanceType": "SEV_SNP"},
                "scheduling": {"onHostMaintenance": "MIGRATE"},
            },
            400,
            "onHostMaintenance set to TERMINATE",
        ),
        (
            {"machineType": "zones/us-west1-b/machineTypes/c2d-standard-4", "scheduling": {}},
            400,
            "onHostMaintenance set to TERMINATE",
        ),
        (
            {"scheduling": {"onHostMaintenance": "SLEEP"}},
            400,
            "'resource.scheduling.onHostMaintenance': 'SLEEP'",
        ),
        ({"scheduling": {"minNodeCpus": 2}}, 400, "does not have `minNodeCpus` of instances.scheduling"),
        ({"deletionProtection": True}, 400, "the emulator does not have `deletionProtection` of instances"),
        ({"resourcePolicies": ["x"]}, 400, "the emulator does not have `resourcePolicies` of instances"),
        (
            {"disks": [{"boot": True, "diskEncryptionKey": {"x": "y"}}]},
            400,
            "does not have `diskEncryptionKey` of instances.disks",
        ),
        ({"disks": [{"boot": True}, {}]}, 400, "does not have disks but the one that a VM boots from"),
        ({"labels": {"Team": "x"}}, 400, "Invalid value for field 'resource.labels': 'Team'"),
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

    key = f"{ZONE}/instances/vm"
    platform.fleet.instances.put(key, {"status": "RUNNING", "name": "vm"})
    again = Fleet(platform.state, platform.verifier, None)  # type: ignore[arg-type]
    assert again.instances.get(key) == {"status": "TERMINATED", "name": "vm"}


@pytest.mark.parametrize("scheduling", [{"onHostMaintenance": "MIGRATE"}, {}, None])
def test_sev_on_n2d_may_stay_up_while_its_host_is_maintained(
    platform: Any, insert: Any, scheduling: dict[str, Any] | None
) -> None:
    assert insert(scheduling=scheduling).status == 200
    instance = platform.call("GET", f"{URL}/instances/vm", by="operator").json
    assert instance["scheduling"]["onHostMaintenance"] == "MIGRATE"


def test_without_an_account_of_its_own_a_vm_is_the_projects_default_one(platform: Any, insert: Any) -> None:
    assert insert(serviceAccounts=[{"email": "default", "scopes": SCOPES}]).status == 200
    instance = platform.call("GET", f"{URL}/instances/vm", by="operator").json
    assert instance["serviceAccounts"][0]["email"] == "200000000002-compute@developer.gserviceaccount.com"


def test_what_was_asked_for_is_shown_again(platform: Any, insert: Any) -> None:
    insert(
        labels={"team": "blue"},
        tags={"items": ["inside"]},
        description="a test",
        networkInterfaces=[{"accessConfigs": [{"type": "ONE_TO_ONE_NAT"}]}],
    )
    instance = platform.call("GET", f"{URL}/instances/vm", by="operator").json
    assert (instance["labels"], instance["tags"]["items"]) == ({"team": "blue"}, ["inside"])
    assert (instance["description"], instance["cpuPlatform"]) == ("a test", "AMD Milan")
    interface = instance["networkInterfaces"][0]
    assert interface["network"].endswith("/projects/secundus/global/networks/default")
    assert interface["accessConfigs"][0]["natIP"].startswith("192.0.2.")
    assert instance["disks"][0]["boot"] is True


def test_instances_of_all_zones_are_listed_by_zone(platform: Any, insert: Any) -> None:
    insert()
    url = "https://compute.googleapis.com/compute/v1/projects/secundus/aggregated/instances"
    items = platform.call("GET", f"{url}?includeAllScopes=true&maxResults=500", by="operator").json["items"]
    assert [each["name"] for each in items["zones/us-west1-b"]["instances"]] == ["vm"]
    assert platform.call("GET", url, by="owner").status == 403


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name = vm", True),
        ("name eq v.*", True),
        ("name eq v", False),
        ("name != vm", False),
        ("(name = vm) (status ne STAGING)", True),
        ('name eq ".*\\bvm\\b.*" AND zone ne x', True),
        ("labels.team = red", False),
    ],
)
def test_a_filter_lets_through_what_it_says(platform: Any, insert: Any, text: str, found: bool) -> None:
    insert()
    answer = platform.call("GET", f"{URL}/instances?filter={quote(text)}", by="operator")
    assert (answer.status, "items" in answer.json) == (200, found)


@pytest.mark.parametrize("text", ["name", "name > x", "name = a OR name = b", "name eq ["])
def test_a_filter_that_is_not_understood_is_not_forgotten(platform: Any, insert: Any, text: str) -> None:
    answer = platform.call("GET", f"{URL}/instances?filter={quote(text)}", by="operator")
    assert (answer.status, "does not have the filter" in answer.json["error"]["message"]) == (400, True)


def test_lists_come_in_pages(platform: Any) -> None:
    url = "https://compute.googleapis.com/compute/v1/projects/secundus/zones?maxResults=50"
    names: list[str] = []
    page = platform.call("GET", url, by="operator").json
    while True:
        assert len(page["items"]) <= 50
        names += [zone["name"] for zone in page["items"]]
        if "nextPageToken" not in page:
            break
        page = platform.call("GET", f"{url}&pageToken={page['nextPageToken']}", by="operator").json
    assert len(names) == len(set(names)) > 100
    assert "us-west1-b" in names
    for query in ("&pageToken=!", "&maxResults=x"):
        assert platform.call("GET", url + query, by="operator").status == 400


def test_a_vm_is_stopped_and_started_with_the_metadata_it_has_then(platform: Any, insert: Any) -> None:
    made = insert().json["targetId"]
    url = f"{URL}/instances/vm"
    assert platform.call("POST", f"{url}/stop", by="operator").json["operationType"] == "stop"
    stopped = platform.call("GET", url, by="operator").json
    assert (stopped["status"], "lastStopTimestamp" in stopped) == ("TERMINATED", True)
    wanted = {
        "fingerprint": stopped["metadata"]["fingerprint"],
        "items": [
            {"key": "tee-restart-policy", "value": "Sometimes"},
            {"key": "tee-image-reference", "value": "x"},
        ],
    }
    assert platform.call("POST", f"{url}/setMetadata", wanted, by="operator").status == 200
    stale = platform.call("POST", f"{url}/setMetadata", wanted, by="operator")
    assert (stale.status, stale.json["error"]["errors"][0]["reason"]) == (412, "conditionNotMet")
    assert platform.call("POST", f"{url}/setMetadata", {"items": []}, by="operator").status == 400
    assert platform.call("POST", f"{url}/start", by="operator").json["operationType"] == "start"
    platform.fleet.stop()
    log = platform.call("GET", f"{url}/serialPort", by="operator").json["contents"]
    assert "invalid restart policy: Sometimes" in log
    assert platform.call("GET", url, by="operator").json["id"] == made


@pytest.mark.parametrize("alphabet", ["+/", "-_"], ids=["base64", "base64url"])
def test_labels_are_changed_by_whoever_saw_them(platform: Any, insert: Any, alphabet: str) -> None:
    insert(labels={"n": "1"})  # whose fingerprint has both letters that the alphabets spell differently
    url = f"{URL}/instances/vm"
    seen = platform.call("GET", url, by="operator").json["labelFingerprint"]
    assert {"+", "/"} <= set(seen)
    seen = seen.translate(str.maketrans("+/", alphabet))
    wanted = {"labels": {"team": "red"}, "labelFingerprint": seen}
    assert platform.call("POST", f"{url}/setLabels", wanted, by="operator").status == 200
    assert platform.call("GET", url, by="operator").json["labels"] == {"team": "red"}
    assert platform.call("POST", f"{url}/setLabels", wanted, by="operator").status == 412


@pytest.mark.parametrize("method", ["stop", "start", "setMetadata", "setLabels"])
def test_a_stranger_changes_nothing(platform: Any, insert: Any, method: str) -> None:
    insert()
    assert platform.call("POST", f"{URL}/instances/vm/{method}", {}, by="owner").status == 403


def test_a_zone_that_is_none_is_told(platform: Any) -> None:
    url = "https://compute.googleapis.com/compute/v1/projects/secundus/zones/mars-north1-a"
    for path, status in (("", 404), ("/machineTypes", 404), ("/instances", 400)):
        assert platform.call("GET", url + path, by="operator").status == status


@pytest.mark.parametrize("zone", ["us-central2-a", "us-east7-a", "us-east1-a", "europe-west1-a"])
def test_a_zone_that_no_document_names_is_none(platform: Any, zone: str) -> None:
    url = f"https://compute.googleapis.com/compute/v1/projects/secundus/zones/{zone}"
    assert platform.call("GET", url, by="operator").status == 404


def test_machine_types_and_images_are_there_to_be_chosen_from(platform: Any) -> None:
    kind = platform.call("GET", f"{URL}/machineTypes/n2d-standard-4", by="operator").json
    assert (kind["guestCpus"], kind["memoryMb"]) == (4, 16384)
    assert platform.call("GET", f"{URL}/machineTypes/e2-micro", by="operator").status == 404
    aggregated = "https://compute.googleapis.com/compute/v1/projects/secundus/aggregated/machineTypes"
    page = platform.call("GET", f"{aggregated}?filter=name%20=%20c3-standard-4", by="operator").json
    assert len(page["items"]["zones/us-west1-b"]["machineTypes"]) == 1
    images = "https://compute.googleapis.com/compute/v1/projects/confidential-space-images/global/images"
    newest = platform.call("GET", f"{images}/family/confidential-space-debug", by="owner").json
    assert newest["family"] == "confidential-space-debug"
    assert platform.call("GET", f"{images}/{newest['name']}", by="owner").json == newest
    assert len(platform.call("GET", images, by="owner").json["items"]) == 2
    assert platform.call("GET", f"{images}/family/debian-12", by="owner").status == 404


def test_what_two_threads_change_of_a_machine_is_both_kept(
    platform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A launcher's thread says how it ended, in the middle of a request that changes labels."""
    fleet, key = platform.fleet, f"{ZONE}/instances/vm"
    fleet.instances.put(key, {"status": "RUNNING", "symbolonEmulator": {}})
    put = fleet.instances.put
    ending = Thread(target=lambda: fleet._update(key, status="TERMINATED"))

    def interrupted(name: str, document: Any) -> Any:
        if "labels" in document and ending.ident is None:
            ending.start()
            ending.join(0.3)  # it waits for its turn, or is done
        return put(name, document)

    monkeypatch.setattr(fleet.instances, "put", interrupted)
    fleet.change(key, labels={"a": "b"})
    ending.join()
    assert fleet.instances.get(key) == {"status": "TERMINATED", "labels": {"a": "b"}, "symbolonEmulator": {}}
