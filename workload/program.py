"""One job, and an exit code that says who acts next.

| exit | meaning |
|---|---|
| 0 | every picture has its row |
| 1 | a bug of this program |
| 3 | every picture has its row, and not one of them could be read |
| 4 | evidence rejected, or denied |
| 5 | unavailable, or stopped by a signal: the same job goes on when it is started again |
| 7 | misconfigured |

Any but 0 and 3 leaves `error.json` in the operator's folder, where that can be reached and is this start's.
SIGTERM and SIGINT end the job after the batch it is at; parts that are written stay, and no object is half
there.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from attestation.digests import digest_of
from attestation.errors import ExitCode, Misconfigured, SymbolonError, Unavailable
from contract.request import ResultRefused, agree, parse_request
from contract.results import JobError
from contract.terms import ScaleMissing, parse_terms
from contract.uris import parse_folder_uri

from . import container, credentials, inference, object_storage
from .claiming import FolderTaken, Turn
from .environment import OF_THE_NETWORK
from .refusal import claims_of
from .reporting import say
from .results import ResultFolder
from .runtimes import ModelMisfit
from .timings import Timings, process_started_at

_SWITCH_INTERVAL_S = 0.0005
_UNTELLABLE = (FolderTaken, ResultRefused, credentials.NoServiceAccount)
"""After these nothing may, or can, be written to the operator's folder."""

T = TypeVar("T")


def main() -> int:
    """The job has been done, or its failure has been told to the operator; the exit code."""
    # While one thread imports a runtime, each of the others' reads would wait as long for Python's lock
    # as it takes to get: 5 ms, if nothing else is said.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    # A library's warning quotes its place on this machine, and may quote a picture; so does a traceback.
    warnings.simplefilter("ignore")
    threading.excepthook = lambda failed: _log_bug(failed.exc_value)
    sys.unraisablehook = lambda failed: _log_bug(failed.exc_value)
    with Turn() as turn:  # which ends after the last word in the folder
        ended = _outcome_of(lambda: _job(turn))
        if not isinstance(ended, SymbolonError):
            return ended
        if (claims := claims_of(ended)) is not None:
            say("what the refused token said, for `symbolon auditor explain`", claims=claims)
        _log(ended, severity="ERROR")
        untold = _outcome_of(lambda: _tell_operator(ended, turn))
        if isinstance(untold, SymbolonError):
            _log(untold, severity="WARNING")
        return ended.exit_code


def _outcome_of(task: Callable[[], T]) -> T | SymbolonError:
    """What the task returns, or why it failed."""
    try:
        return task()
    except SymbolonError as failure:
        return failure.with_traceback(None)  # which would hold the model until the last word is written
    except KeyboardInterrupt:
        return Unavailable("the job was stopped before its end", hint="start it again as it is: it goes on")
    except MemoryError:
        return Misconfigured(
            "the machine has too little memory for the job",
            hint="launch a larger machine, or set a smaller BATCH_SIZE: the job goes on where it was",
        )
    except Exception as bug:  # noqa: BLE001  the one outermost place: nothing of it may leave but this
        return _bug(bug)


def _job(turn: Turn) -> ExitCode:
    timings = Timings(started=process_started_at())
    timings.since_start("start")
    try:
        text = container.TERMS_FILE.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        raise Misconfigured(
            "the image holds no terms", hint="whoever publishes it adds `terms.toml`, and builds it again"
        ) from None
    request = parse_request(os.environ)
    if set_names := [name for name in OF_THE_NETWORK if os.environ.get(name)]:
        say("Google is reached by a proxy, or believed by other certificates", set=set_names)
    terms_digest = digest_of(text.encode())
    try:
        terms = parse_terms(text)
    except ScaleMissing as missing:
        from . import scale_guess  # which no other job needs

        raise scale_guess.guess_scale(missing, request, terms_digest, timings, turn) from None
    return inference.run(agree(terms, request), terms_digest, timings, turn)


def _tell_operator(failure: SymbolonError, turn: Turn) -> None:
    """`error.json` is in the operator's folder, where there is one that this start may write to."""
    if isinstance(failure, _UNTELLABLE):
        return
    try:
        folder = parse_folder_uri(os.environ.get("RESULT_URI", ""), where="RESULT_URI")
    except Misconfigured:
        return  # the failure's own line says what to set first
    message = failure.message
    if isinstance(failure, ModelMisfit | ScaleMissing):
        message = failure.told_to_operator
    elif failure.exit_code == ExitCode.BUG:
        message = "the workload failed unexpectedly"
    operator = object_storage.open_client(credentials.operator_credential())
    results = ResultFolder(operator, folder)
    if turn.may_tell(results):
        results.write_error(
            JobError(
                family=failure.family,
                message=message,
                hint=failure.hint,
                claims=claims_of(failure),
                code=failure.code,
            )
        )


def _log(failure: SymbolonError, *, severity: str) -> None:
    say(
        failure.message,
        severity=severity,
        family=failure.family,
        code=failure.code,
        hint=failure.hint,
        exit_code=int(failure.exit_code),
    )


def _log_bug(bug: BaseException | None) -> None:
    """The log has what may be said of a failure that nobody waits for."""
    if bug is not None:
        _log(_bug(bug), severity="WARNING")


def _bug(bug: BaseException) -> SymbolonError:
    """What may be said of a bug: its kind, and where in this program (whose source is public) it was.

    Its message may quote a token, a path or the model, so it stays here.
    """
    frames = traceback.extract_tb(bug.__traceback__)[-4:]
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return SymbolonError(
        f"the workload failed unexpectedly: `{type(bug).__name__}` at {places}",
        hint="this is a bug of the workload: report it with this line",
    )
