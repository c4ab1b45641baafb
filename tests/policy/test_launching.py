"""The author's labels, and where they meet the operator's metadata: every label, exact sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policy.launch_spec import LaunchRefused, LaunchSpec, Monitoring, TmpfsMount
from policy.launching import LaunchPolicy, check_launch, parse_launch_policy

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
