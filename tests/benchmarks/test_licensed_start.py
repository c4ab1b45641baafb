"""The benchmark of a licensed start runs one pair of jobs, and says where its bound is not kept."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from attestation.errors import ExitCode
from benchmarks import licensed_start

KEPT = licensed_start.Found(kms_s=1.0, broker_s=1.25, later_s=0.3)


def test_a_job_has_its_first_row_by_either() -> None:
    found = licensed_start.measure(1)
    assert min(found.kms_s, found.broker_s) > 0
    assert found.later_s == pytest.approx(found.broker_s - found.kms_s)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        pytest.param(KEPT, ExitCode.YES, id="just as it has to be"),
        pytest.param(replace(KEPT, later_s=0.31), ExitCode.ANSWERED_NO, id="too late"),
    ],
)
def test_the_exit_code_says_whether_the_bound_is_kept(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: licensed_start.Found,
    code: int,
) -> None:
    monkeypatch.setattr(licensed_start, "measure", lambda rounds: found)
    monkeypatch.setattr(sys, "argv", ["licensed_start"])
    assert licensed_start.main() == code
    assert f"{found.later_s:+.2f} s, at most +0.3" in capsys.readouterr().out
