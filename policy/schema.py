"""The vocabulary of a Confidential Space token: names, types, who decides each claim, and how.

Source: Google Cloud documentation, "Attestation token claims" and "Attestation assertions";
google/go-tpm-tools, launcher/spec (what the operator's metadata sets). Where the documentation and
real tokens disagree, real tokens win: `dbgstat` is `enabled`, `hwmodel` is `GCP_INTEL_TDX`, `tdx` is
an object, and unused overrides are absent or null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attestation.issuer import ISSUER

from .claim_types import (
    BOOL,
    INT,
    NULL,
    STRING,
    Claim,
    ListOf,
    MapOf,
    Object,
    OneOf,
    Type,
    without_null,
)

DIGEST_PATTERN: Final = "sha256:[0-9a-f]{64}"
NUMBER_PATTERN: Final = "[0-9]{1,20}"
ENCRYPTED_MEMORY: Final = ("GCP_AMD_SEV", "GCP_AMD_SEV_ES", "GCP_INTEL_TDX")
# In no document of the claims, so no policy of ours asks for it.
# Source: the verifier of google/prompt-encryption-sdk, which knows it.
UNDOCUMENTED_ENCRYPTED_MEMORY: Final = ("GCP_AMD_SEV_SNP",)
SUPPORT_ATTRIBUTES: Final = ("LATEST", "STABLE", "USABLE", "EXPERIMENTAL")
SIGNATURE_ALGORITHMS: Final = ("RSASSA_PSS_SHA256", "RSASSA_PKCS1V15_SHA256", "ECDSA_P256_SHA256")
GPU_MODES: Final = ("ON", "OFF", "DEVTOOLS")
RESTART_POLICIES: Final = ("Never", "OnFailure", "Always")
_PRODUCTION: Final = "launch a production image: `--image-family=confidential-space`"

_SIGNATURE: Final = Object(
    {
        "key_id": Claim(type=STRING, summary="SHA-256 of the DER public key, in hex"),
        "signature": Claim(type=STRING, summary="the signature, in base64"),
        "signature_algorithm": Claim(type=STRING, values=SIGNATURE_ALGORITHMS, summary="how it was made"),
    }
)
_CONTAINER: Final = Object(
    {
        "image_reference": Claim(
            type=STRING,
            set_by="operator",
            summary="the reference that was launched, tag or digest included",
            remedy="launch with `tee-image-reference` {expected}",
        ),
        "image_digest": Claim(
            type=STRING,
            pattern=DIGEST_PATTERN,
            set_by="operator",
            summary="the manifest's digest, or the index's for an image of several architectures",
            remedy="launch, by `tee-image-reference`, the image whose digest is {expected}",
        ),
        "image_id": Claim(
            type=STRING,
            pattern=DIGEST_PATTERN,
            set_by="operator",
            summary="the digest of the image's configuration",
            remedy="launch the image whose configuration is {expected}",
        ),
        "restart_policy": Claim(
            type=STRING,
            values=RESTART_POLICIES,
            set_by="operator",
            summary="whether the VM starts the container again",
            remedy="launch with `tee-restart-policy` {expected}",
        ),
        "args": Claim(
            type=ListOf(STRING),
            required=False,
            set_by="operator",
            summary="the whole command line: entrypoint, and command or `tee-cmd`",
            remedy="launch without `tee-cmd`, or with one that makes the command line {expected}",
        ),
        "env": Claim(
            type=MapOf(STRING),
            required=False,
            set_by="operator",
            summary="the whole environment, overrides included",
            remedy="launch with `tee-env-…` that makes it {expected}",
        ),
        "cmd_override": Claim(
            type=OneOf((ListOf(STRING), NULL)),
            required=False,
            set_by="operator",
            summary="the operator's `tee-cmd`",
            remedy="launch with `tee-cmd` {expected}",
            remedies=dict.fromkeys(("absent", "empty"), "launch without `tee-cmd`"),
            absence="it is there only when `tee-cmd` is used",
        ),
        "env_override": Claim(
            type=OneOf((MapOf(STRING), NULL)),
            required=False,
            set_by="operator",
            summary="the operator's `tee-env-…`",
            remedy="launch with no `tee-env-…` but {expected}",
            remedies=dict.fromkeys(("absent", "empty"), "launch without any `tee-env-…`"),
            absence="it is there only when a `tee-env-…` is used",
        ),
        "image_signatures": Claim(
            type=OneOf((ListOf(_SIGNATURE), NULL)),
            required=False,
            set_by="operator",
            summary="signatures of the image that the launcher found and verified",
            remedy="launch with `tee-signed-image-repos` naming the repository of the signature {expected}",
            absence="it is there only when `tee-signed-image-repos` names a repository with signatures",
        ),
    }
)
_GCE: Final = Object(
    {
        "zone": Claim(
            type=STRING,
            set_by="operator",
            summary="the VM's zone",
            remedy="launch with `--zone` {expected}",
        ),
        "project_id": Claim(
            type=STRING,
            set_by="operator",
            summary="the VM's project",
            remedy="launch in project {expected}",
        ),
        "project_number": Claim(
            type=STRING,
            pattern=NUMBER_PATTERN,
            set_by="operator",
            summary="the VM's project, by its number",
            remedy="launch in the project with number {expected}",
        ),
        "instance_name": Claim(
            type=STRING,
            set_by="operator",
            summary="the VM's name",
            remedy="name the VM {expected}",
        ),
        "instance_id": Claim(type=STRING, pattern=NUMBER_PATTERN, summary="the VM, by its number"),
    }
)
_CONFIDENTIAL_SPACE: Final = Object(
    {
        "support_attributes": Claim(
            type=ListOf(STRING),
            required=False,
            values=SUPPORT_ATTRIBUTES,
            set_by="operator",
            summary="how well Google supports the image",
            remedy=f"{_PRODUCTION}, in a version that Google still marks {{expected}}",
            absence="debug images have none",
        ),
        "monitoring_enabled": Claim(
            type=Object(
                {
                    "memory": Claim(
                        type=BOOL,
                        set_by="operator",
                        summary="whether memory use is reported",
                        remedies={
                            "false": "launch without `tee-monitoring-memory-enable`",
                            "true": "launch with `tee-monitoring-memory-enable`",
                        },
                    )
                }
            ),
            required=False,
            set_by="operator",
            summary="what is reported about the running VM",
        ),
    }
)
_GPU: Final = Object(
    {
        "cc_mode": Claim(
            type=STRING,
            values=GPU_MODES,
            set_by="operator",
            summary="whether the GPU computes confidentially",
            remedy="launch with the GPU's confidential mode {expected}",
        ),
        "cc_feature": Claim(type=STRING, required=False, summary="which feature of the GPU that is"),
        "gpus": Claim(
            type=ListOf(
                Object(
                    {
                        "hwmodel": Claim(type=STRING, summary="the GPU's model"),
                        "driver_version": Claim(type=STRING, summary="the driver"),
                        "vbios_version": Claim(type=STRING, summary="the firmware"),
                        "ueid": Claim(type=STRING, summary="the GPU itself"),
                    }
                )
            ),
            required=False,
            summary="each GPU",
        ),
    }
)
_SUBMODS: Final = Object(
    {
        "confidential_space": Claim(
            type=_CONFIDENTIAL_SPACE,
            required=False,
            set_by="operator",
            summary="the operating system of the VM",
            absence="only Confidential Space images have it",
        ),
        "container": Claim(type=_CONTAINER, set_by="operator", summary="the workload"),
        "gce": Claim(type=_GCE, set_by="operator", summary="where the VM runs"),
        "nvidia_gpu": Claim(
            type=_GPU,
            required=False,
            set_by="operator",
            summary="its GPUs",
            remedies={
                "present": "launch on a machine type with a confidential GPU",
                "absent": "launch on a machine type without a GPU",
            },
            absence="only machines with a confidential GPU have it",
        ),
    }
)
ASSERTION: Final = Object(
    {
        "iss": Claim(type=STRING, values=(ISSUER,), verified=True, summary="who signed the token"),
        "aud": Claim(
            type=OneOf((STRING, ListOf(STRING))),
            set_by="publisher",
            summary="for whom the workload asked it",
        ),
        "sub": Claim(type=STRING, set_by="operator", summary="the VM, as its full resource URL"),
        "iat": Claim(type=INT, summary="when it was signed, in seconds since the epoch"),
        "nbf": Claim(type=INT, summary="from when it is valid"),
        "exp": Claim(type=INT, summary="until when it is valid"),
        "eat_nonce": Claim(
            type=OneOf((STRING, ListOf(STRING))),
            required=False,
            set_by="publisher",
            summary="what the workload wanted in it",
            absence="it is there only when the workload asks for a nonce",
        ),
        "eat_profile": Claim(type=STRING, required=False, summary="the document that describes the claims"),
        "secboot": Claim(
            type=BOOL,
            set_by="operator",
            summary="whether the VM booted only signed software",
            remedies={
                "true": "launch with `--shielded-secure-boot`",
                "false": "launch without `--shielded-secure-boot`",
            },
        ),
        "oemid": Claim(type=INT, summary="Google's number: 11129"),
        "hwmodel": Claim(
            type=STRING,
            values=(*ENCRYPTED_MEMORY, *UNDOCUMENTED_ENCRYPTED_MEMORY, "GCP_SHIELDED_VM"),
            set_by="operator",
            summary="what protects the VM's memory; nothing does on GCP_SHIELDED_VM",
            remedy="launch with the `--confidential-compute-type` (SEV, TDX) that makes it {expected}",
        ),
        "swname": Claim(
            type=STRING,
            values=("CONFIDENTIAL_SPACE", "GCE"),
            set_by="operator",
            summary="the operating system",
            remedies={
                '"CONFIDENTIAL_SPACE"': "launch a Confidential Space image:"
                " `--image-project=confidential-space-images`",
            },
        ),
        "swversion": Claim(type=ListOf(STRING), required=False, summary="its version"),
        "dbgstat": Claim(
            type=STRING,
            values=("disabled-since-boot", "enabled"),
            set_by="operator",
            summary="whether someone can look inside the VM",
            remedies={
                '"disabled-since-boot"': f"{_PRODUCTION}, not `confidential-space-debug`",
                '"enabled"': "launch a debug image: `--image-family=confidential-space-debug`",
            },
        ),
        "attester_tcb": Claim(
            type=ListOf(STRING),
            required=False,
            summary="who vouches for the hardware",
            absence="only Intel TDX machines have it",
        ),
        "tdx": Claim(
            type=Object(
                {
                    "gcp_attester_tcb_status": Claim(type=STRING, summary="how up to date the hardware is"),
                    "gcp_attester_tcb_date": Claim(type=STRING, summary="as of when"),
                }
            ),
            required=False,
            summary="what Intel TDX says",
            absence="only Intel TDX machines have it",
        ),
        "google_service_accounts": Claim(
            type=ListOf(STRING),
            set_by="operator",
            summary="the service accounts that the VM runs as",
            remedy="launch with `--service-account` so that the VM's accounts are {expected}",
        ),
        "submods": Claim(type=_SUBMODS, summary="the parts of the VM"),
    }
)
GOOGLE: Final = Object(
    {
        "subject": Claim(type=STRING, summary="what the mapping makes of the token, its identity"),
        "groups": Claim(type=ListOf(STRING), required=False, summary="what the mapping makes its groups"),
    }
)


ROOTS: Final[Mapping[str, Type]] = {"assertion": ASSERTION, "google": GOOGLE, "attribute": MapOf(STRING)}
"""What each root name of a condition is."""


def claim_at(root: str, keys: tuple[str | int, ...]) -> Claim | None:
    """The claim at this path, or the one that holds it in a list or a map; None when there is none.

    >>> claim_at("assertion", ("submods", "gce", "zone")).summary
    "the VM's zone"
    """
    here, found = ROOTS.get(root), None
    for key in keys:
        here = None if here is None else without_null(here)
        if isinstance(here, Object) and isinstance(key, str) and key in here.fields:
            found = here.fields[key]
            here = found.type
        elif isinstance(here, MapOf) and isinstance(key, str):
            here = here.value
        elif isinstance(here, ListOf) and isinstance(key, int):
            here = here.element
        else:
            return None
    return found
