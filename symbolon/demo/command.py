"""`symbolon demo`: the story told, and an exit code that says whether it came out as told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attestation.errors import ExitCode, Misconfigured

from ..extras import require_extra
from ..scratch import require_room, scratch_folder
from .events import Closing
from .model import usable_cache
from .rendering import Teller
from .story import tell

_ROOM_MB = 100
"""The state of its emulator takes 60 of them, with three models in the owner's bucket and two images."""


def run_demo(*, keep: Path | None, output: str) -> ExitCode:
    """The whole story stands on standard output; in `keep` is everything it left behind.

    Raises:
        Misconfigured: the extra is not installed, a disk has no room, or `keep` is not empty.
        SymbolonError: something happened that nobody in the story had in mind.
    """
    require_extra("demo")
    as_told = False
    with _folder(keep) as folder, Teller(as_json=output == "json") as teller:
        cache = usable_cache(otherwise=folder / "cache")
        for event in tell(folder, cache=cache, kept=keep is not None):
            teller.say(event)
            if isinstance(event, Closing):
                as_told = event.as_told
    return ExitCode.YES if as_told else ExitCode.ANSWERED_NO


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """An empty folder of the story's own, gone with its end unless it is `keep`."""
    if keep is None:
        with scratch_folder(megabytes=_ROOM_MB) as temporary:
            yield temporary
        return
    try:
        keep.mkdir(parents=True, exist_ok=True, mode=0o700)
        has_something = any(keep.iterdir())
    except OSError as error:
        raise Misconfigured(
            f"cannot make `{keep}`: {(error.strerror or 'failed').lower()}", hint="name another folder"
        ) from None
    if has_something:
        raise Misconfigured(f"`{keep}` is not empty", hint="name a new folder, or empty this one")
    require_room(keep, _ROOM_MB, what="of that folder", variable="--keep")
    yield keep.resolve()
