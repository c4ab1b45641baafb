"""A token that is any token: its claims as variables, made when a condition first reads them.

What the schema says beyond types (a claim is always there, is one of these values, has this form)
enters as labelled facts, so that a proof can name those it needed.

Source: policy/schema.py.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ... import schema
from ...claim_types import BOOL, INT, NULL, STRING, Claim, ListOf, MapOf, Object, OneOf, Scalar, Type
from ...wording import listed
from . import machines, strings
from .circuit import FALSE, TRUE, Circuit, TooLarge
from .demands import Bound, Demands
from .labels import generic, label_of
from .machines import Probe
from .reads import Reads
from .regular import constant_term, spelled_test
from .strings import Vector
from .values import (
    Alternative,
    Entries,
    Integer,
    Record,
    Slots,
    Spelled,
    Text,
    Unsupported,
    Value,
    constant,
    guarded,
)

SPARE_ENTRIES: Final = 4
_MOST_STEPS: Final = 60_000
_ANYTHING: Final = OneOf((STRING, BOOL, INT, ListOf(STRING), MapOf(STRING), NULL))
# Present exactly where the operating system is Confidential Space: policy/proving/smt/facts.py says so.
_CONDITIONAL: Final = frozenset(("assertion.submods.container",))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record: whether it is there, and what it is then."""

    present: int
    value: Value


class Claims:
    """The variables of one token, and the facts about them; `until` is a time of `time.monotonic()`."""

    def __init__(self, circuit: Circuit, demands: Demands, *, until: float) -> None:
        self._until = until
        self.circuit = circuit
        self.demands = demands
        self.tests: dict[str, dict[Probe, int]] = {}
        self.fields: dict[str, dict[str, Field]] = {}
        self.values: dict[str, Value] = {}
        self.facts: dict[str, list[int]] = {}
        self.vocabulary: dict[str, list[int]] = {}
        """Facts that say no more than that nothing else is documented."""
        self.bounds: dict[str, list[Bound]] = {}
        self.undocumented: set[str] = set()
        """Claims that were read and that no document names: which types they have is not known."""
        self.reads = Reads()
        self.sizes: dict[str, Slots] = {}
        """Of which list a term is the size."""
        self.always: list[int] = []
        self._whole: set[str] = set()
        self._unknown: dict[object, int] = {}
        self._steps_left = _MOST_STEPS
        self._keys: dict[str, Slots] = {}
        self._encoders = 0

    def number_encoder(self) -> int:
        """Another number for each encoder."""
        self._encoders += 1
        return self._encoders

    def spend(self, steps: int) -> None:
        """Counts the work of an encoding, which some conditions would make endless.

        Raises:
            TooLarge
        """
        self._steps_left -= steps
        if self._steps_left < 0 or time.monotonic() > self._until:
            raise TooLarge

    def unknown(self, what: object = None) -> int:
        """A literal that may be either, the same for the same `what`; without one it is new each time."""
        key = object() if what is None else what
        if key not in self._unknown:
            self._unknown[key] = self.circuit.variable(f"unknown {len(self._unknown)}")
        return self._unknown[key]

    # -- reading

    def root(self, name: str) -> Value:
        type_ = schema.ROOTS[name]
        if isinstance(type_, Object):
            return (Alternative(TRUE, "object", Record(name, type_)),)
        return self._value(name, type_, None, name)

    def is_read(self, name: str) -> bool:
        """Whether anything of this root was read."""
        return name in self.fields or name in self.values

    def field(self, record: Record, name: str) -> Field:
        """A field of a record; one that no token has so far may be anything, or rather absent."""
        path = f"{record.path}.{name}"
        known = self.fields.setdefault(record.path, {})
        if name not in known:
            claim = record.type.fields.get(name)
            present = self.circuit.variable(f"there {path}")
            label = label_of(path)
            if claim is None:
                self.undocumented.add(label[:80])
                self.vocabulary.setdefault(f"no token has the claim `{label[:80]}`", []).append(-present)
                value = self._value(path, _ANYTHING, None, path)
            else:
                if claim.required and path not in _CONDITIONAL:
                    self._fact(f"`{generic(label)}` is always there", present)
                value = self._value(path, claim.type, claim, path)
            known[name] = Field(present, value)
        return known[name]

    def entry(self, entries: Entries, key: str) -> Field:
        """The value of a constant key of a map of the token.

        Raises:
            ReadAgain: the map was already read as a whole, without this key having a name.
        """
        if key not in entries.named:
            if entries.path in self._whole or not isinstance(entries.named, dict):
                raise self.demands.name_key(entries.path, key)
            self.demands.keys.setdefault(entries.path, set()).add(key)
            self._name_key(entries.path, entries.named, key)
        return Field(*entries.named[key])

    def whole(self, entries: Entries) -> None:
        """The map was read as a whole: from now on no key can be given a name."""
        if entries.path:
            self._whole.add(entries.path)

    def keys(self, entries: Entries) -> Slots:
        """The keys of a map, as a list; always the same one for a map of the token."""
        if entries.path in self._keys:
            return self._keys[entries.path]
        named = [(present, constant(key)) for key, (present, _) in entries.named.items()]
        spare = [(present, (Alternative(TRUE, "string", key),)) for present, key, _ in entries.spare]
        keys = Slots((*named, *spare), dense=False, more=entries.more, path=entries.path, in_any_order=True)
        if entries.path:
            self._keys[entries.path] = keys
        return keys

    def unsettled(self, label: str) -> dict[str, int | None]:
        """Those lists and maps of a bound that must not be longer for a proof to hold, and how many
        slots would do instead, if any number would."""
        needed = {each.path: self.reads.needed(each.path) for each in self.bounds.get(label, ())}
        has = {each.path: each.slots for each in self.bounds.get(label, ())}
        return {path: least for path, least in needed.items() if least is None or least > has[path]}

    # -- making

    def _value(self, path: str, type_: Type, claim: Claim | None, about: str) -> Value:
        """`about` is the path that the facts of `claim` name: the list's, for its elements."""
        if path in self.values:
            return self.values[path]
        match type_:
            case Scalar():
                value = self._scalar(path, type_, claim, about)
            case ListOf():
                value = self._list(path, type_, claim, about)
            case MapOf():
                value = self._map(path, type_)
            case Object():
                value = (Alternative(TRUE, "object", Record(path, type_)),)
            case OneOf():
                value = self._one_of(path, type_, claim, about)
        self.values[path] = value
        return value

    def _scalar(self, path: str, type_: Scalar, claim: Claim | None, about: str) -> Value:
        match type_.kind:
            case "string":
                text = self._string(path)
                if claim is not None:
                    self._string_facts(text, claim, label_of(about))
                return (Alternative(TRUE, "string", text),)
            case "bool":
                return (Alternative(TRUE, "bool", self.circuit.variable(f"true {path}")),)
            case "int":
                term = self.circuit.term(path, "Int")
                self.always.append(self.circuit.atom(f"(and (<= (- {2**63}) {term}) (< {term} {2**63}))"))
                return (Alternative(TRUE, "int", Integer(term)),)
            case "null":
                return (Alternative(TRUE, "null_type", None),)
            case _:
                raise Unsupported(f"a claim of type {type_.kind}")

    def _string(self, path: str) -> Text | Spelled:
        if path in self.demands.spelled:
            return Spelled(self.circuit.term(path, "String"))
        return Text(path)

    def _string_facts(self, text: Text | Spelled, claim: Claim, label: str) -> None:
        label = generic(label)
        if claim.values:
            known = listed([f"`{each}`" for each in claim.values])
            asked = [self.ask(text, Probe("==", each)) for each in claim.values]
            where = self.facts if claim.verified else self.vocabulary
            where.setdefault(f"`{label}` is {known}", []).append(self.circuit.any_of(asked))
        if claim.pattern:
            found = self.ask(text, Probe("matches", f"^(?:{claim.pattern})$"))
            self._fact(f"`{label}` looks like `{claim.pattern}`", found)

    def _list(self, path: str, type_: ListOf, claim: Claim | None, about: str) -> Value:
        items: list[tuple[int, Value]] = []
        before = TRUE
        most = self.demands.slots_of(path, self.demands.elements)
        for i in range(most):
            present = self.circuit.both(before, self.circuit.variable(f"there {path}[{i}]"))
            element = self._value(f"{path}[{i}]", type_.element, claim, f"{about}[]")
            items.append((present, element))
            before = present
        more = self._more(path, most, "elements")
        # only a list that fills its slots goes on
        self.always.append(self.circuit.implies(more, before))
        return (Alternative(TRUE, "list", Slots(tuple(items), more=more, path=path)),)

    def _more(self, path: str, most: int, of_what: str) -> int:
        more = self.circuit.variable(f"more {path}")
        label = f"`{generic(label_of(path))}` has at most {most} {of_what}"
        self.bounds.setdefault(label, []).append(Bound(path, most, -more))
        return more

    def _map(self, path: str, type_: MapOf) -> Value:
        if type_.value != STRING:
            raise Unsupported("a map of anything but strings")
        named: dict[str, tuple[int, Value]] = {}
        spare = []
        most = self.demands.slots_of(path, SPARE_ENTRIES)
        for i in range(most):
            present = self.circuit.variable(f"there {path}#{i}")
            value = (Alternative(TRUE, "string", self._string(f"{path}#{i}=")),)
            spare.append((present, self._string(f"{path}#{i}"), value))
        more = self._more(path, most, "entries that are not named")
        entries = Entries(named, tuple(spare), more, path)
        for key in sorted(self.demands.keys.get(path, ())):
            self._name_key(path, named, key)
        self.values[path] = value_ = (Alternative(TRUE, "map", entries),)
        return value_

    def _name_key(self, path: str, named: dict[str, tuple[int, Value]], key: str) -> None:
        place = f"{path}[{key!r}]"
        present = self.circuit.variable(f"there {place}")
        named[key] = (present, (Alternative(TRUE, "string", self._string(place)),))

    def _one_of(self, path: str, type_: OneOf, claim: Claim | None, about: str) -> Value:
        alternatives: list[Alternative] = []
        rest = TRUE
        for i, each in enumerate(type_.types):
            chosen = TRUE if i == len(type_.types) - 1 else self.circuit.variable(f"type {path}|{i}")
            value = self._value(f"{path}|{i}", each, claim, about)
            alternatives += guarded(self.circuit, self.circuit.both(rest, chosen), value)
            rest = self.circuit.both(rest, -chosen)
        return tuple(alternatives)

    def _fact(self, label: str, holds: int) -> None:
        if holds != TRUE:
            self.facts.setdefault(label, []).append(holds)

    # -- asking strings

    def ask(self, text: str | Text | Spelled, test: Probe) -> int:
        """The literal that `text` answers `test` with yes.

        Raises:
            InvalidPattern: a regular expression that the evaluator would refuse.
        """
        if isinstance(text, str):
            return TRUE if machines.answer(test, text) else FALSE
        if test.kind == "matches":
            machines.check_pattern(str(test.constant))
        if isinstance(text, Spelled):
            return self.circuit.atom(spelled_test(text.term, test))
        if text.views:
            test = test._replace(views=text.views)
        answers = self.tests.setdefault(text.path, {})
        if test not in answers:
            answers[test] = self.circuit.variable(f"{text.path} {test!r}")
        return answers[test]

    def possible_strings(self) -> Iterator[int]:
        """What must hold of the answers, for there to be strings that give them.

        Raises:
            ReadAgain: a string with so many tests that the solver has to know it.
        """
        for path, answers in self.tests.items():
            tests = tuple(answers)
            try:
                vectors = strings.unequal(tests)
            except strings.TooManyCombinations:
                if any(test.views for test in tests):
                    raise Unsupported(f"so many tests of `{label_of(path)}`") from None
                raise self.demands.spell(path) from None
            others = [answers[test] for test in tests if not machines.is_equality(test)]
            yield from self._equalities(answers)
            equal = [answers[test] for test in tests if machines.is_equality(test)]
            if len(vectors) < 2 ** len(others):
                some = [_signed(self.circuit, others, vector) for vector in vectors]
                yield self.circuit.any_of([*equal, *some])

    def _equalities(self, answers: dict[Probe, int]) -> Iterator[int]:
        """A string is equal to one constant at most, and then answers as that constant does."""
        before = FALSE
        for test, equal in answers.items():
            if not machines.is_equality(test):
                continue
            yield -self.circuit.both(before, equal)
            before = self.circuit.either(before, equal)
            others = [each for each in answers if not machines.is_equality(each)]
            vector = tuple(machines.answer(each, str(test.constant)) for each in others)
            same = _signed(self.circuit, [answers[each] for each in others], vector)
            yield self.circuit.implies(equal, same)

    def possible_keys(self) -> Iterator[int]:
        """What must hold of the spare keys of maps: none is a named one, no two are the same."""
        for value in list(self.values.values()):
            for alternative in value:
                if alternative.kind == "map" and alternative.payload.path:
                    yield from self._distinct(alternative.payload)

    def _distinct(self, entries: Entries) -> Iterator[int]:
        texts = [key for _, key, _ in entries.spare if isinstance(key, Text)]
        spelled = [key.term for _, key, _ in entries.spare if isinstance(key, Spelled)]
        for text in texts:
            for name in entries.named:
                if text.path in self.tests:
                    yield -self.ask(text, Probe("==", name))
        equalities = {
            test for text in texts for test in self.tests.get(text.path, {}) if machines.is_equality(test)
        }
        for test in equalities:
            asked = [self.tests[text.path].get(test, FALSE) for text in texts if text.path in self.tests]
            for i, one in enumerate(asked):
                for other in asked[:i]:
                    yield -self.circuit.both(one, other)
        yield from self._enough_words([text for text in texts if text.path in self.tests])
        if spelled:
            names = [constant_term(name) for name in entries.named]
            yield self.circuit.atom(f"(distinct {' '.join([*spelled, *names])})")

    def _enough_words(self, texts: list[Text]) -> Iterator[int]:
        """No more of these different strings answer alike than there are strings that answer so."""
        tests = tuple(dict.fromkeys(test for text in texts for test in self.tests[text.path]))
        others = [test for test in tests if not machines.is_equality(test)]
        if len(texts) < 2 or not others:
            return
        try:
            vectors = strings.unequal(tests)
        except strings.TooManyCombinations:
            return  # then the solver has to know them, or nothing is decided
        for vector in vectors:
            self.spend(len(texts))
            enough = sum(1 for _ in itertools.islice(strings.words(tests, vector), len(texts)))
            if enough < len(texts):
                alike = [self._is_unequal(text, tests, vector) for text in texts]
                for some in itertools.combinations(alike, enough + 1):
                    yield -self.circuit.all_of(some)

    def _is_unequal(self, text: Text, tests: tuple[Probe, ...], vector: Vector) -> int:
        """That a string is equal to no constant of `tests`, and answers the others so."""
        asked = {test: self.ask(text, test) for test in tests}
        equal = [asked[test] for test in tests if machines.is_equality(test)]
        rest = [asked[test] for test in tests if not machines.is_equality(test)]
        return self.circuit.both(-self.circuit.any_of(equal), _signed(self.circuit, rest, vector))


def _signed(circuit: Circuit, literals: list[int], vector: Vector) -> int:
    return circuit.all_of(
        [literal if said else -literal for literal, said in zip(literals, vector, strict=True)]
    )
