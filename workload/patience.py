"""A service that is unavailable for a moment is asked again; one that stays so is reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from google.api_core.retry import exponential_sleep_generator, if_exception_type, retry_target

from attestation.errors import Unavailable

_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 8.0

T = TypeVar("T")


def patiently(call: Callable[[], T], *, patience_s: float) -> T:
    """What `call` returns, asked again after growing pauses with jitter while it is `Unavailable`.

    Raises:
        Unavailable: the last one, once `patience_s` seconds would be exceeded.
    """
    result: T = retry_target(
        call,
        if_exception_type(Unavailable),
        exponential_sleep_generator(_FIRST_PAUSE_S, _LONGEST_PAUSE_S),
        timeout=patience_s,
        exception_factory=lambda errors, _reason, _timeout: (errors[-1], None),
    )
    return result
