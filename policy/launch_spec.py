"""What the operator asks for: the instance's metadata, read as the Confidential Space launcher reads it.

Every error is the launcher's own sentence. A key that the launcher does not know is ignored by
it without a word, so `unknown_keys` lets the serial log say what the real one does not.

Source: google/go-tpm-tools, launcher/spec/launch_spec.go, launcher/internal/launchermount/tmpfs.go
and cel/cos_tlv.go; Confidential Space documentation, "Workload metadata variables".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from .go_text import GoError, parse_bool, parse_string_array, parse_uint, print_strings

IMAGE_REFERENCE = "tee-image-reference"
_CMD = "tee-cmd"
_ENV = "tee-env-"
_RESTART_POLICY = "tee-restart-policy"
_LOG_REDIRECT = "tee-container-log-redirect"
_IMPERSONATE = "tee-impersonate-service-accounts"
_SIGNED_REPOS = "tee-signed-image-repos"
_MONITORING = "tee-monitoring-enable"
_MEMORY_MONITORING = "tee-monitoring-memory-enable"
_DEV_SHM = "tee-dev-shm-size-kb"
_MOUNT = "tee-mount"
_CAPABILITIES = "tee-added-capabilities"
_CGROUPS = "tee-cgroup-ns"
_GPU_DRIVER = "tee-install-gpu-driver"
_DISABLE_REFRESH = "tee-disable-gca-refresh"
# Every key that the launcher reads: launcher/spec/launch_spec.go at 67670e5c021a, 21 August 2026. Beside
# them stand `gca-service-env`, `ita-region`, `ita-api-key` and `test-fake-verifier`, for other verifiers.
_KNOWN = frozenset(
    {
        IMAGE_REFERENCE,
        _CMD,
        _RESTART_POLICY,
        _LOG_REDIRECT,
        _IMPERSONATE,
        _SIGNED_REPOS,
        _MONITORING,
        _MEMORY_MONITORING,
        _DEV_SHM,
        _MOUNT,
        _CAPABILITIES,
        _CGROUPS,
        _GPU_DRIVER,
        _DISABLE_REFRESH,
    }
)

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_LOG_LOCATIONS = ("true", "cloud_logging", "serial", "false")
_ENV_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MOUNT_KEYS = ("type", "source", "destination", "size")
_CAPABILITY_NAMES = """
AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH
FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN
NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT
SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM
"""
_LINUX_CAPABILITIES = frozenset(f"CAP_{name}" for name in _CAPABILITY_NAMES.split())


class LaunchRefused(Exception):
    """The launcher does not start the workload; the text is what it writes to its log."""


class Monitoring(IntEnum):
    """How much health monitoring: each level holds the ones before it."""

    NONE = 0
    MEMORY_ONLY = 1
    ALL = 2


_MONITORING_WORDS = {
    "none": Monitoring.NONE,
    "memoryonly": Monitoring.MEMORY_ONLY,
    "all": Monitoring.ALL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TmpfsMount:
    """A tmpfs that the operator wants in the container; `size_bytes` 0 is the kernel's default."""

    destination: str
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """The operator's half of a launch. `envs` are in the order of their names."""

    image_reference: str
    restart_policy: str = "Never"
    cmd: tuple[str, ...] = ()
    envs: tuple[tuple[str, str], ...] = ()
    log_redirect: str = "false"
    impersonate_service_accounts: tuple[str, ...] = ()
    signed_image_repos: tuple[str, ...] = ()
    monitoring: Monitoring = Monitoring.NONE
    dev_shm_size_kb: int = 0
    mounts: tuple[TmpfsMount, ...] = ()
    added_capabilities: tuple[str, ...] = ()
    cgroup_namespace: bool = False
    install_gpu_driver: bool = False
    disable_refresh: bool = False
    """No token is kept in a file: whoever wants one asks the socket."""


def parse_launch_spec(
    metadata: Mapping[str, str], *, free_memory_kb: int, has_gpu: bool = False
) -> LaunchSpec:
    """The launch that the metadata asks for, on a VM of that much free memory.

    Raises:
        LaunchRefused: the first thing that the launcher does not understand or cannot give.
    """
    if not metadata.get(IMAGE_REFERENCE):
        raise LaunchRefused(f"{IMAGE_REFERENCE} is not specified in the custom metadata")
    try:
        spec = LaunchSpec(
            image_reference=metadata[IMAGE_REFERENCE],
            restart_policy=_parse_restart_policy(metadata.get(_RESTART_POLICY, "")),
            cmd=_parse_strings(metadata.get(_CMD, "")),
            envs=_parse_envs(metadata),
            mounts=_parse_mounts(metadata.get(_MOUNT, "")),
            added_capabilities=_parse_strings(metadata.get(_CAPABILITIES, "")),
            impersonate_service_accounts=_parse_list(metadata.get(_IMPERSONATE, "")),
            signed_image_repos=_parse_list(metadata.get(_SIGNED_REPOS, "")),
            monitoring=_parse_monitoring_keys(metadata),
            log_redirect=_parse_log_redirect(metadata.get(_LOG_REDIRECT, "")),
            dev_shm_size_kb=_parse_dev_shm(metadata.get(_DEV_SHM, "")),
            cgroup_namespace=_parse_cgroups(metadata),
            disable_refresh=_parse_disable_refresh(metadata.get(_DISABLE_REFRESH, "")),
            install_gpu_driver=_parse_gpu_driver(metadata.get(_GPU_DRIVER, "")),
        )
    except GoError as error:
        raise LaunchRefused(str(error)) from None
    _check_against_machine(spec, free_memory_kb=free_memory_kb, has_gpu=has_gpu)
    return spec


def unknown_keys(metadata: Mapping[str, str]) -> list[str]:
    """The `tee-*` keys that the launcher ignores without a word: a typing error is one of them."""
    return sorted(
        key for key in metadata if key.startswith("tee-") and not key.startswith(_ENV) and key not in _KNOWN
    )


def nearest_key(key: str) -> str:
    """The key that the launcher knows and that is most like this one; "" where none is.

    >>> nearest_key("tee-restartpolicy")
    'tee-restart-policy'
    """
    near = difflib.get_close_matches(key, [*sorted(_KNOWN), _ENV], n=1)
    return near[0] if near else ""


def render_env_name_error(name: str) -> str:
    """The launcher's sentence about a name that no environment variable may have, or nothing."""
    if _ENV_NAME.fullmatch(name):
        return ""
    return (
        f"failed to format env var: malformed env name [{name}], env name must start with an alpha character "
        "or '_', followed by a string of alphanumeric characters or '_' (^[a-zA-Z_][a-zA-Z0-9_]*$)"
    )


def parse_monitoring(text: str) -> Monitoring:
    """One of `none`, `memoryonly` and `all`, in any case.

    Raises:
        GoError: any other word.
    """
    level = _MONITORING_WORDS.get(text.lower())
    if level is None:
        raise GoError(f"invalid monitoring type {text}")
    return level


def _parse_restart_policy(text: str) -> str:
    policy = text or "Never"
    if policy not in _RESTART_POLICIES:
        raise GoError(f"invalid restart policy: {policy}")
    return policy


def _parse_log_redirect(text: str) -> str:
    location = text or "false"
    if location not in _LOG_LOCATIONS:
        expected = print_strings(_LOG_LOCATIONS)
        raise GoError(f"invalid logging redirect location {location}, expect one of {expected}")
    return location


def _parse_list(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _parse_strings(text: str) -> tuple[str, ...]:
    return parse_string_array(text) if text else ()


def _parse_envs(metadata: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key[len(_ENV) :], value) for key, value in metadata.items() if key.startswith(_ENV)))


def _parse_monitoring_keys(metadata: Mapping[str, str]) -> Monitoring:
    if _MEMORY_MONITORING in metadata and _MONITORING in metadata:
        raise GoError(f"both {_MEMORY_MONITORING} and {_MONITORING} are specified, only one is permitted")
    if metadata.get(_MEMORY_MONITORING):
        try:
            memory = parse_bool(metadata[_MEMORY_MONITORING])
        except GoError as error:
            raise GoError(f"invalid value for {_MEMORY_MONITORING} (not a boolean): {error}") from None
        return Monitoring.MEMORY_ONLY if memory else Monitoring.NONE
    return parse_monitoring(metadata[_MONITORING]) if metadata.get(_MONITORING) else Monitoring.NONE


def _parse_dev_shm(text: str) -> int:
    try:
        return parse_uint(text) if text else 0
    except GoError:
        raise GoError(f"failed to convert {_DEV_SHM} into uint64, got: {text}") from None


def _parse_cgroups(metadata: Mapping[str, str]) -> bool:
    if _CGROUPS not in metadata:
        return False
    try:
        return parse_bool(metadata[_CGROUPS])
    except GoError as error:
        raise GoError(f"invalid value for {_CGROUPS} (not a boolean): {error}") from None


def _parse_disable_refresh(text: str) -> bool:
    try:
        return parse_bool(text) if text else False
    except GoError as error:
        raise GoError(f"invalid value for {_DISABLE_REFRESH} (not a boolean): {error}") from None


def _parse_gpu_driver(text: str) -> bool:
    """The one key whose nonsense the launcher takes for false."""
    try:
        return parse_bool(text)
    except GoError:
        return False


def _parse_mounts(text: str) -> tuple[TmpfsMount, ...]:
    return tuple(_parse_mount(mount) for mount in text.split(";")) if text else ()


def _parse_mount(text: str) -> TmpfsMount:
    options: dict[str, str] = {}
    for option in text.split(","):
        name, equals, value = option.partition("=")
        if not equals:
            raise GoError(f"failed to parse mount option: malformed env var, doesn't contain '=': [{option}]")
        if name not in _MOUNT_KEYS:
            expected = print_strings(_MOUNT_KEYS)
            raise GoError(f"found unknown mount option: {option}, expect keys of {expected}")
        options[name] = value
    if options.get("type") != "tmpfs":
        given = print_strings(text.split(","))
        raise GoError(f"found unknown or unspecified mount type: {given}, expect one of types [tmpfs]")
    if options.get("source") != "tmpfs":
        raise GoError(f"received wrong mount source {options.get('source', '')}, expected tmpfs")
    destination = options.get("destination", "")
    if not destination:
        raise GoError('mount type "tmpfs" must have destination specified')
    try:
        size_bytes = parse_uint(options["size"]) if "size" in options else 0
    except GoError as error:
        raise GoError(f'failed to convert size option "{options["size"]}" to uint64: {error}') from None
    return TmpfsMount(
        destination=destination if destination.startswith("/") else f"/{destination}", size_bytes=size_bytes
    )


def _check_against_machine(spec: LaunchSpec, *, free_memory_kb: int, has_gpu: bool) -> None:
    too_large = "got a /dev/shm size ({}) larger than free memory ({}) kB"
    errors = [
        too_large.format(mount.size_bytes // 1024, free_memory_kb)
        for mount in spec.mounts
        if mount.size_bytes // 1024 > free_memory_kb
    ]
    if errors:
        raise LaunchRefused("failed to validate mounts: " + "\n".join(errors))
    if spec.install_gpu_driver and not has_gpu:
        raise LaunchRefused("GPU Driver installation is not supported")
    if spec.dev_shm_size_kb > free_memory_kb:
        error = too_large.format(spec.dev_shm_size_kb, free_memory_kb)
        raise LaunchRefused(f"failed to validate /dev/shm size: {error}")
    unknown = [name for name in spec.added_capabilities if name not in _LINUX_CAPABILITIES]
    if unknown:
        raise LaunchRefused(
            f"failed to validate added capabilities: received added capabilities ({print_strings(unknown)}) "
            "not allowed by current capabilities"
        )
