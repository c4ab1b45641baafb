"""What is being done, on a terminal's standard error, from the first moment on; nothing where none is."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.status import Status


class Steps:
    """Within the block a terminal shows the step that goes on, and how far it has come."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._doing = ""

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console  # heavy, and a pipe has no need of it

            self._status = Console(stderr=True).status("")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def begin(self, doing: str) -> None:
        """`doing` goes on from now on."""
        self._doing = doing
        self.show("")

    def show(self, how_far: str) -> None:
        """The step has come so far."""
        if self._status is not None:
            self._status.update(f"{self._doing}{' ' if how_far else ''}{how_far} …")
            self._status.start()

    def pause(self) -> None:
        """Nothing is shown: something else is written to the terminal."""
        if self._status is not None:
            self._status.stop()
