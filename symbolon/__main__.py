"""The command `symbolon`: one answer, and an exit code that says which kind of answer it is."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import json
import os
import signal
import sys
from collections.abc import Sequence

from attestation.errors import ExitCode, Misconfigured, SymbolonError

from .arguments import make_parser
from .folding import fold, width_of
from .stopping import exit_code_of, stopping_by_signals

_NOBODY_LISTENS = 128 + signal.SIGPIPE
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)
"""A disk that is full, read-only or broken is nobody's bug."""


def command() -> int:
    """`main`, in a process of its own.

    What a command makes mostly lives as long as it does: it is looked through seldom for what nobody
    needs, and not at the end, which would take a tenth of a review.
    """
    gc.set_threshold(20_000)
    code = main()
    gc.freeze()
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """The command has answered; the exit code is one of `ExitCode`, or what a shell gives a signal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter gets its number
            stream.reconfigure(errors="backslashreplace")
    try:
        with stopping_by_signals():
            code = _answer(argv)
            sys.stdout.flush()
    except KeyboardInterrupt as stop:
        _say("\nstopped\n")
        return exit_code_of(stop)
    except BrokenPipeError:
        _write_no_more()  # whoever read our output has left
        return _NOBODY_LISTENS
    except OSError as failure:  # what was to be read is not written
        _write_no_more()
        _tell(_unwritten(failure), as_json=False)
        return int(ExitCode.MISCONFIGURED)
    return code


def _answer(argv: Sequence[str] | None) -> int:
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could come next; this answers, and ends the process
        import argcomplete

        argcomplete.autocomplete(make_parser())
    typed = sys.argv[1:] if argv is None else argv
    try:
        arguments = make_parser(typed).parse_args(typed)
    except SystemExit as stop:  # argparse has said what was wrong, or has shown its help
        return int(stop.code or 0)
    try:
        answer = arguments.run(arguments)
        sys.stdout.flush()
    except SymbolonError as error:
        _tell(error, as_json=arguments.output == "json")
        return int(error.exit_code)
    except Exception as failure:
        if isinstance(failure, BrokenPipeError) or _is_unwritten(failure):
            raise
        if arguments.traceback or os.environ.get("SYMBOLON_TRACEBACK"):
            import traceback  # with its reading of sources it would be a tenth of every start

            traceback.print_exception(failure)
        _say(
            f"error: a bug in symbolon ({type(failure).__name__})\n"
            "hint: run it again with SYMBOLON_TRACEBACK=1 to see where, and report that\n"
        )
        return int(ExitCode.BUG)
    return int(answer)


def _is_unwritten(failure: Exception) -> bool:
    return isinstance(failure, OSError) and failure.errno in _CANNOT_WRITE


def _unwritten(failure: OSError) -> Misconfigured:
    """The disk is at fault, be it the output's or another."""
    reason = (failure.strerror or "no reason given").lower()
    return Misconfigured(f"cannot write: {reason}", hint="make room, or write to another disk")


def _write_no_more() -> None:
    """The rest of the output goes nowhere, at the process's end too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(error: SymbolonError, *, as_json: bool) -> None:
    """The error is on standard error; where a program listens, on standard output as JSON too."""
    if as_json:
        document = {"family": error.family, "code": error.code, "message": error.message, "hint": error.hint}
        sys.stdout.write(json.dumps({"error": document}) + "\n")
        sys.stdout.flush()
    room = width_of(sys.stderr)
    said = [f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else [])]
    _say("".join(f"{line if room is None else fold(line, room, hang=2)}\n" for line in said))


def _say(text: str) -> None:
    """On standard error; where that cannot be written, the exit code says what it can."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)


if __name__ == "__main__":
    sys.exit(command())
