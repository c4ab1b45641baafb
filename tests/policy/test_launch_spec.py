"""The operator's metadata, key by key, with the launcher's own sentences."""

from __future__ import annotations

import pytest

from policy.launch_spec import (
    LaunchRefused,
    LaunchSpec,
    Monitoring,
    TmpfsMount,
    parse_launch_spec,
    unknown_keys,
)

_IMAGE = {"tee-image-reference": "us-docker.pkg.dev/p/r/i:latest"}
_MEMORY_KB = 8 * 1024 * 1024
_TMPFS = "type=tmpfs,source=tmpfs"
_TOO_LARGE = f"got a /dev/shm size ({_MEMORY_KB + 1}) larger than free memory ({_MEMORY_KB}) kB"


def _parse(metadata: dict[str, str], *, has_gpu: bool = False) -> LaunchSpec:
    return parse_launch_spec({**_IMAGE, **metadata}, free_memory_kb=_MEMORY_KB, has_gpu=has_gpu)


def test_the_image_alone_gives_every_default() -> None:
    assert _parse({}) == LaunchSpec(image_reference=_IMAGE["tee-image-reference"])


def test_every_key_that_the_launcher_knows_is_read() -> None:
    spec = _parse(
        {
            "tee-cmd": '["--fast", "x"]',
            "tee-env-B": "2",
            "tee-env-A": "1",
            "tee-restart-policy": "OnFailure",
            "tee-container-log-redirect": "serial",
            "tee-impersonate-service-accounts": "a@x,b@x",
            "tee-signed-image-repos": "r1,r2",
            "tee-monitoring-enable": "All",
            "tee-dev-shm-size-kb": "1024",
            "tee-mount": f"{_TMPFS},destination=/a;{_TMPFS},destination=b,size=4096",
            "tee-added-capabilities": '["CAP_SYS_ADMIN"]',
            "tee-cgroup-ns": "1",
            "tee-disable-gca-refresh": "true",
            "tee-install-gpu-driver": "true",
        },
        has_gpu=True,
    )
    assert spec == LaunchSpec(
        image_reference=_IMAGE["tee-image-reference"],
        cmd=("--fast", "x"),
        envs=(("A", "1"), ("B", "2")),
        restart_policy="OnFailure",
        log_redirect="serial",
        impersonate_service_accounts=("a@x", "b@x"),
        signed_image_repos=("r1", "r2"),
        monitoring=Monitoring.ALL,
        dev_shm_size_kb=1024,
        mounts=(TmpfsMount(destination="/a"), TmpfsMount(destination="/b", size_bytes=4096)),
        added_capabilities=("CAP_SYS_ADMIN",),
        cgroup_namespace=True,
        disable_refresh=True,
        install_gpu_driver=True,
    )


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("tee-image-reference", "", "tee-image-reference is not specified in the custom metadata"),
        ("tee-restart-policy", "always", "invalid restart policy: always"),
        (
            "tee-container-log-redirect",
            "yes",
            "invalid logging redirect location yes, expect one of [true cloud_logging serial false]",
        ),
        ("tee-cmd", "echo", "invalid character 'e' looking for beginning of value"),
        ("tee-cmd", '"echo"', "json: cannot unmarshal string into Go value of type []string"),
        ("tee-cmd", "[1]", "json: cannot unmarshal number into Go value of type string"),
        ("tee-added-capabilities", "{}", "json: cannot unmarshal object into Go value of type []string"),
        ("tee-dev-shm-size-kb", "-1", "failed to convert tee-dev-shm-size-kb into uint64, got: -1"),
        (
            "tee-cgroup-ns",
            "yes",
            "invalid value for tee-cgroup-ns (not a boolean): "
            'strconv.ParseBool: parsing "yes": invalid syntax',
        ),
        (
            "tee-cgroup-ns",
            "",
            'invalid value for tee-cgroup-ns (not a boolean): strconv.ParseBool: parsing "": invalid syntax',
        ),
        (
            "tee-monitoring-memory-enable",
            "on",
            "invalid value for tee-monitoring-memory-enable (not a boolean): "
            'strconv.ParseBool: parsing "on": invalid syntax',
        ),
        ("tee-monitoring-enable", "some", "invalid monitoring type some"),
        (
            "tee-mount",
            "type=tmpfs,source",
            "failed to parse mount option: malformed env var, doesn't contain '=': [source]",
        ),
        (
            "tee-mount",
            "type=tmpfs,mode=1",
            "found unknown mount option: mode=1, expect keys of [type source destination size]",
        ),
        (
            "tee-mount",
            "source=tmpfs,destination=/x",
            "found unknown or unspecified mount type: [source=tmpfs destination=/x], "
            "expect one of types [tmpfs]",
        ),
        (
            "tee-mount",
            "type=tmpfs,source=disk,destination=/x",
            "received wrong mount source disk, expected tmpfs",
        ),
        ("tee-mount", "type=tmpfs,source=tmpfs", 'mount type "tmpfs" must have destination specified'),
        (
            "tee-mount",
            "type=tmpfs,source=tmpfs,destination=/x,size=1g",
            'failed to convert size option "1g" to uint64: strconv.ParseUint: parsing "1g": invalid syntax',
        ),
        (
            "tee-mount",
            f"type=tmpfs,source=tmpfs,destination=/x,size={(_MEMORY_KB + 1) * 1024}",
            f"failed to validate mounts: {_TOO_LARGE}",
        ),
        (
            "tee-dev-shm-size-kb",
            str(_MEMORY_KB + 1),
            f"failed to validate /dev/shm size: {_TOO_LARGE}",
        ),
        (
            "tee-added-capabilities",
            '["CAP_FLY"]',
            "failed to validate added capabilities: received added capabilities ([CAP_FLY]) "
            "not allowed by current capabilities",
        ),
        ("tee-install-gpu-driver", "true", "GPU Driver installation is not supported"),
    ],
)
def test_a_value_that_the_launcher_does_not_take_is_refused_in_its_words(
    key: str, value: str, sentence: str
) -> None:
    with pytest.raises(LaunchRefused) as refusal:
        _parse({key: value})
    assert str(refusal.value) == sentence


def test_the_two_monitoring_keys_exclude_each_other() -> None:
    with pytest.raises(LaunchRefused) as refusal:
        _parse({"tee-monitoring-enable": "", "tee-monitoring-memory-enable": ""})
    assert str(refusal.value) == (
        "both tee-monitoring-memory-enable and tee-monitoring-enable are specified, only one is permitted"
    )


@pytest.mark.parametrize(
    ("key", "value", "level"),
    [
        ("tee-monitoring-memory-enable", "true", Monitoring.MEMORY_ONLY),
        ("tee-monitoring-memory-enable", "false", Monitoring.NONE),
        ("tee-monitoring-memory-enable", "", Monitoring.NONE),
        ("tee-monitoring-enable", "", Monitoring.NONE),
        ("tee-monitoring-enable", "memoryOnly", Monitoring.MEMORY_ONLY),
    ],
)
def test_either_monitoring_key_sets_the_level(key: str, value: str, level: Monitoring) -> None:
    assert _parse({key: value}).monitoring is level


def test_nonsense_for_the_gpu_driver_is_taken_for_no() -> None:
    assert not _parse({"tee-install-gpu-driver": "perhaps"}).install_gpu_driver


def test_nonsense_about_the_refresh_is_refused() -> None:
    with pytest.raises(LaunchRefused, match=r"invalid value for tee-disable-gca-refresh \(not a boolean\): "):
        _parse({"tee-disable-gca-refresh": "perhaps"})
    assert not _parse({"tee-disable-gca-refresh": ""}).disable_refresh


def test_only_keys_that_the_launcher_would_ignore_are_unknown() -> None:
    keys = {**_IMAGE, "tee-env-X": "", "tee-enviroment-X": "", "tee-cmds": "", "ssh-keys": ""}
    assert unknown_keys(keys) == ["tee-cmds", "tee-enviroment-X"]
