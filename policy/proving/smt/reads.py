"""How long a list or a map of a token has to be so that nothing longer could answer otherwise.

A proof looks at lists of a few elements. That is no bound where every reading is of one of these shapes:

- `x in list`, `list.all(x, …)`, `.exists(x, …)`, `.exists_one(x, …)`, and the same of a map's keys, whose
  body may read the entry of its own key (`map.all(key, map[key] == …)`);
- `list.filter(x, …)` and `.map(x, …)`, which are read in these shapes themselves;
- `list[number]`, `size(list) < number` and its kin, `list == [constants]`, `map == {constants}`.

For of any longer list that is asked for, a shorter one will do: the first elements up to the last that is
read by its number, and for each other reading the one or two elements that make it what it is. All others
can go: `all` holds of fewer elements too. What is left is `needed`, and a proof that had as many slots
holds of every length. Sizes that are computed with, lists joined, bodies that read the list over which they
run, and macros three deep, whose work on long lists evaluators may refuse, are not of these shapes: there
the bound stays an assumption.

Source: the argument is that of monadic first-order logic, where a formula of n quantifiers that has a
model has one of at most n elements for each kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

MOST_SLOTS: Final = 128


@dataclass(slots=True)
class _Readings:
    first: int = 0
    """As many elements stay where they are."""
    least: int = 0
    """Longer lists than this are alike in length."""
    kept: dict[object, int] = field(default_factory=dict)
    """For each reading that looks at one element at a time, how many elements it needs."""
    inside: set[str] = field(default_factory=set)
    """Lists over which a reading's body runs."""
    entirely: bool = False


class Reads:
    """What was read of each list and map of the token, by its path; "" is none of the token's."""

    def __init__(self) -> None:
        self._of: dict[str, _Readings] = {}

    def one_at_a_time(
        self, path: str, reading: object, *, inside: Iterable[str] = (), needs: int = 1
    ) -> None:
        """`inside` are lists whose elements the reading depends on; equal readings are one."""
        if path:
            found = self._of.setdefault(path, _Readings())
            found.kept[reading] = max(found.kept.get(reading, 0), needs)
            found.inside.update(inside)

    def first(self, path: str, count: int) -> None:
        """The first `count` elements were read by their number."""
        if path:
            found = self._of.setdefault(path, _Readings())
            found.first = max(found.first, count)

    def length(self, path: str, least: int) -> None:
        """The length was compared with numbers below `least`."""
        if path:
            found = self._of.setdefault(path, _Readings())
            found.least = max(found.least, least)

    def entirely(self, path: str) -> None:
        """It was read in a way that only the whole of it answers."""
        if path:
            self._of.setdefault(path, _Readings()).entirely = True

    def needed(self, path: str) -> int | None:
        """As many slots are as good as any number of them; None when no number is known to be."""
        found = self._of.get(path)
        if found is None:
            return 0
        if found.entirely or self._depends_on_itself(path):
            return None
        return max(found.least, found.first + sum(found.kept.values()))

    def _depends_on_itself(self, path: str) -> bool:
        waiting, seen = [path], set[str]()
        while waiting:
            for other in self._of.get(waiting.pop(), _Readings()).inside - seen:
                if other == path:
                    return True
                seen.add(other)
                waiting.append(other)
        return False
