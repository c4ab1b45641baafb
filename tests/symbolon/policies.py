"""Policies that the command's tests share, and the files they stand in."""

from __future__ import annotations

import json
from pathlib import Path

DIGEST = "sha256:" + "a" * 64
STABLE = '"STABLE" in assertion.submods.confidential_space.support_attributes'
PINNED = f'assertion.submods.container.image_digest == "{DIGEST}"'
ANYBODY = f'assertion.swname == "CONFIDENTIAL_SPACE" &&\n  {STABLE}'
"""A shape that is really published: any production image, of anybody's project."""

HARDENED = f"""
[provider]
project_number = "100000000001"
pool = "primus-wip"
name = "primus-wip-provider"
[what]
image_digests = ["{DIGEST}"]
[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
[how]
env_override = ["INPUT_URI"]
"""

HOSTILE = (
    'assertion.submods.container.image_reference == "</pre><script>alert(1)</script>\u202e\x1b[2J'
    '`|[x](https://evil.example) @nobody" ||\n  assertion.nosuchclaim == "<img src=x onerror=alert(1)>"'
)
"""What it compares with would like to be markup, a link, a mention, and a command to the terminal."""


def provider(condition: str, *, name: str = "first", **changes: object) -> dict[str, object]:
    """As `gcloud iam workload-identity-pools providers describe --format=json` prints one."""
    pool = "projects/100000000001/locations/global/workloadIdentityPools/primus-wip"
    document: dict[str, object] = {
        "attributeCondition": condition,
        "attributeMapping": {"google.subject": "assertion.sub"},
        "name": f"{pool}/providers/{name}",
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
        "state": "ACTIVE",
    }
    return document | changes


def written(path: Path, content: object) -> Path:
    """The file, with a text in it, or with JSON."""
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8")
    return path
