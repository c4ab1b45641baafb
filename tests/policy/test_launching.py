"""The author's labels, and where they meet the operator's metadata: every label, exact sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from policy.cel.values import is_unknown
from policy.launch_claims import claims_of_launch, foreseen_claims
from policy.launch_spec import LaunchRefused, LaunchSpec, Monitoring, TmpfsMount
from policy.launching import LaunchMachine, LaunchPolicy, check_launch, measure_launch, parse_launch_policy
from tests.launches import FACTS

_P = "tee.launch_policy."
_SPEC = LaunchSpec(image_reference="us-docker.pkg.dev/p/r/i:latest")


def test_an_image_without_labels_allows_nothing() -> None:
    assert parse_launch_policy({"org.example": "x"}) == LaunchPolicy()


def test_every_label_is_read() -> None:
    policy = parse_launch_policy(
        {
            _P + "allow_cmd_override": "True",
            _P + "allow_env_override": "A,,B",
            _P + "allow_mount_destinations": "/a/../b:/c/",
            _P + "allow_capabilities": "1",
            _P + "allow_cgroups": "t",
            _P + "log_redirect": " Always ",
            _P + "hardened_monitoring": "MemoryOnly",
            _P + "debug_monitoring": "ALL",
        }
    )
    assert policy == LaunchPolicy(
        allow_cmd_override=True,
        allow_env_override=("A", "B"),
        allow_mount_destinations=("/b", "/c"),
        allow_capabilities=True,
        allow_cgroups=True,
        log_redirect="always",
        hardened_monitoring=Monitoring.MEMORY_ONLY,
        debug_monitoring=Monitoring.ALL,
    )


@pytest.mark.parametrize(
    ("permission", "hardened", "debug"),
    [
        ("always", Monitoring.MEMORY_ONLY, Monitoring.MEMORY_ONLY),
        ("never", Monitoring.NONE, Monitoring.NONE),
        ("debugonly", Monitoring.NONE, Monitoring.MEMORY_ONLY),
    ],
)
def test_the_deprecated_monitoring_label_means_the_new_ones(
    permission: str, hardened: Monitoring, debug: Monitoring
) -> None:
    policy = parse_launch_policy({_P + "monitoring_memory_allow": permission})
    assert (policy.hardened_monitoring, policy.debug_monitoring) == (hardened, debug)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ({"allow_cmd_override": "yes"}, f"invalid image LABEL '{_P}allow_cmd_override' (not a boolean)"),
        ({"allow_capabilities": ""}, f"invalid image LABEL '{_P}allow_capabilities' (not a boolean)"),
        ({"allow_cgroups": "2"}, f"invalid image LABEL '{_P}allow_cgroups' (not a boolean)"),
        ({"log_redirect": "sometimes"}, f"invalid image LABEL '{_P}log_redirect'"),
        ({"monitoring_memory_allow": "yes"}, f"invalid image LABEL '{_P}monitoring_memory_allow'"),
        (
            {"hardened_monitoring": "some"},
            "invalid monitoring type for hardened image: invalid monitoring type some",
        ),
        ({"debug_monitoring": ""}, "invalid monitoring type for debug image: invalid monitoring type "),
        (
            {"monitoring_memory_allow": "never", "debug_monitoring": "none"},
            f"use either {_P}monitoring_memory_allow or {_P}hardened_monitoring/{_P}debug_monitoring "
            "in image labels,- not both",
        ),
    ],
)
def test_a_label_that_the_launcher_does_not_understand_is_refused(
    labels: dict[str, str], sentence: str
) -> None:
    with pytest.raises(LaunchRefused) as refusal:
        parse_launch_policy({_P + label: value for label, value in labels.items()})
    assert str(refusal.value) == sentence


_TMPFS = (TmpfsMount(destination="/data/x/"),)


@pytest.mark.parametrize(
    ("asked", "allowing", "sentence"),
    [
        ({"cmd": ("x",)}, {"allow_cmd_override": True}, "CMD is not allowed to be overridden on this image"),
        (
            {"envs": (("B", "1"),)},
            {"allow_env_override": ("A", "B")},
            "env var {B 1} is not allowed to be overridden on this image; allowed envs to be overridden: []",
        ),
        (
            {"log_redirect": "true"},
            {"log_redirect": "always"},
            "logging redirection only allowed on debug environment by image",
        ),
        (
            {"monitoring": Monitoring.MEMORY_ONLY},
            {"hardened_monitoring": Monitoring.MEMORY_ONLY},
            "error verifying monitoring config: spec configured for memoryOnly but policy is none",
        ),
        (
            {"mounts": _TMPFS},
            {"allow_mount_destinations": ("/data",)},
            'destination mount points are not allowed: destination mount point "/data/x" is invalid: '
            "policy only allows mounts in the following paths: []",
        ),
        (
            {"added_capabilities": ("CAP_KILL",)},
            {"allow_capabilities": True},
            "additional capabilities are not allowed",
        ),
        ({"cgroup_namespace": True}, {"allow_cgroups": True}, "cgroups usage is not allowed"),
    ],
)
def test_what_the_author_does_not_allow_is_refused_and_what_he_allows_is_not(
    asked: dict[str, Any], allowing: dict[str, Any], sentence: str
) -> None:
    spec = replace(_SPEC, **asked)
    with pytest.raises(LaunchRefused) as refusal:
        check_launch(LaunchPolicy(), spec, hardened=True)
    assert str(refusal.value) == sentence
    check_launch(replace(LaunchPolicy(), **allowing), spec, hardened=True)


@pytest.mark.parametrize(
    ("policy", "asked", "sentence"),
    [
        ({"log_redirect": "never"}, {"log_redirect": "serial"}, "logging redirection not allowed by image"),
        (
            {"debug_monitoring": Monitoring.MEMORY_ONLY},
            {"monitoring": Monitoring.ALL},
            "error verifying monitoring config: "
            "spec configured for all monitoring, policy only allows memory",
        ),
        (
            {"allow_env_override": ("1A",)},
            {"envs": (("1A", ""),)},
            "failed to format env var: malformed env name [1A], env name must start with an alpha character "
            "or '_', followed by a string of alphanumeric characters or '_' (^[a-zA-Z_][a-zA-Z0-9_]*$)",
        ),
        (
            {"allow_mount_destinations": ("data",)},
            {"mounts": _TMPFS},
            "destination mount points are not allowed: "
            "received a non-absolute allowed destination path: data",
        ),
        (
            {"allow_mount_destinations": ("/dat",)},
            {"mounts": _TMPFS},
            'destination mount points are not allowed: destination mount point "/data/x" is invalid: '
            "policy only allows mounts in the following paths: [/dat]",
        ),
    ],
)
def test_a_debug_image_is_bound_by_its_labels_too(
    policy: dict[str, Any], asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(LaunchRefused) as refusal:
        check_launch(replace(LaunchPolicy(), **policy), replace(_SPEC, **asked), hardened=False)
    assert str(refusal.value) == sentence


def test_a_debug_image_may_redirect_and_monitor_without_labels() -> None:
    spec = replace(_SPEC, log_redirect="true", monitoring=Monitoring.MEMORY_ONLY)
    check_launch(LaunchPolicy(), spec, hardened=False)


def test_only_the_first_violation_is_told() -> None:
    spec = replace(_SPEC, cmd=("x",), log_redirect="true", cgroup_namespace=True)
    with pytest.raises(LaunchRefused) as refusal:
        check_launch(LaunchPolicy(), spec, hardened=True)
    assert str(refusal.value) == "CMD is not allowed to be overridden on this image"


@dataclass(frozen=True, kw_only=True)
class _Image:
    """An image, as far as a launch reads it."""

    digest: str = "sha256:" + "1" * 64
    image_id: str = "sha256:" + "2" * 64
    entrypoint: tuple[str, ...] = ("python",)
    cmd: tuple[str, ...] = ("-m", "workload")
    env: Mapping[str, str] = field(default_factory=lambda: {"LANG": "C"})
    labels: Mapping[str, str] = field(default_factory=dict)


_MACHINE = LaunchMachine(
    project_id="secundus",
    project_number="2",
    zone="us-west1-b",
    instance_name="vm",
    instance_id="42",
    service_account="workload-sa@secundus.iam.gserviceaccount.com",
    hardware="GCP_AMD_SEV",
    debug=False,
    secure_boot=True,
    gpu=False,
)
_OPEN = {_P + "allow_cmd_override": "true", _P + "allow_env_override": "A", _P + "hardened_monitoring": "all"}


def test_a_plain_launch_is_measured_as_the_image_and_the_machine_are() -> None:
    claims = claims_of_launch(measure_launch(_SPEC, _Image(), _MACHINE))
    assert claims == {
        "sub": "https://www.googleapis.com/compute/v1/projects/secundus/zones/us-west1-b/instances/vm",
        "secboot": True,
        "hwmodel": "GCP_AMD_SEV",
        "swname": "CONFIDENTIAL_SPACE",
        "dbgstat": "disabled-since-boot",
        "submods": {
            "confidential_space": {"monitoring_enabled": {"memory": False}},
            "container": {
                "image_reference": "us-docker.pkg.dev/p/r/i:latest",
                "image_digest": "sha256:" + "1" * 64,
                "restart_policy": "Never",
                "image_id": "sha256:" + "2" * 64,
                "env": {
                    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "LANG": "C",
                    "HOSTNAME": "vm",
                },
                "args": ["python", "-m", "workload"],
            },
            "gce": {
                "zone": "us-west1-b",
                "project_id": "secundus",
                "project_number": "2",
                "instance_name": "vm",
                "instance_id": "42",
            },
        },
        "google_service_accounts": ["workload-sa@secundus.iam.gserviceaccount.com"],
    }


def test_what_the_operator_overrides_is_measured_twice_as_itself_and_in_what_runs() -> None:
    spec = replace(
        _SPEC,
        cmd=("-c", "x"),
        envs=(("A", "1"),),
        monitoring=Monitoring.MEMORY_ONLY,
        impersonate_service_accounts=("b@x",),
    )
    claims = claims_of_launch(measure_launch(spec, _Image(labels=_OPEN), _MACHINE))
    container = claims["submods"]["container"]
    assert container["cmd_override"] == ["-c", "x"]
    assert container["args"] == ["python", "-c", "x"]
    assert container["env_override"] == {"A": "1"}
    assert container["env"]["A"] == "1"
    assert claims["submods"]["confidential_space"] == {"monitoring_enabled": {"memory": True}}
    assert claims["google_service_accounts"] == [_MACHINE.service_account, "b@x"]


def test_the_operator_cannot_rename_the_machine_and_the_image_may_set_its_path() -> None:
    image = _Image(env={"PATH": "/app", "HOSTNAME": "other"})
    facts = measure_launch(_SPEC, image, _MACHINE)
    assert facts.env == {"PATH": "/app", "HOSTNAME": "vm"}


def test_a_variable_of_the_image_is_the_operator_s_where_the_author_allows_it() -> None:
    image = _Image(env={"A": "image"}, labels=_OPEN)
    assert measure_launch(_SPEC, image, _MACHINE).env["A"] == "image"
    assert measure_launch(replace(_SPEC, envs=(("A", "operator"),)), image, _MACHINE).env["A"] == "operator"


def test_a_debug_machine_says_so_and_is_measured_by_its_own_labels() -> None:
    spec = replace(_SPEC, log_redirect="true")
    with pytest.raises(LaunchRefused):
        measure_launch(spec, _Image(), _MACHINE)
    facts = measure_launch(spec, _Image(), replace(_MACHINE, debug=True))
    assert claims_of_launch(facts)["dbgstat"] == "enabled"


def test_a_gpu_is_measured_where_there_is_one_and_its_driver_is_asked_for() -> None:
    asking = replace(_SPEC, install_gpu_driver=True)
    with_gpu = replace(_MACHINE, gpu=True)
    measured = [
        "nvidia_gpu" in claims_of_launch(measure_launch(spec, _Image(), machine))["submods"]
        for spec, machine in ((asking, with_gpu), (_SPEC, with_gpu), (asking, _MACHINE))
    ]
    assert measured == [True, False, False]


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        pytest.param(
            _Image(entrypoint=(), labels=_OPEN),
            "length of Args [1] is shorter or equal to the length of the given Cmd [1], "
            "maybe the Entrypoint is set to empty in the image?",
            id="an image without an entrypoint runs no command of the operator's",
        ),
        pytest.param(
            _Image(),
            "CMD is not allowed to be overridden on this image",
            id="an image without labels allows no command",
        ),
    ],
)
def test_a_launch_that_is_refused_measures_nothing(image: _Image, sentence: str) -> None:
    with pytest.raises(LaunchRefused) as refusal:
        measure_launch(replace(_SPEC, cmd=("x",)), image, _MACHINE)
    assert str(refusal.value) == sentence


def _known(claims: Any) -> Any:
    """The claims without those that are not known yet."""
    if isinstance(claims, dict):
        return {key: _known(value) for key, value in claims.items() if not is_unknown(value)}
    return claims


def _unknown_paths(claims: Any, path: str = "") -> list[str]:
    if is_unknown(claims):
        return [path[1:]]
    if not isinstance(claims, dict):
        return []
    return sorted(found for key, value in claims.items() for found in _unknown_paths(value, f"{path}.{key}"))


_OF_THE_VERIFIER = ["eat_profile", "exp", "iat", "nbf", "submods.gce.instance_id", "swversion"]


@pytest.mark.parametrize(
    ("change", "besides", "variants"),
    [
        ({}, [], 1),
        ({"debug": True}, [], 1),
        ({"hardware": "GCP_INTEL_TDX"}, ["tdx"], 1),
        (
            {"gpu": True},
            [
                "submods.confidential_space.support_attributes",
                "submods.nvidia_gpu.cc_feature",
                "submods.nvidia_gpu.gpus",
            ],
            1,
        ),
        ({"looks_for_signatures": True}, [], 2),
    ],
    ids=["SEV", "a debug image", "TDX", "a GPU", "signatures are looked for"],
)
def test_a_token_is_foretold_as_far_as_it_is_known(
    change: dict[str, Any], besides: list[str], variants: int
) -> None:
    facts = replace(FACTS, **change)
    foreseen = foreseen_claims(facts, audience="aud")
    assert len(foreseen) == variants
    assert _unknown_paths(foreseen[0]) == sorted([*_OF_THE_VERIFIER, *besides])
    known, launched = _known(foreseen[0]), claims_of_launch(facts)
    del launched["submods"]["gce"]["instance_id"]
    if not change.get("debug") and not change.get("gpu"):
        support = known["submods"]["confidential_space"].pop("support_attributes")
        assert support == ["LATEST", "STABLE", "USABLE"]
    assert known["submods"] == launched["submods"]
    assert {key: known[key] for key in launched} == launched
    assert (known["aud"], known["iss"]) == ("aud", "https://confidentialcomputing.googleapis.com")
    for claims in foreseen[1:]:
        assert _unknown_paths(claims) == sorted([*_OF_THE_VERIFIER, "submods.container.image_signatures"])


def test_a_machine_s_id_can_be_put_in_its_place() -> None:
    (claims,) = foreseen_claims(FACTS, audience="aud", instance_id="7")
    assert claims["submods"]["gce"]["instance_id"] == "7"
