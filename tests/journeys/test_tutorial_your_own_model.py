"""The tutorial *Your own model*, typed from its first line to its last: what it shows is what is said."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from symbolon.__main__ import main
from symbolon.stage import _environment
from tests.journeys.transcripts import assert_shown

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial-your-own-model.md").read_text(encoding="utf-8")
_TRANSCRIPT = r"<!-- transcript:{} -->\n```text\n(.*?)```\n<!-- /transcript -->"


def typed() -> list[str]:
    """Every command line of the page, in its order."""
    shown = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL).replace("\\\n", " ")
    return [line.strip() for line in shown.splitlines() if line.startswith("    ")]


def transcript(name: str) -> list[str]:
    (found,) = re.findall(_TRANSCRIPT.format(name), PAGE, re.DOTALL)
    return str(found).splitlines()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the reader is, with the lines of the first step saved; nobody is signed in."""
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    for name in ("GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "make_model.py").write_text(program)
    yield tmp_path
    main(["emulator", "down", "--state", "emulator"])


def test_what_the_tutorial_shows_is_what_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said: dict[str, list[str]] = {}
    lines = iter(typed())
    assert [next(lines) for _ in range(3)] == [
        "scripts/environment demo",
        "source .venv/bin/activate",
        "mkdir /tmp/mine && cd /tmp/mine",
    ]
    codes = []
    environment: dict[str, str] = {}
    for line in lines:
        words = shlex.split(line)
        if words[0] == "eval":
            assert main(shlex.split(words[1].removeprefix("$(").removesuffix(")"))[1:]) == 0
            exported = capsys.readouterr().out.splitlines()
            pairs = (shlex.split(each)[1].partition("=") for each in exported if each.startswith("export "))
            environment = {name: value for name, _, value in pairs}
            continue
        with _environment(environment):
            if words[0] == "python":
                assert words[1:] == ["make_model.py"], "all else is done by a command of ours"
                subprocess.run([sys.executable, *words[1:]], check=True, capture_output=True)
                continue
            assert words[0] == "symbolon"
            codes.append(main(words[1:]))
        said[" ".join(words[1:3])] = capsys.readouterr().out.splitlines()
        if codes == [7]:
            said["tried"] = said["owner init"]
    assert codes == [7, *[0] * 9]
    assert_shown(transcript("tried"), said["tried"])
    assert_shown(transcript("trial"), said["owner trial"])
    assert_shown(transcript("provisioned"), said["owner provision"])
    protected = [
        re.sub(r"sha256:[0-9a-f]{64}|(?<=generation )\d+", _shortened, line) for line in said["owner protect"]
    ]
    assert_shown(transcript("protected"), protected)


def _shortened(found: re.Match[str]) -> str:
    return "sha256:…" if found[0].startswith("sha256") else "…"
