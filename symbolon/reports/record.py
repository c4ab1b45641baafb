"""What makes an answer a record: when, by which version, to which question, about which inputs.

Whoever has the record can see that an input is the same (`sha256sum`), ask again, and compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from .. import __version__
from ..policy_files import NamedText


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A file, as the part that it plays (`policy`, `old`, `bindings`, …).

    `sha256` is that of the file's bytes. `text` is None where it is not for a record to repeat: a token.
    """

    role: str
    name: str
    sha256: str
    text: str | None

    def document(self) -> dict[str, object]:
        return {"role": self.role, "name": self.name, "sha256": self.sha256, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`made_at` is in UTC; `assumptions` are all that the answer takes for granted."""

    made_at: datetime
    version: str
    question: str
    inputs: tuple[Input, ...]
    assumptions: tuple[str, ...] = ()

    @property
    def moment(self) -> str:
        """When it was made, as RFC 3339 writes it.

        >>> Record(made_at=datetime(2026, 1, 31, tzinfo=UTC), version="", question="", inputs=()).moment
        '2026-01-31T00:00:00Z'
        """
        return self.made_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    def document(self) -> dict[str, object]:
        """The record as `--format json` shows it."""
        return {
            "made_at": self.moment,
            "symbolon": self.version,
            "question": self.question,
            "inputs": [each.document() for each in self.inputs],
            "assumptions": list(self.assumptions),
        }


def record_of(
    question: str,
    inputs: Sequence[tuple[str, NamedText | None]],
    *,
    now: datetime,
    assumptions: Sequence[str] = (),
) -> Record:
    """The record of an answer that is made `now`; an input that was not given is left out."""
    return Record(
        made_at=now,
        version=__version__,
        question=question,
        inputs=tuple(_input(role, text) for role, text in inputs if text is not None),
        assumptions=tuple(assumptions),
    )


def _input(role: str, given: NamedText) -> Input:
    name = "standard input" if given.name == "-" else given.name
    text = None if given.is_token else given.text
    return Input(role=role, name=name, sha256=given.sha256, text=text)
