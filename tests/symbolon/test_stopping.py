"""Whoever is asked to end takes down what was begun: no process and no folder stays."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import symbolon.auditor.explain
from symbolon.__main__ import main
from symbolon.stopping import Stopped, stopping_by_signals
from tests.symbolon.conftest import Ask
from tests.symbolon.owner.conftest import NAMES, colours, photos  # noqa: F401  fixtures
from tests.symbolon.test_main import EXPLAIN

COMMAND = [sys.executable, "-m", "symbolon"]


def processes_of(mark: Path) -> list[str]:
    """The command lines of all other processes that have `mark` in their environment or command.

    Each had ten seconds to end: whoever is told that nobody waits for it needs one of them.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            command = (process / "cmdline").read_bytes()
            if os.fsencode(mark) in command + (process / "environ").read_bytes():
                handle = os.pidfd_open(int(process.name))
                ended, _, _ = select.select([handle], [], [], 10)
                os.close(handle)
                found += [] if ended else [command.replace(b"\0", b" ").decode()]
        except OSError:
            continue  # it has ended, or is another user's
    return found


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary ones, with a path that leaves room for sockets."""
    with tempfile.TemporaryDirectory(prefix="stop-") as folder:
        yield Path(folder)


def stop(arguments: list[str], temporary: Path, number: int, *, once: Callable[[str], bool]) -> None:
    """The command is stopped once it has written a line like that; nothing is left of it."""
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert any(map(once, process.stdout)), process.stderr.read()
        process.send_signal(number)
        process.stdout.read()
        said = process.stderr.read()
        assert process.wait(60) == 128 + number, said
    assert said == "\nstopped\n"
    assert list(temporary.iterdir()) == []
    assert processes_of(temporary) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_demo_leaves_nothing(temporary: Path, number: int) -> None:
    stop(["demo", "--format", "json"], temporary, number, once=lambda line: '"opening"' in line)


def test_the_demo_leaves_nothing_in_the_middle_of_a_run(temporary: Path) -> None:
    runs = '{"event": "doing", "what": "the operator launches'
    stop(["demo", "--format", "json"], temporary, signal.SIGTERM, once=lambda line: line.startswith(runs))


def test_a_trial_leaves_nothing(
    ask: Ask,
    temporary: Path,
    tmp_path: Path,
    colours: Path,  # noqa: F811
    photos: Path,  # noqa: F811
) -> None:
    said = ("--convention", "unit", "--scores", "softmax", "--labels", colours.parent / "names.txt")
    answered = ask("owner", "init", colours, "--output", tmp_path / "mine", *NAMES, *said)
    assert answered.code == 0, answered.err
    command = [*COMMAND, "owner", "trial", str(tmp_path / "mine"), "--photos", str(photos)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        while not list(temporary.glob("symbolon-*/emulator/emulator.json")):
            assert process.poll() is None, process.stderr.read()
        process.terminate()
        assert process.stderr.read() == "\nstopped\n"
        assert process.wait(60) == 128 + signal.SIGTERM
    assert list(temporary.iterdir()) == []
    assert processes_of(temporary) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_emulator_in_the_foreground_ends_with_its_command(temporary: Path, number: int) -> None:
    typed = ["emulator", "up", "--foreground", "--state", str(temporary / "state")]
    with subprocess.Popen([*COMMAND, *typed], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("running at http://127.0.0.1:")
        process.send_signal(number)
        assert process.wait(60) == 0
    assert processes_of(temporary) == []


def test_an_emulator_that_was_still_starting_ends_with_its_command(temporary: Path) -> None:
    state = temporary / "state"
    with subprocess.Popen(
        [*COMMAND, "emulator", "up", "--state", str(state)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while not (state / "emulator.log").exists():
            assert process.poll() is None
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    assert processes_of(temporary) == []


def test_the_signal_ends_a_command_with_the_code_that_a_shell_gives_it(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_stopped(**_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(symbolon.auditor.explain, "explain_token", be_stopped)
    before = signal.getsignal(signal.SIGTERM)
    answered = ask(*EXPLAIN)
    assert (answered.code, answered.out, answered.err) == (143, "", "\nstopped\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_signal_does_not_cut_the_taking_down_short() -> None:
    taken_down = False
    with pytest.raises(Stopped) as stopped, stopping_by_signals():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)
            taken_down = True
    assert taken_down
    assert stopped.value.number == signal.SIGTERM


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping_by_signals():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_thread_of_somebody_else_may_call_it() -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main(["--version"])))
    thread.start()
    thread.join()
    assert codes == [0]
