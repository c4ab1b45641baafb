"""Which answers can tests of one string give together, and a shortest string for each combination.

A claim that is only ever compared with constants needs no solver that understands strings: every
test is a finite automaton, their product is walked once, and each truth vector that some string
has comes with the shortest one. Regular expressions are the evaluator's own automata, so prover and
evaluator cannot read one differently.

Source: R. Cox, "Regular Expression Matching Can Be Simple And Fast"; docs/decisions, 0008.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

from ...cel.character_sets import LAST, PERL
from ...cel.regular_expressions import Automaton, Side, compile_pattern
from .values import LOWERED

Kind: TypeAlias = Literal["==", "startsWith", "endsWith", "contains", "matches", "<", "<=", "size<="]
State: TypeAlias = Any
"""Hashable; what it is, its machine knows."""
Vector: TypeAlias = tuple[bool, ...]

MOST_STEPS: Final = 600_000
MOST_VECTORS: Final = 2_000
LONGEST_SIZE: Final = 300
"""The largest length that a string is compared with."""


class TooManyCombinations(Exception):
    """The tests of one string are too many to be walked through."""


class Probe(NamedTuple):
    """One question about a string: `kind` against `constant`.

    It is asked of what the `views` make of the string, as of a `Text`.
    """

    kind: Kind
    constant: str | int
    views: tuple[str, ...] = ()


class _Machine(Protocol):
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


class _Pattern:
    """`matches`: the states that the evaluator's automaton can be in, and what stands before them."""

    def __init__(self, pattern: str) -> None:
        self._automaton: Automaton = compile_pattern(pattern).automaton
        self._minds_sides = any(
            where is not None for steps in self._automaton.spontaneous for where, _ in steps
        )
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

    def __init__(self, template: str, inner: _Machine) -> None:
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

    def __init__(self, inner: _Machine) -> None:
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
def _machine(test: Probe) -> _Machine:
    if test.views:
        first, *others = test.views
        inner = _machine(test._replace(views=tuple(others)))
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
            return _Pattern(constant)


def check_pattern(pattern: str) -> None:
    """Nothing, when the evaluator takes this regular expression.

    Raises:
        InvalidPattern
    """
    compile_pattern(pattern)


def answer(test: Probe, text: str) -> bool:
    """What the test says of `text`."""
    machine = _machine(test)
    state = machine.start
    for character in text:
        state = machine.step(state, ord(character))
    return machine.accepts(state)


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
        self._machines = [_machine(test) for test in tests]
        self.start: tuple[State, ...] = tuple(machine.start for machine in self._machines)
        self._steps_left = MOST_STEPS
        self._patterns = [machine for machine in self._machines if isinstance(machine, _Pattern)]
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


def is_equality(test: Probe) -> bool:
    return test.kind == "==" and not test.views


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
