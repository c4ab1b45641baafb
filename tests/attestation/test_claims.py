"""Claims as types: every known one is read, wrong ones are named, unknown ones are kept."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from attestation.claims import Gpu, ImageSignature, MonitoringEnabled, Tdx, parse_claims
from attestation.errors import EvidenceRejected
from attestation.rejections import ClaimMalformed, ClaimMissing
from attestation.tokens import parse_token
from tests.attestation.conftest import OidcEvidence, PkiEvidence
from tests.attestation.signing import AUDIENCE, NOW, every_claim, smallest_claims

Path = tuple[str | int, ...]


def test_every_claim_of_a_tdx_and_gpu_token_is_read() -> None:
    claims = parse_claims(every_claim())
    assert claims.iss == "https://confidentialcomputing.googleapis.com"
    assert claims.aud == (AUDIENCE,)
    assert claims.sub.endswith("/instances/vm")
    assert (claims.iat, claims.nbf, claims.exp) == (NOW, NOW, NOW + 3600)
    assert claims.eat_nonce == ("nonce-of-eight", "another-nonce")
    assert claims.eat_profile == "https://cloud.google.com/confidential-computing/profile"
    assert claims.secboot is True
    assert claims.oemid == 11129
    assert claims.hwmodel == "GCP_INTEL_TDX"
    assert claims.swname == "CONFIDENTIAL_SPACE"
    assert claims.swversion == ("250800",)
    assert claims.dbgstat == "disabled-since-boot"
    assert claims.attester_tcb == ("INTEL",)
    assert claims.tdx == (
        Tdx(gcp_attester_tcb_status="UpToDate", gcp_attester_tcb_date="2024-03-13T00:00:00Z"),
    )
    assert claims.google_service_accounts == ("workload-sa@secundus.iam.gserviceaccount.com",)
    assert claims.unknown == {}


def test_every_submodule_of_a_tdx_and_gpu_token_is_read() -> None:
    submods = parse_claims(every_claim()).submods
    assert submods is not None
    assert submods.confidential_space is not None
    assert submods.confidential_space.support_attributes == ("LATEST", "STABLE", "USABLE")
    assert submods.confidential_space.monitoring_enabled == MonitoringEnabled(memory=False)
    container = submods.container
    assert container is not None
    assert container.image_reference == "us-docker.pkg.dev/primus/repo/workload:latest"
    assert container.image_digest == "sha256:" + "a" * 64
    assert container.image_id == "sha256:" + "b" * 64
    assert container.restart_policy == "Never"
    assert container.args == ("python", "-m", "workload")
    assert container.env == {"PATH": "/usr/bin", "TOP_K": "5"}
    assert container.env_override == {"TOP_K": "5"}
    assert container.cmd_override == ("--verbose",)
    assert container.image_signatures == (
        ImageSignature(key_id="c" * 64, signature="c2ln", signature_algorithm="ECDSA_P256_SHA256"),
    )
    assert submods.gce is not None
    assert submods.gce.zone == "us-west1-b"
    assert submods.gce.project_id == "secundus"
    assert submods.gce.project_number == "987654321098"
    assert submods.gce.instance_name == "workload-vm"
    assert submods.gce.instance_id == "1234567890123456789"
    assert submods.nvidia_gpu is not None
    assert submods.nvidia_gpu.cc_mode == "ON"
    assert submods.nvidia_gpu.cc_feature == "SPT"
    assert submods.nvidia_gpu.gpus == (
        Gpu(
            hwmodel="GCP_NVIDIA_H100",
            driver_version="550.90.07",
            vbios_version="96.00.9F.00.04",
            ueid="480632578339123519612",
        ),
    )


def test_an_absent_claim_is_none_and_not_empty() -> None:
    claims = parse_claims(smallest_claims())
    assert claims.submods is None
    assert claims.eat_nonce is None
    assert claims.google_service_accounts is None
    assert parse_claims({**smallest_claims(), "google_service_accounts": []}).google_service_accounts == ()


def test_no_claim_of_the_real_tokens_is_unknown(
    pki_evidence: PkiEvidence, oidc_evidence: OidcEvidence
) -> None:
    for text in (pki_evidence.text, *oidc_evidence.texts.values()):
        assert parse_claims(parse_token(text).claims).unknown == {}


def test_the_real_debug_token_is_read_in_full(oidc_evidence: OidcEvidence) -> None:
    claims = parse_claims(parse_token(oidc_evidence.texts["with_nonce"]).claims)
    assert claims.dbgstat == "enabled"
    assert claims.swversion == ("251001",)
    assert claims.google_service_accounts == (
        "cs-attestation-workload@synd-db-testing.iam.gserviceaccount.com",
    )
    assert claims.submods is not None and claims.submods.container is not None
    assert claims.submods.container.args == ("/app/cs-attestation-sample",)
    assert claims.submods.container.env_override == {
        "ATTESTATION_AUDIENCE": OIDC_AUDIENCE,
        "OUTPUT_BUCKET": "synd-db-testing-cs-attestation-samples",
    }
    assert claims.submods.container.cmd_override is None
    assert claims.submods.container.image_signatures is None
    assert claims.submods.gce is not None
    assert claims.submods.gce.project_number == "297985297894"


OIDC_AUDIENCE = "https://synddb-sequencer.example.com"


@pytest.mark.parametrize(
    ("path", "value", "read"),
    [
        pytest.param(("aud",), ["a", "b"], ("aud", ("a", "b")), id="audiences in a list"),
        pytest.param(("eat_nonce",), "one", ("eat_nonce", ("one",)), id="one nonce as a string"),
        pytest.param(("eat_nonce",), ["one"], ("eat_nonce", ("one",)), id="one nonce in a list"),
        pytest.param(
            ("tdx",),
            [{"gcp_attester_tcb_status": "OutOfDate"}],
            ("tdx", (Tdx(gcp_attester_tcb_status="OutOfDate", gcp_attester_tcb_date=None),)),
            id="tdx as an array, as it is documented",
        ),
    ],
)
def test_each_documented_form_of_a_claim_is_read(path: Path, value: object, read: tuple[str, object]) -> None:
    name, expected = read
    assert getattr(parse_claims(changed(path, value)), name) == expected


@pytest.mark.parametrize("name", ["cmd_override", "env_override"])
def test_an_override_that_is_null_is_absent(name: str) -> None:
    claims = parse_claims(changed(("submods", "container", name), None))
    assert claims.submods is not None
    assert getattr(claims.submods.container, name) is None
    assert claims.unknown == {}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("new",), "new"),
        (("https://aws.amazon.com/tags",), '["https://aws.amazon.com/tags"]'),
        (("submods", "new"), "submods.new"),
        (("submods", "gce", "new"), "submods.gce.new"),
        (("submods", "confidential_space", "monitoring_enabled", "cpu"), None),
        (("submods", "container", "image_signatures", 0, "new"), "submods.container.image_signatures[0].new"),
        (("submods", "nvidia_gpu", "gpus", 0, "new"), "submods.nvidia_gpu.gpus[0].new"),
        (("tdx", "new"), "tdx.new"),
    ],
)
def test_an_unknown_claim_is_kept_by_its_path(path: Path, shown: str | None) -> None:
    value = {"anything": [1, None]}
    expected = shown or ".".join(str(step) for step in path)
    assert parse_claims(changed(path, value)).unknown == {expected: value}


def test_unknown_claims_do_not_hide_behind_each_other() -> None:
    document = changed(("submods", "new"), 1) | {"submods.new": 2}
    assert parse_claims(document).unknown == {"submods.new": 1, '["submods.new"]': 2}


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "exp", "iat", "nbf"])
def test_a_token_without_what_every_token_has_is_rejected(name: str) -> None:
    claims = smallest_claims()
    del claims[name]
    with pytest.raises(ClaimMissing, match=f"`{name}`"):
        parse_claims(claims)


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every place in the claims that a type is given to, objects and lists included."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for name, below in value.items():
            yield from leaves(below, (*path, name))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from leaves(below, (*path, index))


def wrong_values(value: object) -> Iterator[object]:
    """A value of every JSON type but that of `value`, and but a string where a list has a short form."""
    for wrong in ("text", 1, 1.5, True, None, [1], {"a": 1}):
        if type(wrong) is not type(value):
            yield wrong


def changed(path: Path, value: object) -> dict[str, object]:
    """The full token with one claim set to `value`."""
    claims = copy.deepcopy(every_claim())
    parent: object = claims
    for step in path[:-1]:
        parent = parent[step]  # type: ignore[index]
    parent[path[-1]] = value  # type: ignore[index]
    return claims


def dotted(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


MAY_BE_A_TEXT = {("eat_nonce",), ("aud",)}
MAY_BE_NULL = {("submods", "container", "cmd_override"), ("submods", "container", "env_override")}
WRONG = [
    (path, wrong)
    for path, value in leaves(every_claim())
    for wrong in wrong_values(value)
    if not (path in MAY_BE_A_TEXT and wrong == "text") and not (path in MAY_BE_NULL and wrong is None)
]


@pytest.mark.parametrize(
    ("path", "wrong"), WRONG, ids=[f"{dotted(path)} as {wrong!r}" for path, wrong in WRONG]
)
def test_a_claim_of_the_wrong_type_is_rejected_by_its_path(path: Path, wrong: object) -> None:
    with pytest.raises(EvidenceRejected) as caught:
        parse_claims(changed(path, wrong))
    assert type(caught.value) is ClaimMalformed
    # A list of wrong things is wrong in its first one.
    assert f"`{dotted(path)}" in caught.value.message
