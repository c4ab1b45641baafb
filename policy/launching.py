"""Whether a launch is allowed, and what will be measured of it: author's labels meet operator's metadata.

    spec = parse_launch_spec(metadata, free_memory_kb=…)     # what the operator asks for
    facts = measure_launch(spec, image, machine)             # the author allows it, and this is measured
    claims_of_launch(facts)                                  # what the token will say

The launcher asks this when the machine boots; an operator can ask it before there is a machine.
The labels are under the image's digest, so they are as trustworthy as the digest in the token.
Capabilities, mounts, cgroups and log redirection are not claims: these labels alone bound them.

Source: google/go-tpm-tools, launcher/spec/launch_policy.go; Confidential Space documentation,
"Launch policies".
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from .go_text import GoError, parse_bool, print_strings
from .launch_claims import HardwareModel, LaunchFacts
from .launch_spec import LaunchRefused, LaunchSpec, Monitoring, parse_monitoring, render_env_name_error

Permission = Literal["debugonly", "always", "never"]

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PREFIX = "tee.launch_policy."
_CAPABILITIES = _PREFIX + "allow_capabilities"
_CGROUPS = _PREFIX + "allow_cgroups"
_CMD = _PREFIX + "allow_cmd_override"
_ENV = _PREFIX + "allow_env_override"
_MOUNTS = _PREFIX + "allow_mount_destinations"
_DEBUG_MONITORING = _PREFIX + "debug_monitoring"
_HARDENED_MONITORING = _PREFIX + "hardened_monitoring"
_LOG_REDIRECT = _PREFIX + "log_redirect"
_MEMORY_MONITORING = _PREFIX + "monitoring_memory_allow"

_MONITORING_NAMES = {
    Monitoring.NONE: "none",
    Monitoring.MEMORY_ONLY: "memoryOnly",
    Monitoring.ALL: "all",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPolicy:
    """The author's half of a launch; the defaults are those of an image without labels."""

    allow_cmd_override: bool = False
    allow_env_override: tuple[str, ...] = ()
    allow_mount_destinations: tuple[str, ...] = ()
    allow_capabilities: bool = False
    allow_cgroups: bool = False
    log_redirect: Permission = "debugonly"
    hardened_monitoring: Monitoring = Monitoring.NONE
    debug_monitoring: Monitoring = Monitoring.MEMORY_ONLY


class LaunchImage(Protocol):
    """What a launch reads of a container image."""

    @property
    def digest(self) -> str: ...
    @property
    def image_id(self) -> str: ...
    @property
    def entrypoint(self) -> tuple[str, ...]: ...
    @property
    def cmd(self) -> tuple[str, ...]: ...
    @property
    def env(self) -> Mapping[str, str]: ...
    @property
    def labels(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchMachine:
    """The VM that boots. `debug`: from the debug image, where nothing is hardened."""

    project_id: str
    project_number: str
    zone: str
    instance_name: str
    instance_id: str
    service_account: str
    hardware: HardwareModel
    debug: bool
    secure_boot: bool
    gpu: bool


def measure_launch(spec: LaunchSpec, image: LaunchImage, machine: LaunchMachine) -> LaunchFacts:
    """What is measured when the machine runs the image as the operator asks, which its author allows.

    Raises:
        LaunchRefused: the author does not allow it, or nothing is left to run.
    """
    check_launch(parse_launch_policy(image.labels), spec, hardened=not machine.debug)
    args = (*image.entrypoint, *(spec.cmd or image.cmd))
    if len(args) <= len(spec.cmd):
        raise LaunchRefused(
            f"length of Args [{len(args)}] is shorter or equal to the length of the given Cmd "
            f"[{len(spec.cmd)}], maybe the Entrypoint is set to empty in the image?"
        )
    env_override = dict(spec.envs)
    return LaunchFacts(
        project_id=machine.project_id,
        project_number=machine.project_number,
        zone=machine.zone,
        instance_name=machine.instance_name,
        instance_id=machine.instance_id,
        service_accounts=(machine.service_account, *spec.impersonate_service_accounts),
        hardware=machine.hardware,
        debug=machine.debug,
        secure_boot=machine.secure_boot,
        image_reference=spec.image_reference,
        image_digest=image.digest,
        image_id=image.image_id,
        restart_policy=spec.restart_policy,
        args=args,
        env={"PATH": _DEFAULT_PATH, **image.env, **env_override, "HOSTNAME": machine.instance_name},
        cmd_override=spec.cmd,
        env_override=env_override,
        memory_monitoring=spec.monitoring is not Monitoring.NONE,
        gpu=machine.gpu and spec.install_gpu_driver,
        looks_for_signatures=bool(spec.signed_image_repos),
    )


def parse_launch_policy(labels: Mapping[str, str]) -> LaunchPolicy:
    """The policy that the labels spell; other labels are the author's own affair.

    Raises:
        LaunchRefused: a label with a value that the launcher does not understand.
    """
    hardened, debug = _parse_monitoring(labels)
    return LaunchPolicy(
        allow_env_override=tuple(name for name in labels.get(_ENV, "").split(",") if name),
        allow_cmd_override=_parse_flag(labels, _CMD),
        log_redirect=_parse_permission(labels, _LOG_REDIRECT, "debugonly"),
        hardened_monitoring=hardened,
        debug_monitoring=debug,
        allow_mount_destinations=tuple(
            posixpath.normpath(path) for path in labels.get(_MOUNTS, "").split(":") if path
        ),
        allow_capabilities=_parse_flag(labels, _CAPABILITIES),
        allow_cgroups=_parse_flag(labels, _CGROUPS),
    )


def check_launch(policy: LaunchPolicy, spec: LaunchSpec, *, hardened: bool) -> None:
    """The author allows all that the operator asks for, on a production image (`hardened`) or not.

    Raises:
        LaunchRefused: the first violation; there may be more.
    """
    _check_envs(policy, spec)
    if spec.cmd and not policy.allow_cmd_override:
        raise LaunchRefused("CMD is not allowed to be overridden on this image")
    if spec.log_redirect != "false":
        if policy.log_redirect == "never":
            raise LaunchRefused("logging redirection not allowed by image")
        if policy.log_redirect == "debugonly" and hardened:
            raise LaunchRefused("logging redirection only allowed on debug environment by image")
    _check_monitoring(policy.hardened_monitoring if hardened else policy.debug_monitoring, spec.monitoring)
    errors = [error for mount in spec.mounts if (error := _mount_error(policy, mount.destination))]
    if errors:
        raise LaunchRefused("destination mount points are not allowed: " + "\n".join(errors))
    if spec.added_capabilities and not policy.allow_capabilities:
        raise LaunchRefused("additional capabilities are not allowed")
    if spec.cgroup_namespace and not policy.allow_cgroups:
        raise LaunchRefused("cgroups usage is not allowed")


def _check_envs(policy: LaunchPolicy, spec: LaunchSpec) -> None:
    for name, _ in spec.envs:
        if error := render_env_name_error(name):
            raise LaunchRefused(error)
    for name, value in spec.envs:
        if name not in policy.allow_env_override:
            allowed = print_strings(policy.allow_env_override)
            raise LaunchRefused(
                f"env var {{{name} {value}}} is not allowed to be overridden on this image; "
                f"allowed envs to be overridden: {allowed}"
            )


def _check_monitoring(allowed: Monitoring, asked: Monitoring) -> None:
    if asked <= allowed:
        return
    error = (
        "spec configured for all monitoring, policy only allows memory"
        if allowed is Monitoring.MEMORY_ONLY
        else f"spec configured for {_MONITORING_NAMES[asked]} but policy is none"
    )
    raise LaunchRefused(f"error verifying monitoring config: {error}")


def _mount_error(policy: LaunchPolicy, destination: str) -> str:
    destination = posixpath.normpath(destination)
    for allowed in policy.allow_mount_destinations:
        if not allowed.startswith("/"):
            return f"received a non-absolute allowed destination path: {allowed}"
        if destination == allowed or destination.startswith(allowed.rstrip("/") + "/"):
            return ""
    paths = print_strings(policy.allow_mount_destinations)
    return (
        f'destination mount point "{destination}" is invalid: '
        f"policy only allows mounts in the following paths: {paths}"
    )


def _parse_flag(labels: Mapping[str, str], label: str) -> bool:
    try:
        return parse_bool(labels[label]) if label in labels else False
    except GoError:
        raise LaunchRefused(f"invalid image LABEL '{label}' (not a boolean)") from None


def _parse_permission(labels: Mapping[str, str], label: str, default: Permission) -> Permission:
    match labels.get(label, default).lower().strip():
        case "always":
            return "always"
        case "never":
            return "never"
        case "debugonly":
            return "debugonly"
        case _:
            raise LaunchRefused(f"invalid image LABEL '{label}'")


def _parse_monitoring(labels: Mapping[str, str]) -> tuple[Monitoring, Monitoring]:
    """What production and debug images may monitor, by the new labels or the deprecated one."""
    if _MEMORY_MONITORING not in labels:
        return (
            _parse_level(labels, _HARDENED_MONITORING, "hardened", Monitoring.NONE),
            _parse_level(labels, _DEBUG_MONITORING, "debug", Monitoring.MEMORY_ONLY),
        )
    if _HARDENED_MONITORING in labels or _DEBUG_MONITORING in labels:
        raise LaunchRefused(
            f"use either {_MEMORY_MONITORING} or {_HARDENED_MONITORING}/{_DEBUG_MONITORING} "
            "in image labels,- not both"
        )
    permission = _parse_permission(labels, _MEMORY_MONITORING, "debugonly")
    return (
        Monitoring.MEMORY_ONLY if permission == "always" else Monitoring.NONE,
        Monitoring.NONE if permission == "never" else Monitoring.MEMORY_ONLY,
    )


def _parse_level(labels: Mapping[str, str], label: str, kind: str, default: Monitoring) -> Monitoring:
    try:
        return parse_monitoring(labels[label]) if label in labels else default
    except GoError as error:
        raise LaunchRefused(f"invalid monitoring type for {kind} image: {error}") from None
