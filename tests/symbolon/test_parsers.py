"""A word that is nearly right is answered with the right one, and with exit code 2."""

from __future__ import annotations

import pytest

from symbolon.__main__ import main


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        pytest.param("demmo", "demo", id="a command"),
        pytest.param("auditor reveiw p.toml", "review", id="a command below another"),
        pytest.param("owner policy lnit p.toml", "lint", id="a command two words down"),
        pytest.param("--verison", "--version", id="an option of the whole"),
        pytest.param("demo --formt json", "--format", id="an option of a command"),
        pytest.param("demo --formt=json", "--format", id="an option with its value"),
        pytest.param(
            "auditor explain --polcy p --token t --jwks j", "--policy", id="an option that is required"
        ),
        pytest.param("auditor prove p --question no-override", "no-overrides", id="a value of an option"),
        pytest.param("demo --format jsn", "json", id="a value of another option"),
        pytest.param("emulator env owne", "owner", id="a word that is no option"),
    ],
)
def test_the_nearest_word_is_suggested(typed: str, near: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed.split()) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[-1] == f"hint: did you mean `{near}`?"


@pytest.mark.parametrize(
    "typed",
    ["xyzzy", "demo --xyzzy", "auditor diff old.toml", "demo --keep", "auditor prove P --values-of x y"],
)
def test_nothing_is_suggested_where_nothing_is_near(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed.split()) == 2
    assert "did you mean" not in capsys.readouterr().err
