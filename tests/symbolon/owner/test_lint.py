"""`symbolon owner policy lint`: what the rules find, and what it exits with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.symbolon.conftest import Ask
from tests.symbolon.policies import ANYBODY, HARDENED, PINNED, written

LINT = ("owner", "policy", "lint")


@pytest.fixture
def anybody(tmp_path: Path) -> Path:
    return written(tmp_path / "anybody.cel", ANYBODY)


def test_findings_are_sorted_by_severity(ask: Ask, anybody: Path) -> None:
    severities = ["critical", "high", "medium", "low", "warning", "info"]
    document = ask(*LINT, anybody, "--format", "json").json
    order = [severities.index(finding["severity"]) for finding in document["findings"]]
    assert order == sorted(order)
    assert set(order) > {0, 1, 2}


def test_its_findings_are_those_of_the_review(ask: Ask, anybody: Path) -> None:
    lint, review = (ask(*words, anybody, "--format", "json").json for words in (LINT, ("auditor", "review")))
    assert [(each["rule"], each["message"]) for each in lint["findings"]] == [
        (each["rule"], each["message"]) for each in review["findings"]
    ]


def test_a_person_reads_the_findings_and_their_number(ask: Ask, anybody: Path) -> None:
    answered = ask(*LINT, anybody)
    assert answered.code == 3
    count = len(ask(*LINT, anybody, "--format", "json").json["findings"])
    assert answered.out.startswith(f"FAIL  {count} findings\n{anybody}\n\nfindings\n")


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
    ask: Ask, tmp_path: Path, condition: str, fail_on: str, code: int
) -> None:
    policy = written(tmp_path / "p.cel", condition)
    assert ask(*LINT, policy, "--fail-on", fail_on, "--format", "json").code == code


def test_without_a_solver_nothing_passes_and_the_answer_is_unknown(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policy.proving.smt.solver.find_z3", lambda: None)
    answered = ask(*LINT, written(tmp_path / "policy.toml", HARDENED))
    assert answered.code == 6
    assert answered.out.startswith("NOT DECIDED  ")
    assert "z3 is not installed" in answered.out
