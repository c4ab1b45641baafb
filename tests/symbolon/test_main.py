"""The command as a whole: quick to answer, and honest in its exit code."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import symbolon.__main__
import symbolon.auditor.explain
import symbolon.error_codes
from attestation.errors import Denied, EvidenceRejected, Misconfigured, SymbolonError, Unavailable
from symbolon.__main__ import main
from tests.symbolon.conftest import Ask

HEAVY = (
    "cryptography",
    "google",
    "numpy",
    "requests",
    "rich",
    "starlette",
    "tensorflow",
    "tomllib",
    "uvicorn",
    "z3",
)
PACKAGE = Path(symbolon.__main__.__file__).parent
EXPLAIN = ("auditor", "explain", "--policy", "p.cel", "--token", "t.jwt", "--unsafe-unverified")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "symbolon", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def loaded_by(*words: str) -> set[str]:
    """The modules that a process has once it has answered."""
    program = f"import sys, symbolon.__main__ as m; m.main({list(words)!r}); print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


def test_help_loads_nothing_heavy() -> None:
    assert loaded_by("--help") & {*HEAVY} == set()


@pytest.mark.parametrize("before", [(), ("--format", "json")])
def test_a_command_waits_for_its_own_folder_s_words_alone(before: tuple[str, ...]) -> None:
    folders = {f"symbolon.{path.parent.name}.arguments" for path in PACKAGE.glob("*/arguments.py")}
    assert len(folders) == 7
    assert loaded_by("--help") & folders == set()
    assert loaded_by(*before, "demo", "--help") & folders == {"symbolon.demo.arguments"}


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("demo",),
        ("emulator",),
        ("emulator", "up"),
        ("emulator", "status"),
        ("emulator", "env"),
        ("emulator", "down"),
        ("owner",),
        ("owner", "policy"),
        ("owner", "policy", "build"),
        ("owner", "policy", "lint"),
        ("owner", "policy", "test"),
        ("owner", "policy", "normalise"),
        ("operator",),
        ("operator", "preflight"),
        ("operator", "launch"),
        ("operator", "watch"),
        ("operator", "status"),
        ("operator", "results"),
        ("operator", "results", "show"),
        ("operator", "stop"),
        ("operator", "destroy"),
        ("auditor",),
        ("auditor", "review"),
        ("auditor", "prove"),
        ("auditor", "diff"),
        ("auditor", "explain"),
    ],
)
def test_every_command_has_help(ask: Ask, words: tuple[str, ...]) -> None:
    answered = ask(*words, "--help")
    assert answered.code == 0
    assert answered.out.startswith(" ".join(("usage: symbolon", *words)))


def test_the_version_is_that_of_the_package(ask: Ask) -> None:
    from importlib.metadata import version

    assert ask("--version").out == f"symbolon {version('symbolon')}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="no command"),
        pytest.param(("owner",), id="a group alone"),
        pytest.param(("owner", "policy"), id="a group in a group"),
        pytest.param(("deploy",), id="an unknown command"),
        pytest.param(("demo", "--keeep", "x"), id="an unknown option"),
        pytest.param(("demo", "--form", "json"), id="an option cut short"),
        pytest.param(("demo", "--format", "xml"), id="an unknown format"),
        pytest.param(EXPLAIN[:-1], id="no word on what to believe"),
        pytest.param((*EXPLAIN, "--jwks", "k.json"), id="believe and do not"),
        pytest.param((*EXPLAIN[:-1], "--jwks", "k", "--root", "r"), id="two things to believe"),
    ],
)
def test_wrong_usage_exits_2_and_says_so_on_standard_error(ask: Ask, arguments: tuple[str, ...]) -> None:
    answered = ask(*arguments)
    assert (answered.code, answered.out) == (2, "")
    assert answered.err.startswith("usage: symbolon")


@pytest.mark.parametrize(
    ("error", "code"),
    [(Misconfigured, 7), (EvidenceRejected, 4), (Denied, 4), (Unavailable, 5), (SymbolonError, 1)],
)
def test_an_error_is_told_with_its_hint_and_the_exit_code_of_its_family(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, error: type[SymbolonError], code: int
) -> None:
    def fail(**_: object) -> None:
        raise error("it went wrong", hint="make it right")

    monkeypatch.setattr(symbolon.auditor.explain, "explain_token", fail)
    answered = ask(*EXPLAIN)
    assert (answered.code, answered.out) == (code, "")
    assert answered.err == "error: it went wrong\nhint: make it right\n"


def test_an_error_is_json_on_standard_output_where_that_is_asked_for(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise Denied("it went wrong", hint="make it right")

    monkeypatch.setattr(symbolon.auditor.explain, "explain_token", fail)
    answered = ask(*EXPLAIN, "--format", "json")
    assert answered.code == 4
    assert answered.json == {
        "error": {"family": "denied", "code": "denied", "message": "it went wrong", "hint": "make it right"}
    }


def test_a_bug_is_one_line_and_how_to_see_more(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(symbolon.auditor.explain, "explain_token", fail)
    monkeypatch.delenv("SYMBOLON_TRACEBACK", raising=False)
    answered = ask(*EXPLAIN)
    assert (answered.code, answered.out) == (1, "")
    assert answered.err.splitlines()[0] == "error: a bug in symbolon (ZeroDivisionError)"
    assert "secret" not in answered.err
    assert "SYMBOLON_TRACEBACK=1" in answered.err
    monkeypatch.setenv("SYMBOLON_TRACEBACK", "1")
    assert "Traceback" in ask(*EXPLAIN).err
    monkeypatch.delenv("SYMBOLON_TRACEBACK")
    assert "Traceback" in ask("--traceback", *EXPLAIN).err


def test_an_interrupt_ends_cleanly_with_130(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(symbolon.auditor.explain, "explain_token", interrupt)
    answered = ask(*EXPLAIN)
    assert (answered.code, answered.out, answered.err) == (130, "", "\nstopped\n")


def test_a_reader_that_left_is_no_error() -> None:
    program = [sys.executable, "-m", "symbolon", "--explain", "all"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait() == 141


@pytest.mark.parametrize("words", [("--explain", "all"), ("--explain", "all", "--format", "json")])
def test_a_disk_that_is_full_is_nobody_s_bug(words: tuple[str, ...]) -> None:
    program = [sys.executable, "-m", "symbolon", *words]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 7
    assert done.stderr == (
        "error: cannot write: no space left on device\nhint: make room, or write to another disk\n"
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_neither_is_a_disk_on_which_a_command_cannot_write(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(**_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(symbolon.auditor.explain, "explain_token", fail)
    monkeypatch.setattr(symbolon.__main__, "_write_no_more", lambda: None)  # pytest has the output
    answered = ask(*EXPLAIN)
    assert (answered.code, answered.out) == (7, "")
    assert answered.err.startswith("error: cannot write: ")
    assert answered.err.count("\n") == 2


def test_where_even_errors_cannot_be_written_the_exit_code_says_which() -> None:
    program = [sys.executable, "-m", "symbolon", "owner", "policy", "build", "no-such-file"]
    with open("/dev/full", "wb") as full:
        assert subprocess.run(program, stderr=full, check=False).returncode == 7


def test_main_reads_the_command_line_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["symbolon", "--version"])
    assert main() == 0


def test_a_terminal_without_a_letter_gets_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 yes \\xb7 1 bug" in done.stdout


def test_a_reader_who_leaves_early_is_no_bug(tmp_path: Path) -> None:
    policy = tmp_path / "p.cel"
    policy.write_text("true")
    program = [sys.executable, "-m", "symbolon", "auditor", "explain", "--policy", str(policy)]
    claims = tmp_path / "claims.json"
    claims.write_text("{}")
    reader, writer = os.pipe()
    os.close(reader)
    asked = subprocess.run(
        [*program, "--token", str(claims), "--unsafe-unverified"], stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert asked.returncode == 128 + 13
    assert asked.stderr == b""
