"""The demo's words: what a person sees, what a program reads, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import symbolon.demo.command
from symbolon.demo.events import Closing, Doing, Event, Opening, PictureResult, Prepared, Scene, Sealed
from symbolon.demo.rendering import render_event
from symbolon.judging import ClauseAnswer
from tests.symbolon.conftest import Ask

DIGEST = "sha256:" + "ab" * 32
CLAUSE = ClauseAnswer(
    text="assertion.x == 1",
    span=(0, 16),
    outcome="error",
    claims={},
    absent=("x",),
    reason=f"`x` is absent, must be {DIGEST} " + "and so on " * 20,
    fix="operator: have an x",
)
PICTURE = PictureResult(picture="cat.png", label="Egyptian cat\x1b[2J", score=0.78912, shows="Egyptian cat")
YES = Scene(
    step=1, title="the job", expected="yes", outcome="yes", as_told=True, seconds=1.2345, pictures=(PICTURE,)
)
NO = Scene(
    step=2,
    title="a cheat",
    expected="no",
    outcome="no",
    as_told=True,
    seconds=0.1,
    by="STS",
    words="no",
    exit_code=4,
    clauses=(CLAUSE,),
)

MANIFEST = "sha256:" + "cd" * 32
SEALED = Sealed(verified=True, image=DIGEST, manifest=MANIFEST, pictures=5, why="")


def closing(*, as_told: bool = True) -> Closing:
    return Closing(as_told=as_told, yes=1, no=1, seconds=2.0, at=1_800_000_000, kept=None)


def story(*events: Event) -> Any:
    def tell(folder: Path, *, cache: Path, kept: bool) -> Iterator[Event]:
        assert folder.is_dir()
        yield Doing(what="starting")
        yield Opening(sandbox="bare", why="bubblewrap is not installed")
        yield Prepared(party="owner", what=f"image {DIGEST}")
        yield from events

    return tell


def test_yes_and_no_are_seen_at_a_glance(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbolon.demo.command, "tell", story(YES, NO, closing()))
    answered = ask("demo")
    assert (answered.code, answered.err) == (0, "")
    assert "YES ✓  1. the job\n" in answered.out
    assert "NO  ✗  2. a cheat\n         STS: no (exit code 4)\n         ERROR `x` is absent" in answered.out
    assert "1 yes, 1 no: everything came out as told, in 2 s." in answered.out
    assert "The workload runs bare, its only way out a proxy: bubblewrap is not installed." in answered.out


def test_the_receipt_of_the_job_is_one_line(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = replace(SEALED, verified=False, why="the rows\x1b[2J are others")
    monkeypatch.setattr(symbolon.demo.command, "tell", story(SEALED, forged, closing(as_told=False)))
    lines = [line for line in ask("demo").out.splitlines() if line.startswith("RECEIPT")]
    verified = "sha256:abababab… ran manifest sha256:cdcdcdcd… and gave these 5 rows"
    assert lines == [
        f"RECEIPT ✓  verified (emulator): {verified}",
        "RECEIPT ✗  of the first job: the rows\\x1b[2J are others",
    ]


def test_no_line_is_wider_than_the_terminal_or_obeyed(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbolon.demo.command, "tell", story(YES, NO, SEALED, closing()))
    monkeypatch.setattr("symbolon.rendering.width_of", lambda _: 100)
    out = ask("demo").out
    assert max(map(len, out.splitlines())) <= 100
    monkeypatch.undo()
    monkeypatch.setattr(symbolon.demo.command, "tell", story(YES, NO, SEALED, closing()))
    assert out.split() == ask("demo").out.split()
    assert "\x1b" not in out
    assert DIGEST not in out
    assert "sha256:abababab…" in out


@pytest.mark.parametrize("output", ["human", "json"])
def test_a_story_that_comes_out_otherwise_exits_3_and_says_where(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    broken = replace(NO, outcome="yes", as_told=False)
    monkeypatch.setattr(symbolon.demo.command, "tell", story(YES, broken, closing(as_told=False)))
    answered = ask("demo", "--format", output)
    assert answered.code == 3
    assert ("NOT AS TOLD, expected: no" in answered.out) == (output == "human")


def test_a_story_that_breaks_off_is_not_as_told(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbolon.demo.command, "tell", story(YES))
    assert ask("demo").code == 3


def test_json_is_one_event_a_line_with_the_same_keys_for_each_kind(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symbolon.demo.command, "tell", story(YES, NO, closing()))
    events = [json.loads(line) for line in ask("demo", "--format", "json").out.splitlines()]
    kinds = ["doing", "opening", "prepared", "scene", "scene", "closing"]
    assert [event["event"] for event in events] == kinds
    assert events[3].keys() == events[4].keys()
    assert events[4]["clauses"][0].keys() == {"text", "span", "outcome", "claims", "reason", "fix"}
    assert events[3]["pictures"][0]["label"] == PICTURE.label
    assert events[2]["what"].endswith(DIGEST)
    assert render_event(closing())["kept"] is None


def test_what_is_kept_goes_into_an_empty_folder(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(symbolon.demo.command, "tell", story(closing()))
    assert ask("demo", "--keep", tmp_path / "new").code == 0
    assert (tmp_path / "new").is_dir()
    (tmp_path / "new" / "file").touch()
    answered = ask("demo", "--keep", tmp_path / "new")
    assert (answered.code, answered.out) == (7, "")
    assert "is not empty" in answered.err
    assert ask("demo", "--keep", tmp_path / "new" / "file").code == 7
