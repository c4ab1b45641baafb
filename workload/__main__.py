"""`python -m workload`: one job, and an exit code that says who acts next.

| exit | meaning |
|---|---|
| 0 | every picture has its row |
| 1 | a bug of this program |
| 4 | evidence rejected, or denied |
| 5 | unavailable, or stopped by a signal: the same job may succeed when it is started again |
| 7 | misconfigured |

Any but 0 leaves `error.json` in the operator's folder, where that can be reached. SIGTERM and
SIGINT end the job after the batch it is at, with the rows so far written; no object is half there.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

from attestation.errors import ExitCode, Misconfigured, SymbolonError, Unavailable
from contract.request import agree, parse_request
from contract.results import JobError
from contract.terms import ScaleMissing, parse_terms
from contract.uris import parse_folder_uri

from . import container, credentials, inference, object_storage, results
from .reporting import say
from .runtimes import ModelMisfit
from .timings import Timings, process_started_at

_SWITCH_INTERVAL_S = 0.0005


def main() -> int:
    """The job has been done, or its failure has been told to the operator; the exit code."""
    # The launcher relays SIGTERM. Python's own answer to SIGINT unwinds every `with`: so for both,
    # and also where whoever started this process ignored them.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    # While one thread imports a runtime, each of the others' reads would wait as long for Python's lock
    # as it takes to get: 5 ms, if nothing else is said.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    # A library's warning quotes its place on this machine, and may quote a picture.
    warnings.simplefilter("ignore")
    failure = _failure_of(_job)
    if failure is None:
        return ExitCode.YES
    _log(failure, severity="ERROR")
    untold = _failure_of(lambda: _tell_operator(failure))
    if untold is not None:
        _log(untold, severity="WARNING")
    return failure.exit_code


def _failure_of(task: Callable[[], None]) -> SymbolonError | None:
    """Why the task failed, if it did."""
    try:
        task()
    except SymbolonError as failure:
        return failure
    except KeyboardInterrupt:
        return Unavailable(
            "the job was stopped before its end", hint="start it again with an empty RESULT_URI folder"
        )
    except Exception as bug:  # noqa: BLE001  the one outermost place: nothing of it may leave but this
        return _bug(bug)
    return None


def _job() -> None:
    timings = Timings(started=process_started_at())
    timings.since_start("start")
    try:
        text = container.TERMS_FILE.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        raise Misconfigured(
            "the image holds no terms", hint="whoever publishes it adds `terms.toml`, and builds it again"
        ) from None
    request = parse_request(os.environ)
    try:
        terms = parse_terms(text)
    except ScaleMissing as missing:
        from . import scale_guess  # which no other job needs

        raise scale_guess.guess_scale(missing, request, timings) from None
    inference.run(agree(terms, request), timings)


def _tell_operator(failure: SymbolonError) -> None:
    """`error.json` is in the operator's folder."""
    message = failure.message
    if isinstance(failure, ModelMisfit | ScaleMissing):
        message = failure.told_to_operator
    elif failure.exit_code == ExitCode.BUG:
        message = "the workload failed unexpectedly"
    folder = parse_folder_uri(os.environ.get("RESULT_URI", ""), where="RESULT_URI")
    operator = object_storage.open_client(credentials.operator_credential())
    error = JobError(family=failure.family, message=message, hint=failure.hint)
    results.write_error(operator, folder, error)


def _log(failure: SymbolonError, *, severity: str) -> None:
    say(
        failure.message,
        severity=severity,
        family=failure.family,
        code=failure.code,
        hint=failure.hint,
        exit_code=int(failure.exit_code),
    )


def _bug(bug: Exception) -> SymbolonError:
    """What may be said of a bug: its kind, and where in this program (whose source is public) it was.

    Its message may quote a token, a path or the model, so it stays here.
    """
    frames = traceback.extract_tb(bug.__traceback__)[-4:]
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return SymbolonError(
        f"the workload failed unexpectedly: `{type(bug).__name__}` at {places}",
        hint="this is a bug of the workload: report it with this line",
    )


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # The process ends here and now: a thread that waits for the network, or imports a runtime for a job
    # that was refused meanwhile, has nothing that anybody waits for.
    os._exit(status)
