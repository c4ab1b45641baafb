"""The claims of a Confidential Space token as types: known ones checked, unknown ones kept.

An absent claim is None; it is not an empty one, and a policy tells the two apart. Values are
not judged here: `hwmodel` is whatever the platform says, because a new machine is no
malformed token. A claim that may be one value or a list of them is a tuple.

Source: Google Cloud documentation, "Attestation token claims"; google/go-tpm-tools,
launcher; and real tokens, where they and the documentation part (`tdx` is documented as an
array and is an object; `cmd_override` and `env_override` have been null).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .members import Members, required


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringEnabled:
    """`submods.confidential_space.monitoring_enabled`: what Google's agent may see of the VM."""

    memory: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidentialSpace:
    """`submods.confidential_space`: the operating system. Debug images have no `support_attributes`."""

    support_attributes: tuple[str, ...] | None
    monitoring_enabled: MonitoringEnabled | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSignature:
    """A signature of the image that the launcher found and verified.

    `key_id` is the SHA-256, in hex digits, of the DER form of the public key.
    """

    key_id: str | None
    signature: str | None
    signature_algorithm: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """`submods.container`: the image, and how the operator started it."""

    image_reference: str | None
    image_digest: str | None
    image_id: str | None
    restart_policy: str | None
    args: tuple[str, ...] | None
    env: Mapping[str, str] | None
    env_override: Mapping[str, str] | None
    cmd_override: tuple[str, ...] | None
    image_signatures: tuple[ImageSignature, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gce:
    """`submods.gce`: the VM. Its numbers are strings of digits."""

    zone: str | None
    project_id: str | None
    project_number: str | None
    instance_name: str | None
    instance_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One of `submods.nvidia_gpu.gpus`."""

    hwmodel: str | None
    driver_version: str | None
    vbios_version: str | None
    ueid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NvidiaGpu:
    """`submods.nvidia_gpu`: `cc_mode` is `ON`, `OFF`, or `DEVTOOLS` (which protects nothing)."""

    cc_mode: str | None
    cc_feature: str | None
    gpus: tuple[Gpu, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submods:
    """`submods`: what each part of the VM says of itself."""

    confidential_space: ConfidentialSpace | None
    container: Container | None
    gce: Gce | None
    nvidia_gpu: NvidiaGpu | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tdx:
    """`tdx`: how current the firmware of an Intel TDX machine is, as of Google's rollout."""

    gcp_attester_tcb_status: str | None
    gcp_attester_tcb_date: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """All that a token says. Times are seconds since the epoch.

    `unknown` holds every claim that has no field here, by its path from the top:
    `submods.gce.new_claim`, or `["https://aws.amazon.com/tags"]` for a name that is no word.
    """

    iss: str
    aud: tuple[str, ...]
    sub: str
    exp: int
    iat: int
    nbf: int
    eat_nonce: tuple[str, ...] | None
    eat_profile: str | None
    secboot: bool | None
    oemid: int | None
    hwmodel: str | None
    swname: str | None
    swversion: tuple[str, ...] | None
    dbgstat: str | None
    attester_tcb: tuple[str, ...] | None
    tdx: tuple[Tdx, ...] | None
    google_service_accounts: tuple[str, ...] | None
    submods: Submods | None
    unknown: Mapping[str, object] = field(default_factory=dict)


def parse_claims(claims: Mapping[str, object]) -> Claims:
    """`claims`, the JSON object of a token's payload, where every known one has its type.

    Raises:
        ClaimMissing: `iss`, `aud`, `sub`, `exp`, `iat` or `nbf` is absent.
        ClaimMalformed: a known claim has another type; the message names its path.
    """
    unknown: dict[str, object] = {}
    top = Members("", claims, unknown)
    return Claims(
        iss=required("iss", top.text("iss")),
        aud=required("aud", top.text_or_texts("aud")),
        sub=required("sub", top.text("sub")),
        exp=required("exp", top.integer("exp")),
        iat=required("iat", top.integer("iat")),
        nbf=required("nbf", top.integer("nbf")),
        eat_nonce=top.text_or_texts("eat_nonce"),
        eat_profile=top.text("eat_profile"),
        secboot=top.boolean("secboot"),
        oemid=top.integer("oemid"),
        hwmodel=top.text("hwmodel"),
        swname=top.text("swname"),
        swversion=top.texts("swversion"),
        dbgstat=top.text("dbgstat"),
        attester_tcb=top.texts("attester_tcb"),
        tdx=top.nested_or_list("tdx", _tdx),
        google_service_accounts=top.texts("google_service_accounts"),
        submods=top.nested("submods", _submods),
        unknown=unknown,
    )


def _tdx(tdx: Members) -> Tdx:
    return Tdx(
        gcp_attester_tcb_status=tdx.text("gcp_attester_tcb_status"),
        gcp_attester_tcb_date=tdx.text("gcp_attester_tcb_date"),
    )


def _submods(submods: Members) -> Submods:
    return Submods(
        confidential_space=submods.nested("confidential_space", _confidential_space),
        container=submods.nested("container", _container),
        gce=submods.nested("gce", _gce),
        nvidia_gpu=submods.nested("nvidia_gpu", _nvidia_gpu),
    )


def _confidential_space(confidential_space: Members) -> ConfidentialSpace:
    return ConfidentialSpace(
        support_attributes=confidential_space.texts("support_attributes"),
        monitoring_enabled=confidential_space.nested("monitoring_enabled", _monitoring_enabled),
    )


def _monitoring_enabled(monitoring_enabled: Members) -> MonitoringEnabled:
    return MonitoringEnabled(memory=monitoring_enabled.boolean("memory"))


def _container(container: Members) -> Container:
    return Container(
        image_reference=container.text("image_reference"),
        image_digest=container.text("image_digest"),
        image_id=container.text("image_id"),
        restart_policy=container.text("restart_policy"),
        args=container.texts("args"),
        env=container.text_by_name("env"),
        env_override=container.text_by_name("env_override", null_is_absent=True),
        cmd_override=container.texts("cmd_override", null_is_absent=True),
        image_signatures=container.nested_list("image_signatures", _image_signature),
    )


def _image_signature(signature: Members) -> ImageSignature:
    return ImageSignature(
        key_id=signature.text("key_id"),
        signature=signature.text("signature"),
        signature_algorithm=signature.text("signature_algorithm"),
    )


def _gce(gce: Members) -> Gce:
    return Gce(
        zone=gce.text("zone"),
        project_id=gce.text("project_id"),
        project_number=gce.text("project_number"),
        instance_name=gce.text("instance_name"),
        instance_id=gce.text("instance_id"),
    )


def _nvidia_gpu(nvidia_gpu: Members) -> NvidiaGpu:
    return NvidiaGpu(
        cc_mode=nvidia_gpu.text("cc_mode"),
        cc_feature=nvidia_gpu.text("cc_feature"),
        gpus=nvidia_gpu.nested_list("gpus", _gpu),
    )


def _gpu(gpu: Members) -> Gpu:
    return Gpu(
        hwmodel=gpu.text("hwmodel"),
        driver_version=gpu.text("driver_version"),
        vbios_version=gpu.text("vbios_version"),
        ueid=gpu.text("ueid"),
    )
