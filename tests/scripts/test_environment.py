"""`scripts/environment`: it says what it does from the first second, and one line where it cannot be done.

A program that plays Python stands on PATH, so that nothing is fetched and nothing outside a folder is made.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
UV = "uv " + (ROOT / "scripts" / "uv-requirements.txt").read_text().split("uv==")[1].split()[0] + " (here)"

PYTHON = f"""\
#!/bin/bash
case "$*" in
    -c*) exit "${{UNFIT:-0}}" ;;
    -VV) echo Python 3.12.0 ;;
    '-m pip --version') exit "${{NO_PIP:-0}}" ;;
    '-m uv --version') if [ -d .uv ]; then echo '{UV}'; else exit 1; fi ;;
    '-m pip install'*)
        echo "$TMPDIR" > pip-tmpdir
        [ -z "$PIP_SAYS" ] || {{ echo "$PIP_SAYS" >&2; exit 1; }}
        while [ "$1" != --target ]; do shift; done
        mkdir -p "$2" ;;
    '-m uv sync'*)
        echo "$*" >> calls
        [ -z "$UV_SAYS" ] || {{ echo "$UV_SAYS" >&2; exit 2; }}
        [ -z "$HANGS" ] || {{ echo hangs > hangs; exec sleep 1000; }}
        echo 'Downloading tensorflow (200.0MiB)'
        mkdir -p .venv ;;
    *) echo "what is $*" >&2; exit 99 ;;
esac
"""


@dataclass(frozen=True)
class Clone:
    """A folder with what the script reads, and a Python that is played."""

    folder: Path

    def start(self, *typed: str, **played: str) -> subprocess.Popen[str]:
        """The script runs."""
        path = f"{self.folder}/bin:/usr/bin:/bin"
        return subprocess.Popen(
            [str(self.folder / "scripts" / "environment"), *typed],
            env={"PATH": path, "HOME": str(self.folder), "PYTHON": "played", **played},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *typed: str, **played: str) -> tuple[int, list[str]]:
        """Its exit code, and the lines that it said."""
        with self.start(*typed, **played) as process:
            out, err = process.communicate(timeout=60)
        assert out == ""
        return process.returncode, err.splitlines()

    def left_over(self) -> list[str]:
        """What stands in the folder beside what was there, and what is made."""
        known = {
            "bin",
            "scripts",
            "uv.lock",
            "pyproject.toml",
            ".uv",
            ".venv",
            "calls",
            "pip-tmpdir",
            "hangs",
        }
        return sorted({each.name for each in self.folder.iterdir()} - known)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/environment", "scripts/uv-requirements.txt", "uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "played").write_text(PYTHON)
    (tmp_path / "bin" / "played").chmod(0o755)
    return Clone(tmp_path)


def test_it_says_what_it_does_and_how_symbolon_comes_onto_the_path(clone: Clone) -> None:
    code, said = clone.run("demo")
    assert code == 0
    assert said[0].startswith("making .venv for `demo`, once")
    assert said[1:3] == ["fetching uv, which reads the lock …", "fetching what uv.lock names …"]
    assert "`source .venv/bin/activate` puts `symbolon` on your PATH" in said[-1]
    assert clone.left_over() == []
    assert not Path((clone.folder / "pip-tmpdir").read_text().strip()).exists()


def test_a_second_start_does_nothing_and_says_nothing(clone: Clone) -> None:
    clone.run("demo")
    assert clone.run("demo") == (0, [])
    assert clone.run("prove") == (0, [])
    assert (clone.folder / "calls").read_text().count("\n") == 1


def test_one_extra_does_not_make_another_one_be_made_again(clone: Clone) -> None:
    clone.run("calibrate")
    clone.run("demo")
    assert clone.run("calibrate") == (0, [])


def test_another_lock_makes_it_be_made_again(clone: Clone) -> None:
    clone.run("demo")
    with (clone.folder / "uv.lock").open("a") as lock:
        lock.write("# another\n")
    assert len(clone.run("prove")[1]) > 1
    assert len(clone.run("demo")[1]) > 1


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_what_an_extra_holds_is_made_with_it(clone: Clone, extra: str) -> None:
    """The extras that stand in another one, as pyproject.toml has it."""

    def held(name: str) -> set[str]:
        direct = [each for each in EXTRAS[name] if each.startswith("symbolon[")]
        names = {part for each in direct for part in each[len("symbolon[") : -1].split(",")}
        return names.union(*map(held, names))

    clone.run(extra)
    stamp = (clone.folder / ".venv" / ".made-from").read_text().splitlines()
    assert {line.split()[0] for line in stamp} == {extra} | held(extra)


@pytest.mark.parametrize(
    ("played", "code", "error", "hint"),
    [
        ({"UNFIT": "1"}, 7, "`played` is not Python 3.11, 3.12 or 3.13", "PYTHON=/usr/bin/python3.12"),
        ({"PYTHON": "absent"}, 7, "no `absent` on PATH", "PYTHON=/usr/bin/python3.12"),
        ({"NO_PIP": "1"}, 7, "`played` has no pip", "python3-pip"),
        ({"PIP_SAYS": "[Errno 28] No space left on device"}, 7, "the disk is full", "make room"),
        (
            {"UV_SAYS": "failed to write: No space left on device (os error 28)"},
            7,
            "the disk is full",
            "UV_CACHE_DIR",
        ),
        ({"UV_SAYS": "Read-only file system (os error 30)"}, 7, "the disk is read-only", "can be written"),
        ({"UV_SAYS": "Permission denied (os error 13)"}, 7, "not yours to write", "of your own"),
        ({"UV_SAYS": "dns error"}, 5, "the package index does not answer", "HTTPS_PROXY"),
        (
            {"PIP_SAYS": "Temporary failure in name resolution"},
            5,
            "the package index does not answer",
            "network",
        ),
        ({"UV_SAYS": "something else"}, 7, "fetching ended with exit code 2", "the lines above"),
    ],
)
def test_what_cannot_be_is_one_line_with_a_hint(
    clone: Clone, played: dict[str, str], code: int, error: str, hint: str
) -> None:
    ended, said = clone.run("demo", **played)
    assert ended == code
    assert said[-2].startswith("error: ") and error in said[-2]
    assert said[-1].startswith("hint: ") and hint in said[-1]
    assert clone.left_over() == []
    assert not (clone.folder / ".venv" / ".made-from").exists()


def test_a_folder_that_cannot_be_written_is_said(clone: Clone) -> None:
    if os.geteuid() == 0:
        pytest.skip("not required: root writes everywhere")
    clone.folder.chmod(0o555)
    try:
        code, said = clone.run("demo")
    finally:
        clone.folder.chmod(0o755)
    assert (code, said[-2]) == (7, "error: this folder, or the cache of uv, is not yours to write")


@pytest.mark.parametrize("typed", [(), ("frob",), ("dem.",)])
def test_an_extra_that_is_none_is_wrong_usage(clone: Clone, typed: tuple[str, ...]) -> None:
    code, said = clone.run(*typed)
    assert (code, len(said)) == (2, 2)
    assert said[1].endswith("scripts/environment demo")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_who_is_stopped_leaves_no_process_and_no_folder(clone: Clone, number: signal.Signals) -> None:
    with clone.start("demo", HANGS="yes") as process:
        assert process.stderr is not None
        for line in process.stderr:  # a line every ten seconds, while it hangs
            if "what uv.lock names" in line:
                break
        while not (clone.folder / "hangs").exists():
            os.sched_yield()
        process.send_signal(number)
        code = process.wait(20)  # and what it started holds its output no more
        assert process.stderr.read().splitlines()[-1] == "stopped; the same command goes on"
    assert code == 128 + number
    assert clone.left_over() == []
    assert not (clone.folder / ".venv").exists()
