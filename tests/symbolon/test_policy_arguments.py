"""`owner policy lint` and `auditor review` take the same arguments, and exit with the same codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.symbolon.conftest import Ask
from tests.symbolon.policies import ANYBODY, HARDENED, PINNED, written

pytestmark = pytest.mark.parametrize("command", ["owner policy lint", "auditor review"])


@pytest.mark.parametrize(
    ("condition", "fail_on", "code"),
    [
        pytest.param(ANYBODY, "critical", 3, id="as bad as that"),
        pytest.param(ANYBODY, "info", 3, id="worse than that"),
        pytest.param(f"{ANYBODY} && {PINNED}", "critical", 0, id="not so bad"),
        pytest.param(f"{ANYBODY} && {PINNED}", "high", 3, id="as bad, where less is asked for"),
    ],
)
def test_fail_on_says_how_bad_a_finding_makes_the_answer_no(
    ask: Ask, tmp_path: Path, command: str, condition: str, fail_on: str, code: int
) -> None:
    policy = written(tmp_path / "p.cel", condition)
    assert ask(*command.split(), policy, "--fail-on", fail_on, "--format", "json").code == code


def test_a_finding_that_is_high_makes_the_answer_no_unless_told_otherwise(
    ask: Ask, tmp_path: Path, command: str
) -> None:
    policy = written(tmp_path / "p.cel", f"{ANYBODY} && {PINNED}")
    assert ask(*command.split(), policy, "--format", "json").code == 3


def test_without_a_solver_nothing_passes_and_the_answer_is_unknown(
    ask: Ask, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policy.proving.smt.solver.find_z3", lambda: None)
    answered = ask(*command.split(), written(tmp_path / "policy.toml", HARDENED))
    assert answered.code == 6
    assert answered.out.startswith("NOT DECIDED  ")
    assert "z3 is not installed" in answered.out
