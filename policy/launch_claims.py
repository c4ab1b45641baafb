"""What a token will say of one launch, as far as the launch settles it.

The verifier adds what no launch knows: who asks for the token and when, and the version and the
support attributes of the Confidential Space image that booted.

Source: tokens that Google's verifier signed in 2025; Confidential Space documentation, "Token claims".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

HardwareModel = Literal["GCP_AMD_SEV", "GCP_AMD_SEV_SNP", "GCP_INTEL_TDX"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchFacts:
    """All that is measured of one launch; the token says nothing else of it."""

    project_id: str
    project_number: str
    zone: str
    instance_name: str
    instance_id: str
    service_accounts: tuple[str, ...]
    hardware: HardwareModel
    debug: bool
    secure_boot: bool
    image_reference: str
    image_digest: str
    image_id: str
    restart_policy: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    cmd_override: tuple[str, ...] = ()
    env_override: Mapping[str, str] = field(default_factory=dict)
    memory_monitoring: bool = False
    gpu: bool = False


def claims_of_launch(facts: LaunchFacts) -> dict[str, Any]:
    """The claims that the launch settles, in the token's own form.

    An override that was not asked for is absent, as in Google's tokens, and so is `nvidia_gpu` on a
    machine without one.
    """
    submods: dict[str, object] = {
        "confidential_space": {"monitoring_enabled": {"memory": facts.memory_monitoring}},
        "container": _container(facts),
        "gce": {
            "zone": facts.zone,
            "project_id": facts.project_id,
            "project_number": facts.project_number,
            "instance_name": facts.instance_name,
            "instance_id": facts.instance_id,
        },
    }
    if facts.gpu:
        submods["nvidia_gpu"] = {"cc_mode": "ON"}
    return {
        "sub": "https://www.googleapis.com/compute/v1/projects/"
        f"{facts.project_id}/zones/{facts.zone}/instances/{facts.instance_name}",
        "secboot": facts.secure_boot,
        "hwmodel": facts.hardware,
        "swname": "CONFIDENTIAL_SPACE",
        "dbgstat": "enabled" if facts.debug else "disabled-since-boot",
        "submods": submods,
        "google_service_accounts": list(facts.service_accounts),
    }


def _container(facts: LaunchFacts) -> dict[str, object]:
    container: dict[str, object] = {
        "image_reference": facts.image_reference,
        "image_digest": facts.image_digest,
        "restart_policy": facts.restart_policy,
        "image_id": facts.image_id,
    }
    if facts.env_override:
        container["env_override"] = dict(facts.env_override)
    if facts.cmd_override:
        container["cmd_override"] = list(facts.cmd_override)
    return {**container, "env": dict(facts.env), "args": list(facts.args)}
