"""`symbolon auditor diff`: new access is the answer no, so that it gates a pull request."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.symbolon.conftest import Ask
from tests.symbolon.policies import ANYBODY, HARDENED, PINNED, STABLE, written

KEYS = {"verdict", "newly_admitted", "newly_refused", "assumptions", "attacked", "bounded", "record"}
REORDERED = f"{STABLE} && 'CONFIDENTIAL_SPACE' == assertion.swname"


@pytest.mark.parametrize(
    ("old", "new", "verdict", "code", "admitted", "refused"),
    [
        pytest.param(ANYBODY, REORDERED, "equivalent", 0, False, False, id="the same in other words"),
        pytest.param(ANYBODY, f"{ANYBODY} && {PINNED}", "stricter", 0, False, True, id="a clause more"),
        pytest.param(f"{ANYBODY} && {PINNED}", ANYBODY, "looser", 3, True, False, id="a clause less"),
        pytest.param(ANYBODY, PINNED, "incomparable", 3, True, True, id="another clause"),
    ],
)
def test_the_verdict_decides_the_exit_code_and_comes_with_tokens(
    ask: Ask, tmp_path: Path, old: str, new: str, verdict: str, code: int, admitted: bool, refused: bool
) -> None:
    files = written(tmp_path / "old.cel", old), written(tmp_path / "new.cel", new)
    answered = ask("auditor", "diff", *files, "--format", "json")
    assert answered.json.keys() == KEYS
    assert (answered.json["verdict"], answered.code) == (verdict, code)
    assert (answered.json["newly_admitted"] is not None) is admitted
    assert (answered.json["newly_refused"] is not None) is refused
    human = ask("auditor", "diff", *files)
    assert (human.code, human.err) == (code, "")
    assert human.out.startswith(verdict.upper())
    assert ("admitted from now on" in human.out, "refused from now on" in human.out) == (admitted, refused)


def test_what_became_of_each_clause_is_said(ask: Ask, tmp_path: Path) -> None:
    old = written(tmp_path / "old.cel", f'{ANYBODY} && assertion.hwmodel == "GCP_AMD_SEV"')
    new = written(tmp_path / "new.cel", f'{STABLE} && assertion.hwmodel == "GCP_INTEL_TDX" && {PINNED}')
    out = ask("auditor", "diff", old, new).out
    assert 'removed   assertion.swname == "CONFIDENTIAL_SPACE"\n' in out
    assert 'changed   assertion.hwmodel == "GCP_INTEL_TDX"\n' in out
    assert 'was: `assertion.hwmodel == "GCP_AMD_SEV"`\n' in out
    assert f"added     {PINNED}\n" in out


def test_undecided_is_neither_yes_nor_no(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy.proving.smt.solver.find_z3", lambda: None)
    old, new = written(tmp_path / "old.cel", ANYBODY), written(tmp_path / "new.toml", HARDENED)
    answered = ask("auditor", "diff", old, new, "--format", "json")
    assert (answered.code, answered.json["verdict"]) == (6, "undecided")
    assert "scripts/environment prove" in answered.json["reason"]
    assert ask("auditor", "diff", old, new).out.startswith("UNDECIDED  ")


def test_an_answer_within_bounds_is_one_for_whoever_accepts_them(ask: Ask, tmp_path: Path) -> None:
    accounts, versions = "assertion.google_service_accounts", "assertion.swversion"
    old = written(tmp_path / "old.cel", f"{ANYBODY} && {accounts}.all(x, x == 'a')")
    new = written(tmp_path / "new.cel", f"{ANYBODY} && ({accounts} + {versions}).all(x, x == 'a')")
    answered = ask("auditor", "diff", old, new, "--format", "json")
    assert (answered.code, answered.json["verdict"], answered.json["bounded"]) == (6, "undecided", True)
    assert "has at most" in answered.json["reason"]
    answered = ask("auditor", "diff", "--accept-bounds", old, new, "--format", "json")
    assert (answered.code, answered.json["verdict"], answered.json["bounded"]) == (0, "stricter", True)
    assert any("has at most" in each for each in answered.json["assumptions"])
    back = ask("auditor", "diff", new, old, "--format", "json")
    assert (back.code, back.json["verdict"], back.json["bounded"]) == (3, "looser", True)
    assert "has at most" in back.json["reason"]
    said = " ".join(ask("auditor", "diff", new, old).out.split())
    assert said.startswith(
        "LOOSER the new policy admits tokens that the old one refuses; whether it refuses others"
    )
    assert "is undecided: it is proved only where" in said


def test_a_longer_list_of_variables_is_newly_admitted(ask: Ask, tmp_path: Path) -> None:
    variables = "assertion.submods.container.env_override"
    named = f"{ANYBODY} && {variables}.all(name, name.startsWith('X'))"
    old = written(tmp_path / "old.cel", f"{named} && size({variables}) <= 8")
    answered = ask("auditor", "diff", old, written(tmp_path / "new.cel", named), "--format", "json")
    assert (answered.code, answered.json["verdict"], answered.json["bounded"]) == (3, "looser", False)
    assert len(answered.json["newly_admitted"]["submods"]["container"]["env_override"]) == 9


def test_another_value_of_a_claim_is_newly_admitted_unless_only_documented_ones_are_assumed(
    ask: Ask, tmp_path: Path
) -> None:
    old = written(tmp_path / "old.cel", 'assertion.swname in ["CONFIDENTIAL_SPACE", "GCE"]')
    new = written(tmp_path / "new.cel", "has(assertion.swname)")
    answered = ask("auditor", "diff", old, new, "--format", "json")
    assert (answered.code, answered.json["verdict"]) == (3, "looser")
    answered = ask("auditor", "diff", old, new, "--assume", "documented-values", "--format", "json")
    assert (answered.code, answered.json["verdict"]) == (0, "equivalent")
    assert "`swname` is `CONFIDENTIAL_SPACE` or `GCE`" in answered.json["assumptions"]


def test_standard_input_is_named_once(ask: Ask) -> None:
    answered = ask("auditor", "diff", "-", "-")
    assert (answered.code, answered.out) == (2, "")


def test_a_new_policy_that_admits_nobody_at_all_is_named(ask: Ask, tmp_path: Path) -> None:
    old, new = written(tmp_path / "old.cel", ANYBODY), written(tmp_path / "new.cel", f"{ANYBODY} && false")
    answered = ask("auditor", "diff", old, new)
    assert answered.code == 0
    assert answered.out.startswith("STRICTER  ")
    assert answered.out.splitlines()[0].endswith("it admits nobody at all")
    assert ask("auditor", "diff", old, new, "--format", "json").json["admits_nobody"] is True
    assert "admits_nobody" not in ask("auditor", "diff", old, old, "--format", "json").json


@pytest.mark.parametrize("output", ["html", "markdown"])
def test_it_is_shown_to_people_elsewhere_too(ask: Ask, tmp_path: Path, output: str) -> None:
    files = written(tmp_path / "old.cel", PINNED), written(tmp_path / "new.cel", ANYBODY)
    answered = ask("auditor", "diff", *files, "--format", output)
    assert answered.code == 3
    assert "INCOMPARABLE" in answered.out
    assert "the whole token" in answered.out
