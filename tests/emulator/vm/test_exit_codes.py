"""What follows the end of a launch."""

from __future__ import annotations

import pytest

from emulator.vm.exit_codes import MEANING, ExitCode, WorkloadFailed, exit_code_of
from policy.launch_spec import LaunchRefused


@pytest.mark.parametrize(
    ("debug", "restart_policy", "failure", "code"),
    [
        (False, "Never", None, ExitCode.SUCCESS),
        (False, "OnFailure", None, ExitCode.SUCCESS),
        (False, "Always", None, ExitCode.REBOOT),
        (False, "Never", WorkloadFailed(), ExitCode.FAILURE),
        (False, "OnFailure", WorkloadFailed(), ExitCode.REBOOT),
        (False, "Always", WorkloadFailed(), ExitCode.REBOOT),
        (False, "Always", LaunchRefused(), ExitCode.FAILURE),
        (True, "Never", None, ExitCode.HOLD),
        (True, "Always", WorkloadFailed(), ExitCode.HOLD),
        (True, "Always", LaunchRefused(), ExitCode.HOLD),
    ],
)
def test_the_exit_code_follows_image_policy_and_failure(
    debug: bool, restart_policy: str, failure: Exception | None, code: ExitCode
) -> None:
    assert exit_code_of(debug=debug, restart_policy=restart_policy, failure=failure) is code


def test_every_exit_code_has_its_words() -> None:
    assert MEANING.keys() == set(ExitCode)
