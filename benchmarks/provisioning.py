"""Both parties' set-up by our two commands, and by the tutorial's own gcloud and gsutil calls, in one run.

    python -m benchmarks.provisioning [--rounds 3] [--format json]

Each way in front of an emulator of its own, in turns, so that whatever else happens slows both. The
tutorial's calls are those that its scripts make for these resources, its looking first included; ours are
whole processes of `symbolon`, its looking included, and they make the bindings of the image too.

Source: GoogleCloudPlatform/confidential-space, codelabs/ml_model_protection: `create_workload.sh`,
`create_workload_service_account.sh`, `setup_primus_company_resources.sh` and the same of secundus.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from emulator import running
from emulator.running import Running
from symbolon.emulator.command import environment_of

_ROOT = Path(__file__).resolve().parents[1]
_POOL = "projects/100000000001/locations/global/workloadIdentityPools/primus-wip"
_OWNERS, _WORKLOADS = (
    "primus-sa@primus.iam.gserviceaccount.com",
    "workload-sa@secundus.iam.gserviceaccount.com",
)
_DIGEST = "sha256:" + "1" * 64
_BIND = "gcloud iam service-accounts add-iam-policy-binding"
TUTORIAL: Mapping[str, tuple[str, ...]] = {
    "owner": (
        "gcloud config set project primus",
        "gsutil ls",
        "gsutil mb gs://primus-input-bucket",
        "gcloud iam service-accounts list",
        "gcloud iam service-accounts create primus-sa",
        "gcloud iam workload-identity-pools list --location=global",
        "gcloud iam workload-identity-pools create primus-wip --location=global",
        f"gsutil iam ch serviceAccount:{_OWNERS}:legacyBucketReader gs://primus-input-bucket",
        f"gsutil iam ch serviceAccount:{_OWNERS}:objectViewer gs://primus-input-bucket",
        "gcloud projects describe primus --format=value(projectNumber)",
        f"{_BIND} {_OWNERS} --member=principalSet://iam.googleapis.com/{_POOL}/* "
        "--role=roles/iam.workloadIdentityUser",
        "gcloud artifacts repositories list --location=us",
        "gcloud artifacts repositories create primus-artifact-repo --repository-format=docker --location=us",
        "gcloud artifacts repositories add-iam-policy-binding primus-artifact-repo --location=us "
        f"--member=serviceAccount:{_WORKLOADS} --role=roles/artifactregistry.reader",
        "gcloud iam workload-identity-pools providers create-oidc primus-wip-provider --location=global "
        "--workload-identity-pool=primus-wip --issuer-uri=https://confidentialcomputing.googleapis.com/ "
        "--allowed-audiences=https://sts.googleapis.com --attribute-mapping=google.subject=assertion.sub "
        "--attribute-condition=assertion.swname=='CONFIDENTIAL_SPACE'",
    ),
    "operator": (
        "gcloud config set project secundus",
        "gsutil ls",
        "gsutil mb gs://secundus-input-bucket",
        "gsutil ls",
        "gsutil mb gs://secundus-result-bucket",
        "gcloud iam service-accounts list",
        "gcloud iam service-accounts create workload-sa",
        "gcloud config get-value account",
        f"{_BIND} {_WORKLOADS} --member=user:operator@secundus.example --role=roles/iam.serviceAccountUser",
        f"gcloud projects add-iam-policy-binding secundus --member=serviceAccount:{_WORKLOADS} "
        "--role=roles/confidentialcomputing.workloadUser",
        f"gcloud projects add-iam-policy-binding secundus --member=serviceAccount:{_WORKLOADS} "
        "--role=roles/logging.logWriter",
        "gcloud storage buckets add-iam-policy-binding gs://secundus-input-bucket "
        f"--member=serviceAccount:{_WORKLOADS} --role=roles/storage.objectViewer",
        "gcloud storage buckets add-iam-policy-binding gs://secundus-result-bucket "
        f"--member=serviceAccount:{_WORKLOADS} --role=roles/storage.objectUser",
    ),
}
"""Who types it → the calls in their order."""
POLICY = f"""\
[provider]
project_number = "100000000001"
pool = "primus-wip"
name = "primus-wip-provider"
[what]
image_digests = ["{_DIGEST}"]
[who]
service_accounts = ["{_WORKLOADS}"]
"""


def ours(party: str, folder: Path) -> list[list[str]]:
    """Our command for the same."""
    command = [sys.executable, "-m", "symbolon", party, "provision", "--apply"]
    if party == "owner":
        policy = folder / "policy.toml"
        policy.write_text(POLICY, encoding="utf-8")
        command += ["--policy", str(policy)]
    return [command]


def seconds_of(commands: list[list[str]], environment: Mapping[str, str], folder: Path) -> float:
    """How long the commands take one after another; each of them succeeds."""
    began = time.perf_counter()
    for command in commands:
        done = subprocess.run(command, env=dict(environment), cwd=folder, capture_output=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{command}: {done.stderr.decode()[-500:]}")
    return time.perf_counter() - began


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """For each party the medians of seconds, ours and the tutorial's, and their ratio; and of the whole."""
    took: dict[str, dict[str, list[float]]] = {
        party: {"symbolon_s": [], "gcloud_s": []} for party in TUTORIAL
    }
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="symbolon-benchmark-") as name:
            folder = Path(name)
            for way in ("symbolon_s", "gcloud_s") if number % 2 == 0 else ("gcloud_s", "symbolon_s"):
                emulator = running.start(folder / way)
                try:
                    for party in TUTORIAL:
                        took[party][way].append(_one(emulator, party, way, folder))
                finally:
                    emulator.stop()
    measured = {
        party: {way: statistics.median(each) for way, each in ways.items()} for party, ways in took.items()
    }
    measured["both"] = {
        way: sum(each[way] for each in measured.values()) for way in ("symbolon_s", "gcloud_s")
    }
    return {
        party: each | {"times_faster": each["gcloud_s"] / each["symbolon_s"]}
        for party, each in measured.items()
    }


def _one(emulator: Running, party: str, way: str, folder: Path) -> float:
    home = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "PYTHONPATH": str(_ROOT)}
    environment = home | environment_of(emulator, party)
    commands = ours(party, folder) if way == "symbolon_s" else [each.split() for each in TUTORIAL[party]]
    return seconds_of(commands, environment, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    for program in ("gcloud", "gsutil"):
        if shutil.which(program) is None:
            sys.exit(f"error: {program} is not installed, and there is nothing to compare with")
    measured = measure(arguments.rounds)
    if arguments.format == "json":
        print(json.dumps(measured))
        return
    for party, each in measured.items():
        print(
            f"{party:9} {each['symbolon_s']:6.1f} s by symbolon, {each['gcloud_s']:6.1f} s by the tutorial's "
            f"calls: {each['times_faster']:.1f} times faster"
        )


if __name__ == "__main__":
    main()
