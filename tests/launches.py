"""One launch on a production image, for tests of every room that has a token minted for it."""

from __future__ import annotations

from attestation.digests import Digest
from policy.launch_claims import LaunchFacts

DIGEST = Digest("sha256:" + "1" * 64)
FACTS = LaunchFacts(
    project_id="secundus",
    project_number="200000000002",
    zone="us-west1-b",
    instance_name="workload-vm",
    instance_id="7845806077543069124",
    service_accounts=("workload-sa@secundus.iam.gserviceaccount.com",),
    hardware="GCP_AMD_SEV",
    debug=False,
    secure_boot=True,
    image_reference="us-docker.pkg.dev/primus/repo/workload:v1",
    image_digest=DIGEST,
    image_id="sha256:" + "2" * 64,
    restart_policy="Never",
    args=("python", "-m", "workload"),
    env={"PATH": "/usr/bin", "HOSTNAME": "workload-vm"},
)
