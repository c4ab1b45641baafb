"""What tests of VMs begin with: an operator whose account may be a VM, and who asks for one."""

from __future__ import annotations

from typing import Any

import pytest

ZONE = "projects/secundus/zones/us-west1-b"
URL = f"https://compute.googleapis.com/compute/v1/{ZONE}"
EMAIL = "workload-sa@secundus.iam.gserviceaccount.com"
_FAMILY = "projects/confidential-space-images/global/images/family/confidential-space"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def body_of(**changes: Any) -> dict[str, Any]:
    """A request for a VM, with these changes."""
    return {
        "name": "vm",
        "machineType": "zones/us-west1-b/machineTypes/n2d-standard-2",
        "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
        "shieldedInstanceConfig": {"enableSecureBoot": True},
        "scheduling": {"onHostMaintenance": "TERMINATE"},
        "disks": [{"boot": True, "initializeParams": {"sourceImage": _FAMILY}}],
        "serviceAccounts": [{"email": EMAIL, "scopes": SCOPES}],
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
        return platform.call("POST", f"{URL}/instances{query}", body_of(**changes), by=by)

    return insert
