"""What `provision` is asked with: the parties' projects, and the owner's policy."""

from __future__ import annotations

POOL = "https://iam.googleapis.com/v1/projects/100000000001/locations/global/workloadIdentityPools/primus-wip"
POLICY = f"""\
[provider]
project_number = "100000000001"
pool = "primus-wip"
name = "primus-wip-provider"
[what]
image_digests = ["sha256:{"1" * 64}"]
[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
"""
PROJECTS = {"owner": "primus", "operator": "secundus"}
