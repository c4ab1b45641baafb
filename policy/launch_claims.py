"""What a token will say of one launch, as far as the launch settles it.

The verifier adds what no launch knows: who asks for the token and when, and the version and the
support attributes of the Confidential Space image that booted. `foreseen_claims` has what is documented
of these, and says of the rest that it is not known.

Source: tokens that Google's verifier signed in 2025; Confidential Space documentation, "Token claims".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from attestation.issuer import ISSUER

from .cel.syntax import Span
from .cel.values import ErrorValue, unknown_value

HardwareModel = Literal["GCP_AMD_SEV", "GCP_AMD_SEV_SNP", "GCP_INTEL_TDX"]

A_NEW_INSTANCE: Final = "9" * 19
"""An instance ID as long as any: a new machine's is one that nobody has written down before."""
NEWEST_IMAGE: Final = ("LATEST", "STABLE", "USABLE")
"""The support attributes of the newest production image, which the family `confidential-space` boots."""
_GOOGLE_OEM_ID: Final = 11129


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
    looks_for_signatures: bool = False


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


def foreseen_claims(
    facts: LaunchFacts, *, audience: str, instance_id: str | None = None
) -> tuple[dict[str, Any], ...]:
    """The claims of a token that the machine will ask for, before there is the machine.

    What is not known yet is an `ErrorValue` that is unknown: who decides on it gets *unknown*. More
    than one set of claims where a claim may or may not be there. `instance_id` puts one in the place of
    the machine's, for whoever wants to know what can be made of any.

    Source: Confidential Space documentation, "Token claims", "Confidential Space images" (the newest image
    has the support attributes LATEST, STABLE and USABLE; a debug image has none).
    """
    claims = claims_of_launch(facts)
    submods = claims["submods"]
    submods["gce"]["instance_id"] = instance_id or _unknown("the machine's ID, until it is made")
    if facts.gpu:
        submods["nvidia_gpu"] |= {"gpus": _unknown("which GPU it gets"), "cc_feature": _unknown("of the GPU")}
    if not facts.debug:
        support = _unknown("of an image with drivers for GPUs") if facts.gpu else list(NEWEST_IMAGE)
        submods["confidential_space"]["support_attributes"] = support
    if facts.hardware == "GCP_INTEL_TDX":
        claims |= {"attester_tcb": ["INTEL"], "tdx": _unknown("of the machine that it gets")}
    claims |= {"aud": audience, "iss": ISSUER, "oemid": _GOOGLE_OEM_ID}
    claims |= {name: _unknown("until the token is signed") for name in ("iat", "nbf", "exp", "eat_profile")}
    claims["swversion"] = _unknown("of the image that boots")
    if not facts.looks_for_signatures:
        return (claims,)
    container = {**submods["container"], "image_signatures": _unknown("found only when the image is pulled")}
    return claims, {**claims, "submods": {**submods, "container": container}}


def _unknown(why: str) -> ErrorValue:
    return unknown_value(f"not known before it boots: {why}", Span(0, 0))


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
