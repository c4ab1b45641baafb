"""The command `symbolon`: one answer, and an exit code that says which kind of answer it is."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from attestation.errors import ExitCode, SymbolonError

from .arguments import make_parser

_INTERRUPTED = 128 + signal.SIGINT
_NOBODY_LISTENS = 128 + signal.SIGPIPE
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(argv: Sequence[str] | None = None) -> int:
    """The command has answered; the exit code is one of `ExitCode`, or what a shell gives a signal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter gets its number
            stream.reconfigure(errors="backslashreplace")
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could come next; this answers, and ends the process
        import argcomplete

        argcomplete.autocomplete(parser)
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has said what was wrong, or has shown its help
        return int(stop.code or 0)
    try:
        answer = arguments.run(arguments)
        sys.stdout.flush()
    except SymbolonError as error:
        _tell(error, as_json=arguments.output == "json")
        return int(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped\n")
        return _INTERRUPTED
    except BrokenPipeError:
        _leave_unwritten()
        return _NOBODY_LISTENS
    except OSError as problem:
        if problem.errno not in _NO_ROOM:
            return _tell_bug(problem, with_trace=arguments.traceback)
        _leave_unwritten()
        sys.stderr.write(
            f"error: cannot write the answer: {os.strerror(problem.errno).lower()}\n"
            "hint: make room, or send it to another place\n"
        )
        return int(ExitCode.MISCONFIGURED)
    except Exception as bug:  # noqa: BLE001  the one outermost place
        return _tell_bug(bug, with_trace=arguments.traceback)
    return int(answer)


def _leave_unwritten() -> None:
    """What standard output did not take is dropped: nothing of it is flushed at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_bug(bug: Exception, *, with_trace: bool) -> int:
    """The bug is on standard error, in one line and with a hint."""
    if with_trace or os.environ.get("SYMBOLON_TRACEBACK"):
        traceback.print_exception(bug)
    sys.stderr.write(
        f"error: a bug in symbolon ({type(bug).__name__})\n"
        "hint: run it again with SYMBOLON_TRACEBACK=1 to see where, and report that\n"
    )
    return int(ExitCode.BUG)


def _tell(error: SymbolonError, *, as_json: bool) -> None:
    """The error is on standard error; where a program listens, on standard output as JSON too."""
    if as_json:
        document = {"family": error.family, "code": error.code, "message": error.message, "hint": error.hint}
        sys.stdout.write(json.dumps({"error": document}) + "\n")
        sys.stdout.flush()
    sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))


if __name__ == "__main__":
    sys.exit(main())
