"""What the conditions at hand ask of a token's encoding; whoever asks for more reads again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MOST_ELEMENTS: Final = 6


class ReadAgain(Exception):
    """The encoding has to begin anew: what it learned now stands in the `Demands`."""


@dataclass(slots=True)
class Demands:
    """What the conditions at hand ask of the token's encoding.

    `spelled` are the strings that are compared with each other, which the solver has to know
    character by character; `keys` are the names that are looked up in maps, by the map's path;
    `elements` is how many a list has at least slots for, and `slots` how many a certain list or map.
    """

    spelled: set[str] = field(default_factory=set)
    keys: dict[str, set[str]] = field(default_factory=dict)
    elements: int = MOST_ELEMENTS
    slots: dict[str, int] = field(default_factory=dict)

    def slots_of(self, path: str, otherwise: int) -> int:
        return max(self.slots.get(path, 0), otherwise)

    def spell(self, path: str) -> ReadAgain:
        self.spelled.add(path)
        return ReadAgain()

    def name_key(self, path: str, key: str) -> ReadAgain:
        self.keys.setdefault(path, set()).add(key)
        return ReadAgain()


@dataclass(frozen=True, slots=True)
class Bound:
    """While `holds`, the list or map at `path` has no more entries than `slots`."""

    path: str
    slots: int
    holds: int
