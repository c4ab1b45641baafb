"""A solver in a process of its own, asked in SMT-LIB, killed when its time is up.

The `z3` program of the PyPI package `z3-solver` reads questions from its standard input. Its own
time limit does not cover all that it does, and makes a thread for every question, which takes as long
as the answer: the one limit is a kill. The next question starts a new process.

Source: SMT-LIB standard 2.6, "Commands"; Z3Prover/z3, option `timeout` and its open issues; the GNU C
Library's manual, "Memory Allocation Tunables".
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

_MOST_MEMORY_MIB: Final = 1024
_LARGEST_ANSWER: Final = 1 << 22
_END: Final = b"symbolon-end"
_LARGE_PAGES: Final = "glibc.malloc.hugetlb=1"
"""Where memory comes page by page through two kernels, that takes the solver as long as its answers."""


class SolverMissing(Exception):
    """There is no solver on this machine."""


class SolverGaveUp(Exception):
    """No answer within the time, or none that can be read; the message says which."""


def find_z3() -> str | None:
    """The `z3` program beside this Python, or on the PATH."""
    beside = Path(sys.executable).with_name("z3")
    if os.access(beside, os.X_OK):
        return str(beside)
    from shutil import which  # with its archivers it would be a tenth of what the solver's import takes

    return which("z3")


class Solver:
    """One process over many questions. Use it in a `with`, or call `close`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.told_by: object = None
        """Who told this process the problem that it has; nobody, when it has just begun."""

    def start(self) -> None:
        """The process runs, so that it is ready when the first question is.

        Raises:
            SolverMissing
        """
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        program = find_z3()
        if program is None:
            raise SolverMissing
        self._process = subprocess.Popen(
            [program, "-in", "-smt2", f"-memory:{_MOST_MEMORY_MIB}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", _LARGE_PAGES)},
        )
        self.told_by = None
        for stream in _pipes(self._process):
            os.set_blocking(stream.fileno(), False)

    def close(self) -> None:
        """No process is left."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in _pipes(process):
            stream.close()
        process.wait()

    def __enter__(self) -> Solver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, commands: Sequence[str], *, until: float) -> list[str]:
        """What the solver printed for `commands`, line by line; `until` is a time of `time.monotonic()`.

        Raises:
            SolverMissing
            SolverGaveUp: the process was killed, or died.
        """
        self.start()
        if self._process is None:
            raise SolverGaveUp("the solver stopped")
        question = "\n".join([*commands, f'(echo "{_END.decode()}")', ""]).encode("ascii")
        try:
            printed = _exchange(self._process, question, until)
        except SolverGaveUp:
            self.close()
            raise
        return printed.decode("utf-8", "replace").splitlines()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], ...]:
    """Where it listens, and where it speaks."""
    return tuple(stream for stream in (process.stdin, process.stdout) if stream is not None)


def _exchange(process: subprocess.Popen[bytes], question: bytes, until: float) -> bytes:
    listens, speaks = _pipes(process)
    printed = bytearray()
    unsent = memoryview(question)
    with selectors.DefaultSelector() as selector:
        selector.register(speaks, selectors.EVENT_READ)
        selector.register(listens, selectors.EVENT_WRITE)
        while not printed.rstrip().endswith(_END):
            left = until - time.monotonic()
            if left <= 0:
                raise SolverGaveUp("the time for this question is over")
            for key, _ in selector.select(left):
                if key.fileobj is listens:
                    try:
                        unsent = unsent[os.write(key.fd, unsent[:65536]) :]
                    except BrokenPipeError:
                        raise SolverGaveUp("the solver stopped") from None
                    if not unsent:
                        selector.unregister(listens)
                else:
                    part = os.read(key.fd, 65536)
                    printed += part
                    if not part or len(printed) > _LARGEST_ANSWER:
                        raise SolverGaveUp("the solver stopped")
    return bytes(printed.rstrip()[: -len(_END)])
