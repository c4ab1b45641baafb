"""What a test of one string is, and the finite automaton that answers it.

Regular expressions are the evaluator's own automata, so prover and evaluator cannot read one
differently.

Source: R. Cox, "Regular Expression Matching Can Be Simple And Fast"; docs/decisions, 0008.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

from ...cel.character_sets import PERL
from ...cel.regular_expressions import Automaton, Side, compile_pattern
from .values import LOWERED

Kind: TypeAlias = Literal["==", "startsWith", "endsWith", "contains", "matches", "<", "<=", "size<="]
State: TypeAlias = Any
"""Hashable; what it is, its machine knows."""

LONGEST_SIZE: Final = 300
"""The largest length that a string is compared with."""


class Probe(NamedTuple):
    """One question about a string: `kind` against `constant`.

    It is asked of what the `views` make of the string, as of a `Text`.
    """

    kind: Kind
    constant: str | int
    views: tuple[str, ...] = ()


class Machine(Protocol):
    start: State

    def step(self, state: State, code: int) -> State: ...
    def accepts(self, state: State) -> bool: ...
    def cuts(self, state: State) -> Iterable[int]:
        """Code points at which a range begins whose characters are read alike in this state."""
        ...


_LOST: Final = -1


class _Literal:
    """`==` and `startsWith`: how many characters of the constant were read, or that it is lost."""

    def __init__(self, constant: str, *, whole: bool) -> None:
        self._codes = [ord(each) for each in constant]
        self._whole = whole
        self.start: State = 0

    def step(self, state: int, code: int) -> State:
        if state == len(self._codes):
            return _LOST if self._whole else state
        return state + 1 if state != _LOST and self._codes[state] == code else _LOST

    def accepts(self, state: int) -> bool:
        return state == len(self._codes)

    def cuts(self, state: int) -> Iterable[int]:
        if state == _LOST or state == len(self._codes):
            return ()
        return (self._codes[state], self._codes[state] + 1)


class _Search:
    """`contains` and `endsWith`: the longest start of the constant that ends here."""

    def __init__(self, constant: str, *, anywhere: bool) -> None:
        self.codes = [ord(each) for each in constant]
        self._anywhere = anywhere
        self._cuts = frozenset(cut for code in self.codes for cut in (code, code + 1))
        self.shorter = [0] * (len(self.codes) + 1)
        for end in range(2, len(self.codes) + 1):
            length = self.shorter[end - 1]
            while length and self.codes[length] != self.codes[end - 1]:
                length = self.shorter[length]
            self.shorter[end] = length + 1 if self.codes[length] == self.codes[end - 1] else 0
        self.start: State = 0

    def step(self, state: int, code: int) -> State:
        if state == len(self.codes):
            if self._anywhere or not self.codes:
                return state
            state = self.shorter[state]
        while state and self.codes[state] != code:
            state = self.shorter[state]
        return state + 1 if self.codes[state] == code else 0

    def accepts(self, state: int) -> bool:
        return state == len(self.codes)

    def cuts(self, state: int) -> Iterable[int]:
        return () if self._anywhere and self.accepts(state) else self._cuts


class _Order:
    """`<` and `<=`, by code points: equal so far, or decided."""

    def __init__(self, constant: str, *, or_equal: bool) -> None:
        self._codes = [ord(each) for each in constant]
        self._or_equal = or_equal
        self.start: State = 0

    def step(self, state: int | str, code: int) -> State:
        if not isinstance(state, int):
            return state
        if state == len(self._codes):
            return "above"
        here = self._codes[state]
        return state + 1 if code == here else "below" if code < here else "above"

    def accepts(self, state: int | str) -> bool:
        if isinstance(state, int):
            return state < len(self._codes) or self._or_equal
        return state == "below"

    def cuts(self, state: int | str) -> Iterable[int]:
        if not isinstance(state, int) or state == len(self._codes):
            return ()
        return (self._codes[state], self._codes[state] + 1)


class _Size:
    """`size<=`: characters read, and no further than one too many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.start: State = 0

    def step(self, state: int, code: int) -> State:
        return min(state + 1, self._most + 1)

    def accepts(self, state: int) -> bool:
        return state <= self._most

    def cuts(self, state: int) -> Iterable[int]:
        return ()


_FOUND: Final = "found"
_WORD_CUTS: Final = frozenset(cut for low, high in PERL["w"] for cut in (low, high + 1))
_WORD_CODES: Final = frozenset(code for low, high in PERL["w"] for code in range(low, high + 1))


class Pattern:
    """`matches`: the states that the evaluator's automaton can be in, and what stands before them."""

    def __init__(self, pattern: str) -> None:
        self._automaton: Automaton = compile_pattern(pattern).automaton
        asserted = {where for steps in self._automaton.spontaneous for where, _ in steps}
        self._minds_sides = not asserted <= {None, "text-start", "text-end"}  # to those a letter is a letter
        self.start: State = (frozenset((self._automaton.start,)), "edge")
        self._steps: dict[tuple[State, int], State] = {}
        self.work = 0
        """States visited so far."""
        self._cuts: dict[State, frozenset[int]] = {}

    def _parts(self, state: State) -> tuple[frozenset[int], Side]:
        states, before = state
        return states, before

    def step(self, state: State, code: int) -> State:
        if state == _FOUND:
            return _FOUND
        key = (state, code)
        if key not in self._steps:
            states, before = self._parts(state)
            side: Side = "newline" if code == 10 else "word" if code in _WORD_CODES else "other"
            reached = self._automaton.reached(states, before, side)
            self.work += len(reached)
            following: State = _FOUND
            if 0 not in reached and not (self._automaton.is_found_inside and code > 0x7F):
                behind = self._automaton.read(reached, chr(code))
                following = (behind, side if self._minds_sides else "other")
            self._steps[key] = following
        return self._steps[key]

    def accepts(self, state: State) -> bool:
        if state == _FOUND:
            return True
        states, before = self._parts(state)
        return 0 in self._automaton.reached(states, before, "edge")

    def cuts(self, state: State) -> Iterable[int]:
        if state == _FOUND:
            return ()
        if state not in self._cuts:
            states, _ = self._parts(state)
            cuts = {10, 11, 0x80, *_WORD_CUTS} if self._minds_sides else set()
            waiting, seen = list(states), set(states)
            while waiting:  # every step, whatever its assertion: a cut too many does no harm
                here = waiting.pop()
                step = self._automaton.reading[here]
                if step is not None:
                    cuts.update(cut for low, high in step[0] for cut in (low, high + 1))
                for _, goal in self._automaton.spontaneous[here]:
                    if goal not in seen:
                        seen.add(goal)
                        waiting.append(goal)
            self._cuts[state] = frozenset(cuts)
        return self._cuts[state]


class _Extract:
    """A machine that is shown what stands between a prefix and a suffix, and "" where they are not.

    States: ("prefix", k) · ("inside", inner, k) with k characters of the suffix held back ·
    ("done", inner).
    """

    def __init__(self, template: str, inner: Machine) -> None:
        prefix, _, rest = template.partition("{")
        suffix = rest.partition("}")[2]
        self._prefix = _Search(prefix, anywhere=True)
        self._suffix = _Search(suffix, anywhere=True)
        self._inner = inner
        self.start: State = ("inside", inner.start, 0) if not prefix else ("prefix", 0)

    def step(self, state: State, code: int) -> State:
        if state[0] == "prefix":
            matched = self._prefix.step(state[1], code)
            return ("inside", self._inner.start, 0) if self._prefix.accepts(matched) else ("prefix", matched)
        if state[0] == "done":
            return state
        _, inner, held = state
        if not self._suffix.codes:
            return ("inside", self._inner.step(inner, code), 0)
        matched = self._suffix.step(held, code)
        if self._suffix.accepts(matched):
            return ("done", inner)
        released = [*self._suffix.codes[:held], code][: held + 1 - matched]
        for each in released:
            inner = self._inner.step(inner, each)
        return ("inside", inner, matched)

    def accepts(self, state: State) -> bool:
        if state[0] == "done" or (state[0] == "inside" and not self._suffix.codes):
            return self._inner.accepts(state[1])
        return self._inner.accepts(self._inner.start)

    def cuts(self, state: State) -> Iterable[int]:
        if state[0] == "prefix":
            return self._prefix.cuts(state[1])
        if state[0] == "done":
            return ()
        cuts = set(self._suffix.cuts(state[2]))
        # characters held back are shown to the inner machine later, from states that lie between
        inner = state[1]
        for code in self._suffix.codes[: state[2]]:
            cuts.update(self._inner.cuts(inner))
            inner = self._inner.step(inner, code)
        return cuts | set(self._inner.cuts(inner)) | set(self._inner.cuts(state[1]))


class _Lowered:
    """A machine that is shown the small letters for `A` to `Z`."""

    def __init__(self, inner: Machine) -> None:
        self._inner = inner
        self.start: State = inner.start

    def step(self, state: State, code: int) -> State:
        return self._inner.step(state, code + 32 if 65 <= code <= 90 else code)

    def accepts(self, state: State) -> bool:
        return self._inner.accepts(state)

    def cuts(self, state: State) -> Iterable[int]:
        cuts = set(self._inner.cuts(state))
        return {65, 91, *cuts, *(cut - 32 for cut in cuts if 97 < cut <= 122)}


@lru_cache(maxsize=512)
def machine(test: Probe) -> Machine:
    if test.views:
        first, *others = test.views
        inner = machine(test._replace(views=tuple(others)))
        return _Lowered(inner) if first == LOWERED else _Extract(first, inner)
    constant = test.constant
    if isinstance(constant, int):
        return _Size(constant)
    match test.kind:
        case "==" | "startsWith":
            return _Literal(constant, whole=test.kind == "==")
        case "contains" | "endsWith":
            return _Search(constant, anywhere=test.kind == "contains")
        case "<" | "<=":
            return _Order(constant, or_equal=test.kind == "<=")
        case _:
            return Pattern(constant)


def check_pattern(pattern: str) -> None:
    """Nothing, when the evaluator takes this regular expression.

    Raises:
        InvalidPattern
    """
    compile_pattern(pattern)


@lru_cache(maxsize=1024)
def answer(test: Probe, text: str) -> bool:
    """What the test says of `text`."""
    asked = machine(test)
    state = asked.start
    for character in text:
        state = asked.step(state, ord(character))
    return asked.accepts(state)


def is_equality(test: Probe) -> bool:
    return test.kind == "==" and not test.views
