"""What the demo has to tell, as it happens: one event after another, for a person or for a program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..judging import ClauseAnswer

Answer = Literal["yes", "no"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The emulator runs; `sandbox` holds the workload, and `why` says why it is not bubblewrap."""

    sandbox: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """Something takes a while."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A party has made something."""

    party: Literal["owner", "operator"]
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureResult:
    """What the operator got for one photo, and what is on it."""

    picture: str
    label: str
    score: float
    shows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Somebody tried something. `as_told`: it came out as expected, for the expected reason.

    `by` refused it in `words`; `clauses` are those of the owner's condition that do not hold.
    """

    step: int
    title: str
    expected: Answer
    outcome: Answer
    as_told: bool
    seconds: float
    by: str = ""
    words: str = ""
    exit_code: int | None = None
    pictures: tuple[PictureResult, ...] = ()
    clauses: tuple[ClauseAnswer, ...] = ()
    begins_chapter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The job's receipt was held against its results and the owner's policy, as an auditor does it.

    `why` says what does not hold where it is not `verified`; `pictures` are its rows, `manifest` the sealed
    model's.
    """

    verified: bool
    image: str
    manifest: str
    pictures: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The broker's log was held against its signed checkpoint and an earlier one, as an auditor does it.

    `released` counts its entries of releases; `why` says what does not hold where it is not `verified`.
    """

    verified: bool
    entries: int
    released: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The story is over, `at` seconds since the epoch; all of it is in `kept`, where that was asked for."""

    as_told: bool
    yes: int
    no: int
    seconds: float
    at: int
    kept: Path | None


Event = Opening | Doing | Prepared | Scene | Sealed | Recorded | Closing
