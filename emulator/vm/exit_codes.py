"""How a launcher ends, and what that means for its VM.

Source: google/go-tpm-tools, launcher/launcher/main.go; Confidential Space documentation, "Return codes".
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the launcher's end means for its VM."""

    SUCCESS = 0
    FAILURE = 1
    REBOOT = 3
    HOLD = 4


MEANING = {
    ExitCode.SUCCESS: "workload finished successfully, shutting down the VM",
    ExitCode.FAILURE: "workload or launcher error, shutting down the VM",
    ExitCode.REBOOT: "rebooting VM",
    ExitCode.HOLD: "VM remains running",
}
"""The words of the launcher's last line."""


class WorkloadFailed(Exception):
    """The workload ended with a status that is not zero."""


def exit_code_of(*, debug: bool, restart_policy: str, failure: Exception | None) -> ExitCode:
    """What follows a launch that ended with `failure`, or well."""
    if debug:
        return ExitCode.HOLD
    if isinstance(failure, WorkloadFailed):
        return ExitCode.FAILURE if restart_policy == "Never" else ExitCode.REBOOT
    if failure is not None:
        return ExitCode.FAILURE
    return ExitCode.REBOOT if restart_policy == "Always" else ExitCode.SUCCESS
