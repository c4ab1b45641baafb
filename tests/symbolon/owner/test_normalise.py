"""`symbolon owner policy normalise`: one canonical form, printed only where it is proved equivalent."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from policy.proving.differing import Difference
from tests.symbolon.conftest import Ask
from tests.symbolon.policies import ANYBODY, STABLE, provider, written


def test_the_canonical_form_is_that_of_other_words_for_it(ask: Ask, tmp_path: Path) -> None:
    one = written(tmp_path / "one.cel", ANYBODY)
    other = written(tmp_path / "other.cel", f"({STABLE}) && ('CONFIDENTIAL_SPACE' == assertion['swname'])")
    printed = ask("owner", "policy", "normalise", one)
    assert (printed.code, printed.err) == (0, "")
    assert ask("owner", "policy", "normalise", other).out == printed.out
    again = written(tmp_path / "again.cel", printed.out)
    assert ask("owner", "policy", "normalise", again).out == printed.out


def test_every_provider_is_normalised_under_its_name(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.json", [provider("'a' == assertion.swname"), provider("", name="second")])
    document = ask("owner", "policy", "normalise", policy, "--format", "json").json
    assert document["verdict"] == "equivalent"
    (given,) = document["record"]["inputs"]
    assert given["sha256"] == hashlib.sha256(policy.read_bytes()).hexdigest()
    assert list(document["conditions"].values()) == ['assertion.swname == "a"', ""]
    out = ask("owner", "policy", "normalise", policy).out
    assert [line[:2] for line in out.splitlines() if line.startswith("//")] == ["//", "//"]


def test_what_is_not_proved_equivalent_is_not_printed(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undecided = Difference(
        verdict="undecided",
        newly_admitted=None,
        newly_refused=None,
        changes=(),
        assumptions=(),
        bounded=False,
        reason="no time",
    )
    monkeypatch.setattr("symbolon.owner.normalise.diff", lambda *_: undecided)
    policy = written(tmp_path / "p.cel", "'a' == assertion.swname")
    answered = ask("owner", "policy", "normalise", policy)
    assert (answered.code, answered.out) == (6, "")
    assert answered.err == "not printed, since it is not proved equivalent: no time\n"
    document = ask("owner", "policy", "normalise", policy, "--format", "json").json
    assert (document["verdict"], document["conditions"]) == ("undecided", {})


def test_a_proof_within_bounds_is_not_enough_and_no_option_is_named_that_there_is_not(
    ask: Ask, tmp_path: Path
) -> None:
    joined = "(assertion.google_service_accounts + assertion.swversion)"
    asked = f"!{joined}.exists(x, 'b' == x) && 'a' == assertion.swname"
    answered = ask("owner", "policy", "normalise", written(tmp_path / "p.cel", asked))
    assert (answered.code, answered.out) == (6, "")
    assert "it is proved only where lists and maps are short" in answered.err
    assert "--accept-bounds" not in answered.err


def test_an_expression_that_google_would_refuse_has_no_canonical_form(ask: Ask, tmp_path: Path) -> None:
    answered = ask("owner", "policy", "normalise", written(tmp_path / "p.cel", "assertion.x =="))
    assert (answered.code, answered.out) == (7, "")
