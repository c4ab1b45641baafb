"""The arithmetic of a comparison: ratios pair by pair, the bound of a perfect overlap, agreement."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Rows = Mapping[str, tuple[Sequence[int], Sequence[float]]]
"""Name of a photo -> its best classes, best first, and their scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The middle of several rounds, and the two ends."""

    median: float
    lowest: float
    highest: float


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    return Spread(median=statistics.median(values), lowest=min(values), highest=max(values))


def pairwise(mine: Sequence[float], theirs: Sequence[float]) -> Spread:
    """How many times as much mine is, each round beside its own pair.

    >>> pairwise([2.0, 9.0, 4.0], [1.0, 3.0, 2.0])
    Spread(median=2.0, lowest=2.0, highest=3.0)
    """
    return spread([a / b for a, b in zip(mine, theirs, strict=True)])


def perfect_overlap(per_second: Sequence[float]) -> float:
    """Pictures a second, if all cores do nothing but the stages, each of which alone keeps them all busy.

    A picture takes of all cores the sum of what its stages take of them.

    >>> round(perfect_overlap([2883, 939]))
    708
    """
    return 1 / sum(1 / rate for rate in per_second)


def bound(stages: Mapping[str, float], *, waiting: float | None = None) -> float:
    """The perfect overlap of the stages; no more than `waiting` a second, where reads wait for a network."""
    overlap = perfect_overlap(list(stages.values()))
    return overlap if waiting is None else min(overlap, waiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How many of `pictures` have the same answer: all classes in order, the best class; and of the scores
    of classes that both name, the largest difference."""

    pictures: int
    same_order: int
    same_best: int
    largest_difference: float


def agreement(mine: Rows, theirs: Rows) -> Agreement:
    """How far two contestants say the same of the photos that both have seen.

    Raises:
        ValueError: they have no photo in common.
    """
    common = mine.keys() & theirs.keys()
    if not common:
        raise ValueError("no photo has two answers")
    largest = 0.0
    for name in common:
        scores = dict(zip(*theirs[name], strict=True))
        for label, score in zip(*mine[name], strict=True):
            if label in scores:
                largest = max(largest, abs(score - scores[label]))
    return Agreement(
        pictures=len(common),
        same_order=sum(list(mine[name][0]) == list(theirs[name][0]) for name in common),
        same_best=sum(mine[name][0][0] == theirs[name][0][0] for name in common),
        largest_difference=largest,
    )
