"""A service that is unavailable for a moment is asked again; one that stays so is reported.

Who is asked how often, and for how long, stands here once. The numbers are read at each call and are no
setting: neither the operator's nor the owner's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from google.api_core.retry import Retry, exponential_sleep_generator, retry_target
from google.cloud.storage.retry import DEFAULT_RETRY

from attestation.errors import ExitCode, SymbolonError

_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 8.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Asked again for `total_s` seconds, `attempts` times in all at most, with pauses that grow and jitter.

    Who says nothing for `call_s` seconds does not answer.
    """

    total_s: float
    call_s: float
    attempts: int


SERVICES = Patience(total_s=60.0, call_s=20.0, attempts=20)
"""STS, IAM Credentials, and the launcher's socket."""
STORAGE = Patience(total_s=120.0, call_s=60.0, attempts=30)
METADATA = Patience(total_s=3.0, call_s=3.0, attempts=10)
"""The metadata server is on the machine itself: it answers at once, or there is none."""
ANSWER_S = 60.0
SLOWEST_BYTES_PER_S = 65_536
"""An answer of Google's has `ANSWER_S` seconds from the last byte of its question on, and one more for each
so many bytes of it that have come: who sends a byte a minute does not answer either."""


REPORTS = Patience(total_s=15.0, call_s=10.0, attempts=4)
"""The owner's broker, told what a job came to: only the end of the job waits for its answer."""


def is_unavailable(error: BaseException) -> bool:
    """Whether the same call may succeed later; a broker's refusal has its family by what the broker says."""
    return isinstance(error, SymbolonError) and error.exit_code == ExitCode.UNAVAILABLE


def patiently(
    call: Callable[[], T], patience: Patience, *, passes: Callable[[Exception], bool] = is_unavailable
) -> T:
    """What `call` returns, asked again while it fails by what `passes`: what is unavailable.

    Raises:
        SymbolonError: the last failure, once the patience is at its end.
    """
    result: T = retry_target(
        call,
        _counted(passes, patience.attempts),
        exponential_sleep_generator(_FIRST_PAUSE_S, _LONGEST_PAUSE_S),
        timeout=patience.total_s,
        exception_factory=lambda errors, _reason, _timeout: (errors[-1], None),
    )
    return result


def answer_left_s(waited_s: float, received: int) -> float:
    """How long an answer may take from now on, that was asked for `waited_s` seconds ago.

    >>> answer_left_s(59.0, 0), answer_left_s(59.0, 655_360), answer_left_s(61.0, 20)
    (1.0, 11.0, -0.99969482421875)
    """
    return ANSWER_S + received / SLOWEST_BYTES_PER_S - waited_s


def for_storage() -> dict[str, Any]:
    """How Google's Cloud Storage client does one call: its arguments `retry` and `timeout`.

    What passes is the library's to say: 408, 429, 5xx, and a connection that fails.
    """
    retry = Retry(
        predicate=_counted(DEFAULT_RETRY._predicate, STORAGE.attempts),
        initial=_FIRST_PAUSE_S,
        maximum=_LONGEST_PAUSE_S,
        timeout=STORAGE.total_s,
    )
    return {"retry": retry, "timeout": STORAGE.call_s}


def _counted(passes: Callable[[Exception], bool], attempts: int) -> Callable[[Exception], bool]:
    """Whether an error passes, and may be tried again: for one call, as the library counts no attempts.

    Source: googleapis/python-api-core, issue 535.
    """
    left = attempts

    def may_be_tried_again(error: Exception) -> bool:
        nonlocal left
        left -= 1
        return left > 0 and passes(error)

    return may_be_tried_again
