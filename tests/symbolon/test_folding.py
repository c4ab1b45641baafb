"""What a terminal of sixty columns shows breaks no word, and what goes into a pipe is never folded."""

from __future__ import annotations

import argparse
import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO, cast

import pytest

from emulator.running import Running
from symbolon.__main__ import main
from symbolon.arguments import make_parser
from symbolon.folding import cells, fold, width_of
from symbolon.rendering import Console, styled
from tests.symbolon.policies import HARDENED, HOSTILE, written

COLUMNS = 60
COMMAND = [sys.executable, "-m", "symbolon"]


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser of each command, and of each word that commands stand under."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in dict.fromkeys(action.choices.values()):
                yield from parsers(command)


ALL = {parser.prog: parser for parser in parsers(make_parser())}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output and error are a terminal of sixty columns."""
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")


def words(text: str) -> list[str]:
    return text.replace("\\\n", " ").split()


def too_long(text: str) -> list[str]:
    """The lines beyond the terminal's edge that another end could have kept within it."""
    return [line for line in text.splitlines() if cells(line) > COLUMNS and len(line.split()) > 2]


@pytest.mark.parametrize("prog", ALL)
def test_a_help_breaks_no_word_on_a_narrow_terminal(
    prog: str, terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = ALL[prog].format_help()
    assert too_long(narrow) == []
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert words(narrow) == words(ALL[prog].format_help())


@pytest.mark.parametrize("prog", ALL)
def test_a_help_is_not_folded_into_a_pipe(prog: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    shown = ALL[prog].format_help()
    monkeypatch.setenv("COLUMNS", "300")
    assert ALL[prog].format_help() == shown
    usage, *_ = shown.partition("\n\n")
    assert "\n" not in usage


def test_an_error_is_folded_on_a_terminal_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    typed = ["auditor", "review", "a-policy-that-is-not-there-with-a-rather-long-name.toml"]
    assert main(typed) == 7
    narrow = capsys.readouterr().err
    assert too_long(narrow) == []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    main(typed)
    piped = capsys.readouterr().err
    assert words(piped) == words(narrow)
    assert [line.partition(":")[0] for line in piped.splitlines()] == ["error", "hint"]


def shown_by(*typed: str | Path, **settings: str) -> str:
    """What the command writes to a terminal of sixty columns."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "NO_COLOR": "1", "TERM": "xterm", **settings}
    with subprocess.Popen(
        [*COMMAND, *map(str, typed)], stdout=theirs, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 65536):
                shown += data
        except OSError:  # Linux says so at the end of a terminal
            pass
        os.close(ours)
        process.wait(60)
    return shown.decode().replace("\r\n", "\n")


def piped_by(*typed: str | Path, columns: str, **settings: str) -> str:
    environment = {**os.environ, "COLUMNS": columns, **settings}
    done = subprocess.run(
        [*COMMAND, *map(str, typed)], stdout=subprocess.PIPE, env=environment, text=True, check=False
    )
    return done.stdout


def timeless(text: str) -> list[str]:
    """The lines, without those that say when they were written, or what the clock is."""
    return [line for line in text.splitlines() if "  clock: " not in line and not line.startswith("  made")]


@pytest.mark.parametrize(
    "typed",
    [
        "auditor review {policy}",
        "auditor diff {hostile} {policy}",
        "owner policy lint {hostile}",
        "--explain all",
        "--explain extra-service-accounts-possible",
        "emulator status --state {state}",
        "owner provision --project primus",
        "operator provision --project secundus",
        "doctor owner --project primus",
    ],
)
def test_an_answer_breaks_no_word_on_a_terminal_and_is_not_folded_into_a_pipe(
    typed: str, tmp_path: Path, emulator: Running
) -> None:
    policy = written(tmp_path / "policy.toml", HARDENED)
    hostile = written(tmp_path / "hostile.cel", HOSTILE)
    command = shlex.split(typed.format(policy=policy, hostile=hostile, state=emulator.folder))
    party = "operator" if "secundus" in typed else "owner"
    settings = emulator.env | {"GOOGLE_APPLICATION_CREDENTIALS": str(emulator.credentials_file(party))}
    narrow = shown_by(*command, **settings)
    answer, _, _ = narrow.partition("\nrecord\n")  # below which stands each file's text, as it is
    assert answer.strip()
    copied = ("eval ", "symbolon ", "gcloud ", "assertion.", "google.", "to do it: ")
    assert [line for line in too_long(answer) if not any(word in line for word in copied)] == []
    piped = piped_by(*command, columns="60", **settings)
    again = piped_by(*command, columns="200", **settings)
    assert timeless(piped) == timeless(again)
    assert len(piped.splitlines()) <= len(narrow.splitlines())


def test_colours_and_parts_stay_where_they_were(monkeypatch: pytest.MonkeyPatch, terminal: None) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    lines: list[str] = []
    file = cast("TextIO", SimpleNamespace(isatty=lambda: True, write=lines.append))
    Console(file).print(styled(("one " * 10, "red"), "two " * 10))
    assert lines[0].startswith("\x1b[31mone ")
    assert lines[1].startswith("  ")
    lines.clear()
    Console(file).print(styled("copied " * 20, whole=True))
    assert lines == ["copied " * 20 + "\n"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        pytest.param("short", "short", id="a line that fits"),
        pytest.param(
            "a " * 10 + "`one word of it`", "a a a a a a a a a a\n  `one word of it`", id="backticks"
        ),
        pytest.param("x" * 30 + " y", "x" * 30 + "\n  y", id="a word that is longer than a line"),
        pytest.param("  row  one two three four", "  row  one two three\n       four", id="a table"),
        pytest.param(
            "fix: owner: gcloud a b --c=d --e=f.g; or not",
            "fix: owner:\n  gcloud a b --c=d --e=f.g;\n  or not",
            id="a command of gcloud's",
        ),
        pytest.param(
            "type gcloud a --b=c && gcloud d --e=f",
            "type\n  gcloud a --b=c && gcloud d --e=f",
            id="two commands in a row",
        ),
        pytest.param(
            "type `symbolon a b --c d e f`", "type\n  `symbolon a b --c d e f`", id="a command of ours"
        ),
        pytest.param("it said `no, and never again`", "it said `no, and\n  never again`", id="a sentence"),
        pytest.param("by gcloud alone, it is so", "by gcloud alone, it\n  is so", id="gcloud by its name"),
        pytest.param("猫" * 9 + " 猫猫", "猫" * 9 + "\n  猫猫", id="letters of two columns"),
    ],
)
def test_lines_end_between_words_and_further_ones_are_below(line: str, shown: str) -> None:
    assert fold(line, 20) == shown


@pytest.mark.parametrize(
    ("said", "found", "width"),
    [
        pytest.param("", 132, 132, id="the terminal's own"),
        pytest.param("100", 132, 100, id="what COLUMNS says instead"),
        pytest.param("wide", 132, 132, id="COLUMNS that says nothing"),
        pytest.param("0", 132, 132, id="COLUMNS without a column"),
        pytest.param("", 0, 80, id="a terminal that does not know"),
        pytest.param("", None, 80, id="no terminal after all"),
    ],
)
def test_a_terminal_is_as_wide_as_it_says(
    monkeypatch: pytest.MonkeyPatch, said: str, found: int | None, width: int
) -> None:
    def size(_: int) -> os.terminal_size:
        if found is None:
            raise OSError
        return os.terminal_size((found, 24))

    monkeypatch.setenv("COLUMNS", said)
    monkeypatch.setattr("os.get_terminal_size", size)
    terminal = SimpleNamespace(fileno=lambda: 1, isatty=lambda: True)
    assert width_of(cast("TextIO", terminal)) == min(width, 120)
