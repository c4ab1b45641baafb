"""What the README shows of the demo is what the demo shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from symbolon.__main__ import main
from tests.journeys.conftest import Told

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"<!-- transcript:demo -->\n```[a-z]*\n(.*?)```\n<!-- /transcript -->", re.DOTALL)


def normalised(text: str) -> list[str]:
    """Lines without what differs from one telling to the next: digests and seconds."""
    text = re.sub(r"sha256:[0-9a-f]{8}…", "sha256:…", text)
    return re.sub(r"\bin \d+ s\b", "in N s", text).splitlines()


@pytest.fixture
def transcript() -> list[str]:
    """The README's lines after the command itself; `…` alone on a line stands for lines left out."""
    (block,) = BLOCK.findall(README.read_text(encoding="utf-8"))
    command, *lines = normalised(block)
    assert command in ("$ scripts/demo", "$ symbolon demo")
    return lines


def test_the_readme_s_transcript_is_the_demo_s(told: Told, transcript: list[str]) -> None:
    shown = normalised(told.human)
    at = 0
    skipping = False
    for line in transcript:
        if line == "…":
            skipping = True
            continue
        assert line in shown[at:], f"the demo does not say, or not here: {line}"
        found = shown.index(line, at)
        assert skipping or found == at, f"the demo says something else before: {line}"
        at, skipping = found + 1, False


def test_the_readme_shows_a_yes_and_a_no_with_its_reason(transcript: list[str]) -> None:
    assert any(line.startswith("YES ✓") for line in transcript)
    assert any(line.startswith("NO  ✗") for line in transcript)
    assert any(line.lstrip().startswith("FAIL") for line in transcript)


def test_the_readme_s_way_to_learn_why_works_with_what_the_demo_leaves(
    told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    section = README.read_text(encoding="utf-8").partition("## Why was I refused?")[2]
    cd, command, *_ = re.findall(r"^    (\S.*)$", section.replace("\\\n", " "), re.MULTILINE)
    assert cd == "cd story"
    program, *arguments = shlex.split(command)
    assert program == "symbolon"
    monkeypatch.chdir(told.folder)
    assert main(arguments) == 3
    out = capsys.readouterr().out
    assert "FAIL  ✗  assertion.dbgstat" in out
    assert "STS would refuse its audience" in out
