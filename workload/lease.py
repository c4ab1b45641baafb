"""The lease under which the model is used: renewed at its half, and its end is the job's.

A thread renews it. A broker that says no (the licence was revoked, or has ended) ends the lease at once;
one that cannot be reached is asked until the lease has ended by itself. Whoever uses the model asks `check`
before each batch and while it waits, so that nothing runs once the lease is over; what was answered by then
is written.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Protocol

from attestation.errors import SymbolonError
from contract.receipt import Released
from contract.release_refusals import REFUSALS, BrokerRefused

from .patience import is_unavailable
from .releasing import Granted, boot_time
from .reporting import say

_ASKED_AGAIN_AFTER_S = 5.0


class Renewing(Protocol):
    """Who gave the lease."""

    def renew(self, lease: str, /) -> Granted: ...

    def report(self, receipt: bytes, /) -> None: ...


class Lease:
    """What a broker has granted, from `__init__` to `end`; `released` is where its log has that.

    `pause` waits so many seconds, less where the lease is not needed any more, and says which.
    """

    def __init__(
        self,
        granted: Granted,
        broker: Renewing,
        *,
        clock: Callable[[], float] = boot_time,
        pause: Callable[[Event, float], bool] = Event.wait,
    ) -> None:
        self.released: Released = granted.released
        self._granted = granted
        self._broker = broker
        self._clock = clock
        self._pause = pause
        self._lock = Lock()
        self._refused: SymbolonError | None = None
        self._ended = Event()
        Thread(target=self._keep, name="lease", daemon=True).start()

    def check(self) -> None:
        """The model may be used now.

        Raises:
            SymbolonError: it may not: as the broker has refused to renew, or the lease has ended.
        """
        with self._lock:
            refused, ends_at = self._refused, self._granted.ends_at
        if refused is not None:
            # A new one each time: a traceback would hold what its threads held, the model.
            raise _like(refused)
        if self._clock() >= ends_at:
            raise _over()

    def end(self) -> None:
        """Nobody uses the model any more: it is not renewed."""
        self._ended.set()

    def report(self, receipt: bytes) -> None:
        """The broker is told what the job came to, as far as it can be: the log has how that went."""
        try:
            self._broker.report(receipt)
        except SymbolonError as failure:
            say(
                f"the broker was not told that the job is done, so its lease runs until it ends by itself:"
                f" {failure.message}",
                severity="WARNING",
                code=failure.code,
            )
        else:
            say("the broker knows that the job is done")

    def _keep(self) -> None:
        while not self._pause(self._ended, self._until_due()):
            try:
                granted = self._broker.renew(self._granted.lease)
            except SymbolonError as refused:
                if not is_unavailable(refused):
                    self._lose(refused)
                    return
                say("the lease could not be renewed", severity="WARNING", code=refused.code)
                if self._clock() >= self._granted.ends_at:
                    self._lose(_over())
                    return
                if self._pause(self._ended, _ASKED_AGAIN_AFTER_S):
                    return
            else:
                with self._lock:
                    self._granted = granted
                say("the lease was renewed", lease_s=granted.lease_s)

    def _until_due(self) -> float:
        """Half of the lease, from when it was asked for."""
        return max(0.0, self._granted.ends_at - self._granted.lease_s / 2 - self._clock())

    def _lose(self, refused: SymbolonError) -> None:
        with self._lock:
            self._refused = _like(refused)


def _over() -> SymbolonError:
    return REFUSALS["lease-ended"].error("the lease has ended, and the broker could not be asked to renew it")


def _like(refused: SymbolonError) -> SymbolonError:
    """The same failure, raised by nobody yet."""
    if isinstance(refused, BrokerRefused):
        return refused.refusal.error(refused.message, refused.hint)
    return type(refused)(refused.message, hint=refused.hint)
