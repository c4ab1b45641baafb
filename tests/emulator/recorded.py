"""What gcloud asks, recorded by scripts/record-clients: the commands, and what changes from run to run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("gcloud.json")
_ACCOUNT = "workload-sa@secundus.iam.gserviceaccount.com"
_ON_VM = "workload-vm --zone=us-west1-b"
COMMANDS = (
    ("owner", "projects describe primus"),
    ("owner", "projects list"),
    ("owner", "services enable cloudkms.googleapis.com container.googleapis.com"),
    ("owner", "iam workload-identity-pools create primus-wip --location=global"),
    (
        "owner",
        "iam workload-identity-pools providers create-oidc primus-wip-provider --location=global"
        " --workload-identity-pool=primus-wip --issuer-uri=https://confidentialcomputing.googleapis.com/"
        " --allowed-audiences=https://sts.googleapis.com --attribute-mapping=google.subject=assertion.sub"
        " --attribute-condition=assertion.swname=='CONFIDENTIAL_SPACE'",
    ),
    ("owner", "iam workload-identity-pools describe primus-wip --location=global"),
    ("owner", "artifacts repositories create images --repository-format=docker --location=us"),
    ("owner", "artifacts repositories list --location=us"),
    (
        "owner",
        "artifacts repositories add-iam-policy-binding images --location=us"
        f" --role=roles/artifactregistry.reader --member=serviceAccount:{_ACCOUNT}",
    ),
    ("operator", "iam service-accounts create workload-sa"),
    ("operator", "iam service-accounts list"),
    (
        "operator",
        f"projects add-iam-policy-binding secundus --member=serviceAccount:{_ACCOUNT}"
        " --role=roles/confidentialcomputing.workloadUser",
    ),
    (
        "operator",
        f"iam service-accounts add-iam-policy-binding {_ACCOUNT} --role=roles/iam.serviceAccountUser"
        " --member=user:operator@secundus.example",
    ),
    (
        "operator",
        f"compute instances create {_ON_VM} --confidential-compute-type=SEV --shielded-secure-boot"
        " --maintenance-policy=MIGRATE --machine-type=n2d-standard-2 --scopes=cloud-platform"
        " --image-project=confidential-space-images --image-family=confidential-space"
        f" --service-account={_ACCOUNT} --metadata=tee-restart-policy=Never",
    ),
    ("operator", "compute instances list"),
    ("operator", f"compute instances stop {_ON_VM}"),
    ("operator", f"compute instances add-metadata {_ON_VM} --metadata=tee-image-reference=x"),
    ("operator", f"compute instances start {_ON_VM}"),
    ("operator", f"compute instances get-serial-port-output {_ON_VM}"),
    ("operator", "logging read resource.type=gce_instance --limit=5"),
    ("operator", f"compute instances delete {_ON_VM}"),
    ("operator", f"iam service-accounts delete {_ACCOUNT}"),
    ("owner", "artifacts repositories delete images --location=us --async"),
    ("owner", "iam workload-identity-pools delete primus-wip --location=global"),
)
_OPERATION = re.compile(r"(?<=/operations/)[\w-]+")
_MASKED = ("etag", "fingerprint", "requestId")


def masked(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with words for what is new in each run."""
    url = _OPERATION.sub("OPERATION", str(request["url"]))
    url = re.sub(r"(requestId=)[\w-]+", r"\1REQUEST", url)
    return {**request, "url": url, "body": _masked(request["body"])}


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: key.upper() if key in _MASKED else _masked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return value


class Memory:
    """What the answers so far said of etags, fingerprints and operations; a later request brings it along."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def hear(self, answer: Any) -> None:
        """The answer's own are the newest."""
        for key, value in _strings(answer):
            self._said[key.upper()] = value
        name = answer.get("name", "") if isinstance(answer, dict) else ""
        if name.startswith("operation-") or "operations/" in name:
            self._said["OPERATION"] = name.rpartition("/")[2]

    def fill(self, text: str) -> str:
        """A request's text with what was said in the place of the words."""
        for word, value in self._said.items():
            text = re.sub(rf"\b{word}\b", value.replace("\\", ""), text)
        return text


def _strings(value: Any) -> Iterator[tuple[str, str]]:
    """Etags, and the fingerprint of metadata: it is the one that gcloud sends back."""
    if isinstance(value, dict):
        if isinstance(value.get("etag"), str):
            yield "etag", value["etag"]
        if value.get("kind") == "compute#metadata":
            yield "fingerprint", value["fingerprint"]
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def sections() -> list[dict[str, Any]]:
    """Each command with the requests that it made, in order."""
    recorded: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return recorded
