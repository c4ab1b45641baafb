"""What the two parties type into gcloud, but for what Google's tutorial has and takes minutes.

`tests.clients.recording` writes down what it asks.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.clients.conftest import Shell

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
    ("owner", "artifacts repositories update images --location=us --description=workloads"),
    ("owner", "artifacts docker images list us-docker.pkg.dev/primus/images --include-tags"),
    ("owner", "artifacts docker tags list us-docker.pkg.dev/primus/images"),
    ("owner", "artifacts repositories delete images --location=us --async"),
    ("owner", "iam workload-identity-pools delete primus-wip --location=global"),
)
"""Who types it, and what."""


def gcloud(shell_of: Callable[[str], Shell]) -> None:
    """Every command in its order; each ends well. `shell_of` opens a party's shell."""
    for party, command in COMMANDS:
        shell_of(party).run("gcloud", *command.split(), "--quiet")
