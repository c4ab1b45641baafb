"""The benchmark of the log runs on a small one, proves what it reads, and says where a bound is not kept."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from attestation.errors import ExitCode
from benchmarks import release_log

KEPT = release_log.Found(entries=1000, a_second=2000.0, rows_a_second=4000.0, proof_s=0.001, proof_p99_s=0.01)


def test_a_small_log_is_appended_to_and_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_log, "_AT_ONCE", 30)
    monkeypatch.setattr(release_log, "_PROOFS", 20)
    found = release_log.measure(100)
    assert found.entries == 100
    assert min(found.a_second, found.rows_a_second) > 0
    assert 0 < found.proof_s <= found.proof_p99_s


def test_a_proof_that_leads_elsewhere_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_log, "_PROOFS", 4)
    monkeypatch.setattr(release_log, "root_by_proof", lambda *_, **__: b"another")
    with pytest.raises(SystemExit, match="the proof of entry 0 leads to another root"):
        release_log.measure(8)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        pytest.param(KEPT, ExitCode.YES, id="just as it has to be"),
        pytest.param(replace(KEPT, a_second=1999.0), ExitCode.ANSWERED_NO, id="a slow log"),
        pytest.param(replace(KEPT, proof_p99_s=0.0101), ExitCode.ANSWERED_NO, id="slow proofs"),
    ],
)
def test_the_exit_code_says_whether_the_bounds_are_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: release_log.Found, code: int
) -> None:
    monkeypatch.setattr(release_log, "measure", lambda entries: found)
    monkeypatch.setattr(sys, "argv", ["release_log", "--format", "json"])
    assert release_log.main() == code
    assert json.loads(capsys.readouterr().out)["entries"] == 1000
    assert "0.50 of plain rows" in release_log.render(KEPT)
