"""Whether a regular expression is found in a text, in time that grows with the text alone.

A pattern becomes a nondeterministic automaton, and its sets of states are followed one character
at a time: nothing is ever tried twice, so no pattern makes a search hang. Sets already met are
remembered. The work of a search is counted alike whether it was remembered or not, so the same
question always has the same answer.

Source: R. Cox, "Regular Expression Matching Can Be Simple And Fast"; docs/decisions/0005.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, TypeAlias

from . import patterns
from .character_sets import PERL, Ranges, is_unassigned
from .patterns import UnsupportedPattern

MOST_STATES: Final = 5_000
MOST_SIZE: Final = 1_000_000
"""A third of the smallest at which RE2 was seen to give up: it has a limit on memory."""
_MOST_REMEMBERED: Final = 2_000

Side: TypeAlias = Literal["edge", "newline", "word", "other"]
"""What stands beside a place in the text; `edge` is the text's start or end."""


class PatternTooCostly(Exception):
    """The search was given up: it would take more work than was allowed."""


class Automaton:
    """The states of a pattern: state 0 is where it is found, `start` where it begins.

    `spontaneous[state]` are steps that read nothing, each under an assertion or None;
    `reading[state]` is the one step that reads a character, or None.
    """

    def __init__(self, pattern: patterns.Pattern) -> None:
        self.spontaneous: list[list[tuple[patterns.Where | None, int]]] = []
        self.reading: list[tuple[Ranges, int] | None] = []
        self._size = 0
        self.start = self._before(pattern, self._state())
        inside = self.reached(frozenset((self.start,)), "other", "other")
        self.is_found_inside = 0 in inside
        """Whether it is found between the bytes of any character beyond ASCII, as `\\B` is by RE2."""

    def _state(self) -> int:
        if len(self.reading) >= MOST_STATES:
            raise UnsupportedPattern(f"it needs more than {MOST_STATES:,} states")
        self.spontaneous.append([])
        self.reading.append(None)
        return len(self.reading) - 1

    def _before(self, pattern: patterns.Pattern, goal: int) -> int:
        """A state from which reading `pattern` leads to `goal`."""
        if isinstance(pattern, patterns.Characters):
            state = self._state()
            self.reading[state] = (pattern.ranges, goal)
            self._size += _size_of(pattern.ranges)
            if self._size > MOST_SIZE:
                raise UnsupportedPattern("its classes of characters are repeated too often")
            return state
        if isinstance(pattern, patterns.Assertion):
            state = self._state()
            self.spontaneous[state].append((pattern.where, goal))
            return state
        if isinstance(pattern, patterns.Sequence):
            for part in reversed(pattern.parts):
                goal = self._before(part, goal)
            return goal
        if isinstance(pattern, patterns.Alternatives):
            state = self._state()
            for choice in pattern.choices:
                self.spontaneous[state].append((None, self._before(choice, goal)))
            return state
        return self._before_repeat(pattern, goal)

    def _before_repeat(self, repeat: patterns.Repeat, goal: int) -> int:
        if repeat.most is None:
            loop = self._state()
            self.spontaneous[loop] += [(None, self._before(repeat.part, loop)), (None, goal)]
            goal = loop
        else:
            end = goal
            for _ in range(repeat.most - repeat.least):
                choice = self._state()
                self.spontaneous[choice] += [(None, self._before(repeat.part, goal)), (None, end)]
                goal = choice
        for _ in range(repeat.least):
            goal = self._before(repeat.part, goal)
        return goal

    def reached(self, states: frozenset[int], before: Side, after: Side) -> set[int]:
        """`states` and all that follow from them without reading, between these two sides."""
        found = set(states)
        waiting = list(states)
        while waiting:
            for where, goal in self.spontaneous[waiting.pop()]:
                if goal not in found and (where is None or _holds(where, before, after)):
                    found.add(goal)
                    waiting.append(goal)
        return found

    def read(self, states: set[int], character: str) -> frozenset[int]:
        """The states behind `character`; `start` is always one, for a match may begin anywhere."""
        code = ord(character)
        goals = {self.start}
        for state in states:
            step = self.reading[state]
            if step is not None and any(low <= code <= high for low, high in step[0]):
                goals.add(step[1])
        return frozenset(goals)


@lru_cache(maxsize=256)
def _size_of(ranges: Ranges) -> int:
    """At most as many instructions as RE2 makes of a class, which it reads byte by byte."""
    return sum(1 if high < 0x80 else 12 for _, high in ranges)


def _holds(where: patterns.Where, before: Side, after: Side) -> bool:
    match where:
        case "text-start":
            return before == "edge"
        case "text-end":
            return after == "edge"
        case "line-start":
            return before in ("edge", "newline")
        case "line-end":
            return after in ("edge", "newline")
        case "boundary":
            return (before == "word") != (after == "word")
        case "no-boundary":
            return (before == "word") == (after == "word")


_WORD_CHARACTERS: Final = frozenset(chr(code) for low, high in PERL["w"] for code in range(low, high + 1))


def _side(character: str) -> Side:
    if character == "\n":
        return "newline"
    return "word" if character in _WORD_CHARACTERS else "other"


class _Situation:
    """A set of states behind a character, with what was found to follow: next situation, work."""

    __slots__ = ("at_end", "before", "following", "states")

    def __init__(self, states: frozenset[int], before: Side) -> None:
        self.states = states
        self.before = before
        self.following: dict[str, tuple[_Situation | None, int]] = {}
        self.at_end: tuple[bool, int] | None = None


class CompiledPattern:
    """A pattern, ready to be searched for."""

    def __init__(self, automaton: Automaton, *, names_a_category: bool = False) -> None:
        self.automaton = automaton
        self._names_a_category = names_a_category
        self._situations: dict[tuple[frozenset[int], Side], _Situation] = {}

    def search(self, text: str, *, most_work: int) -> tuple[bool, int]:
        """Whether the pattern is found anywhere in `text`, and the work it took, in states visited.

        Raises:
            PatternTooCostly: it would take more than `most_work`.
            UnsupportedPattern: the category of a character is not known here.
        """
        if self._names_a_category and not text.isascii() and any(map(is_unassigned, text)):
            raise UnsupportedPattern("the text has a character that is newer than the Unicode known here")
        situation = self._situation(frozenset((self.automaton.start,)), "edge")
        work = 0
        for character in text:
            known = situation.following.get(character)
            if known is None:
                known = situation.following[character] = self._step(situation, character)
            following, cost = known
            work += cost
            if work > most_work:
                raise PatternTooCostly("the search takes too long")
            if following is None:
                return True, work
            situation = following
        if situation.at_end is None:
            found = self.automaton.reached(situation.states, situation.before, "edge")
            situation.at_end = (0 in found, len(found))
        matched, cost = situation.at_end
        return matched, work + cost

    def _step(self, situation: _Situation, character: str) -> tuple[_Situation | None, int]:
        """What follows, None when the pattern is found before `character` is read."""
        side = _side(character)
        found = self.automaton.reached(situation.states, situation.before, side)
        if 0 in found or (self.automaton.is_found_inside and character > "\x7f"):
            return None, len(found)
        return self._situation(self.automaton.read(found, character), side), len(found)

    def _situation(self, states: frozenset[int], before: Side) -> _Situation:
        if len(self._situations) >= _MOST_REMEMBERED:
            self._situations = {}
        key = (states, before)
        if key not in self._situations:
            self._situations[key] = _Situation(states, before)
        return self._situations[key]


@lru_cache(maxsize=128)
def compile_pattern(text: str) -> CompiledPattern:
    """`text`, in RE2's syntax, is ready to be searched for.

    Raises:
        InvalidPattern: RE2 would refuse it, or it is beyond what is supported.
    """
    automaton = Automaton(patterns.parse_pattern(text))
    return CompiledPattern(automaton, names_a_category=patterns.may_name_a_category(text))
