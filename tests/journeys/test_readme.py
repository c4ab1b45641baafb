"""What the README shows of the demo is what the demo shows."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from symbolon.__main__ import main
from tests.journeys.conftest import Told

README = Path(__file__).parents[2] / "README.md"
BLOCK = r"<!-- transcript:{} -->\n```[a-z]*\n(.*?)```\n<!-- /transcript -->"


def normalised(text: str) -> list[str]:
    """Lines without what differs from one telling to the next: digests and seconds."""
    text = re.sub(r"sha256:[0-9a-f]{8}…", "sha256:…", text)
    return re.sub(r"\bin \d+ s\b", "in N s", text).splitlines()


def block(name: str) -> list[str]:
    """A transcript's lines; the first is the command, and `…` alone stands for lines left out."""
    (found,) = re.findall(BLOCK.format(name), README.read_text(encoding="utf-8"), re.DOTALL)
    return normalised(found)


def assert_shown(transcript: list[str], shown: list[str]) -> None:
    """What the transcript shows stands there in that order, with nothing between but where it has `…`."""
    at = 0
    skipping = False
    for line in transcript:
        if line == "…":
            skipping = True
            continue
        assert line in shown[at:], f"that is not said, or not here: {line}"
        found = shown.index(line, at)
        assert skipping or found == at, f"something else is said before: {line}"
        at, skipping = found + 1, False
    assert skipping or at == len(shown), f"more is said: {shown[at]}"


def test_the_readme_s_transcript_is_the_demo_s(told: Told) -> None:
    command, *lines = block("demo")
    assert command in ("$ scripts/demo", "$ symbolon demo")
    assert_shown(lines, normalised(told.human))


def test_the_readme_s_refusal_is_what_the_command_says_of_the_demo_s_token(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *lines = block("explain")
    for name in ("condition.cel", "jwks.json"):
        shutil.copy(told.folder / name, tmp_path)
    shutil.copy(told.token("debug-vm"), tmp_path / "debug-vm.jwt")
    monkeypatch.chdir(tmp_path)
    assert main(command.removeprefix("$ symbolon ").split()) == 3
    assert_shown(lines, capsys.readouterr().out.splitlines())


def test_the_readme_shows_a_yes_and_a_no_whole_with_the_line_that_mends_it() -> None:
    demo, explained = block("demo"), block("explain")
    yes = next(index for index, line in enumerate(demo) if line.startswith("YES ✓"))
    assert all(line.startswith("         ") for line in demo[yes + 1 : yes + 6])
    assert any(line.startswith("NO  ✗") for line in demo)
    failing = [index for index, line in enumerate(explained) if line.startswith(("FAIL", "ERROR"))]
    assert len(failing) == 2
    assert all(explained[index + 2].startswith("         fix: operator: ") for index in failing)


def test_the_first_screen_ends_with_what_the_emulator_cannot_show() -> None:
    first = README.read_text(encoding="utf-8").split("## Try it")[0].splitlines()
    assert len(first) < 50
    assert "only Google's" in " ".join(first[-4:])


def test_the_readme_s_way_to_learn_why_works_with_what_the_demo_leaves(
    told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    section = README.read_text(encoding="utf-8").partition("## Why was I refused?")[2]
    demo, cd, command, *_ = re.findall(r"^    (\S.*)$", section.replace("\\\n", " "), re.MULTILINE)
    assert (demo, cd) == ("scripts/demo --keep story", "cd story")
    program, *arguments = shlex.split(command)
    assert program == "symbolon"
    monkeypatch.chdir(told.folder)
    assert main(arguments) == 3
    out = capsys.readouterr().out
    assert "FAIL  ✗  assertion.dbgstat" in out
    assert "STS would refuse its audience" in out
