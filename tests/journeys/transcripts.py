"""What a page shows of a command is held against what the command says."""

from __future__ import annotations

import re
from pathlib import Path

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
