"""Which answers can tests of one string give together, and a shortest string for each combination.

A claim that is only ever compared with constants needs no solver that understands strings: every
test is a finite automaton (`machines`), their product is walked once, and each truth vector that some
string has comes with the shortest one.

Source: R. Cox, "Regular Expression Matching Can Be Simple And Fast"; docs/decisions, 0008.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, TypeAlias

from ...cel.character_sets import LAST
from .machines import Pattern, Probe, State, is_equality, machine

Vector: TypeAlias = tuple[bool, ...]

MOST_STEPS: Final = 600_000
MOST_VECTORS: Final = 2_000


class TooManyCombinations(Exception):
    """The tests of one string are too many to be walked through."""


_PREFERRED: Final = {
    ord(each): rank
    for rank, each in enumerate("abcdefghijklmnopqrstuvwxyz0123456789-_./:ABCDEFGHIJKLMNOPQRSTUVWXYZ@=, ")
}


@lru_cache(maxsize=4096)
def _representatives(cuts: frozenset[int]) -> tuple[int, ...]:
    """One code point of each range between cuts, the most readable there, readable ones first.

    Halves of surrogate pairs are no characters: no token has one.
    """
    bounds = sorted(cut for cut in cuts | {0} if cut <= LAST)
    chosen = []
    for low, end in zip(bounds, [*bounds[1:], LAST + 1], strict=True):
        if _are_no_characters(low, end):
            continue
        preferred = [code for code in _PREFERRED if low <= code < end]
        chosen.append(preferred[0] if preferred else _readable(low, end - 1))
    return tuple(sorted(chosen, key=_rank))


def _are_no_characters(low: int, end: int) -> bool:
    return low >= 0xD800 and end <= 0xE000


def _rank(code: int) -> tuple[int, int]:
    return (_PREFERRED.get(code, 1000 if 32 <= code < 127 else 2000), code)


def _readable(low: int, high: int) -> int:
    for first, last in ((0x21, 0x7E), (0xA1, 0xD7FF), (0xE000, LAST)):
        if low <= last and high >= first:
            return max(low, first)
    return low


class _Product:
    """The machines side by side."""

    def __init__(self, tests: tuple[Probe, ...]) -> None:
        self._machines = [machine(test) for test in tests]
        self.start: tuple[State, ...] = tuple(machine.start for machine in self._machines)
        self._steps_left = MOST_STEPS
        self._patterns = [machine for machine in self._machines if isinstance(machine, Pattern)]
        self._worked = self._work()

    def _work(self) -> int:
        return sum(pattern.work for pattern in self._patterns)

    def vector(self, states: tuple[State, ...]) -> Vector:
        return tuple(machine.accepts(state) for machine, state in zip(self._machines, states, strict=True))

    def cuts(self, states: tuple[State, ...]) -> frozenset[int]:
        return frozenset(
            itertools.chain.from_iterable(
                machine.cuts(state) for machine, state in zip(self._machines, states, strict=True)
            )
        )

    def step(self, states: tuple[State, ...], code: int) -> tuple[State, ...]:
        self._steps_left -= len(states) + 1
        if self._steps_left < self._work() - self._worked:
            raise TooManyCombinations
        return tuple(
            [machine.step(state, code) for machine, state in zip(self._machines, states, strict=True)]
        )

    def shortest(self) -> dict[Vector, str]:
        """Every vector that some string has, with the shortest one."""
        origin: dict[tuple[State, ...], tuple[tuple[State, ...], int] | None] = {self.start: None}
        waiting = deque([self.start])
        found: dict[Vector, str] = {}
        while waiting:
            states = waiting.popleft()
            vector = self.vector(states)
            if vector not in found:
                if len(found) >= MOST_VECTORS:
                    raise TooManyCombinations
                found[vector] = _spelled(origin, states)
            for code in _representatives(self.cuts(states)):
                following = self.step(states, code)
                if following not in origin:
                    origin[following] = (states, code)
                    waiting.append(following)
        return found


def _spelled(
    origin: dict[tuple[State, ...], tuple[tuple[State, ...], int] | None], states: tuple[State, ...]
) -> str:
    codes = []
    while (step := origin[states]) is not None:
        states, code = step
        codes.append(chr(code))
    return "".join(reversed(codes))


@lru_cache(maxsize=256)
def unequal(tests: tuple[Probe, ...]) -> dict[Vector, str]:
    """The vectors of those of `tests` that are no equalities, of strings that are equal to no constant.

    Each comes with a shortest such string. Constants themselves need no product: they are tried one
    by one.

    >>> unequal((Probe("startsWith", "ab"), Probe("==", "a")))
    {(False,): '', (True,): 'ab'}

    Raises:
        TooManyCombinations: they were not all found within `MOST_STEPS`.
    """
    others = tuple(test for test in tests if not is_equality(test))
    constants = {str(test.constant) for test in tests if is_equality(test)}
    found: dict[Vector, str] = {}
    for vector, example in _shortest(others).items():
        if example not in constants:
            found[vector] = example
        elif (other := next(_words(others, vector, constants), None)) is not None:
            found[vector] = other
    return found


@lru_cache(maxsize=256)
def _shortest(tests: tuple[Probe, ...]) -> dict[Vector, str]:
    return _Product(tests).shortest()


def words(tests: tuple[Probe, ...], vector: Vector) -> Iterator[str]:
    """Every string that is equal to no constant and answers the other tests so, shorter ones first.

    `vector` is one of `unequal`. When they are infinitely many, this never ends.
    """
    others = tuple(test for test in tests if not is_equality(test))
    return _words(others, vector, {str(test.constant) for test in tests if is_equality(test)})


def _words(tests: tuple[Probe, ...], vector: Vector, excluded: set[str]) -> Iterator[str]:
    return (word for word in _all_words(tests, vector) if word not in excluded)


def _all_words(tests: tuple[Probe, ...], vector: Vector) -> Iterator[str]:
    product = _Product(tests)
    following: dict[tuple[State, ...], list[tuple[range, tuple[State, ...]]]] = {}
    before: dict[tuple[State, ...], set[tuple[State, ...]]] = {product.start: set()}
    waiting = [product.start]
    while waiting:
        states = waiting.pop()
        if states not in following:
            following[states] = _transitions(product, states)
            for _, goal in following[states]:
                before.setdefault(goal, set()).add(states)
                waiting.append(goal)
    # reaching[n]: from where n characters lead to these answers
    reaching = [{states for states in following if product.vector(states) == vector}]
    for length in itertools.count():
        if product.start in reaching[length]:
            yield from _spell(product.start, length, following, reaching)
        nearer = set[tuple[State, ...]]().union(*(before[states] for states in reaching[length]))
        # infinitely many words have one that is as long as there are states, but not twice as long
        if not nearer or (
            length == 2 * len(following)
            and not any(product.start in each for each in reaching[len(following) :])
        ):
            return
        reaching.append(nearer)


def _transitions(product: _Product, states: tuple[State, ...]) -> list[tuple[range, tuple[State, ...]]]:
    bounds = sorted(cut for cut in product.cuts(states) | {0} if cut <= LAST)
    pairs = zip(bounds, [*bounds[1:], LAST + 1], strict=True)
    ranges = [range(low, end) for low, end in pairs if not _are_no_characters(low, end)]
    ranges.sort(key=lambda codes: _rank(_representatives(frozenset((codes.start, codes.stop)))[0]))
    return [(codes, product.step(states, codes.start)) for codes in ranges]


def _spell(
    start: tuple[State, ...],
    length: int,
    following: dict[tuple[State, ...], list[tuple[range, tuple[State, ...]]]],
    reaching: list[set[tuple[State, ...]]],
) -> Iterator[str]:
    """Every word of `length` characters from `start`, without recursion: a word may be long."""
    choices = [_choices(following[start], reaching[length - 1])] if length else []
    if not length:
        yield ""
        return
    spelled: list[str] = []
    while choices:
        step = next(choices[-1], None)
        if step is None:
            choices.pop()
            if spelled:
                spelled.pop()
            continue
        code, goal = step
        left = length - len(choices)
        if left == 0:
            yield "".join(spelled) + chr(code)
        else:
            spelled.append(chr(code))
            choices.append(_choices(following[goal], reaching[left - 1]))


def _choices(
    steps: list[tuple[range, tuple[State, ...]]], goals: set[tuple[State, ...]]
) -> Iterator[tuple[int, tuple[State, ...]]]:
    for codes, goal in steps:
        if goal in goals:
            for code in _readable_first(codes):
                yield code, goal


def _readable_first(codes: range) -> Iterator[int]:
    preferred = [code for code in _PREFERRED if code in codes]
    yield from preferred
    yield from (code for code in codes if code not in _PREFERRED and not 0xD800 <= code <= 0xDFFF)
