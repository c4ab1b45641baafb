"""Many questions about one provider, answered together, each by a token or by proof.

    inquiry = Inquiry(policies, provider, prover)
    inquiry.ask('assertion.dbgstat == "enabled"')      # Found | NoneFound | Undecided

What a token near an admitted one shows is never asked of the solver; what is left is asked of it in
one question, "is any of these so?", and again without those that were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Final, TypeAlias

from ..cel import syntax
from ..cel.condition import Condition
from ..cel.parser import parse
from ..cel.values import ErrorValue, is_unknown
from ..policy_set import PolicySet
from ..provider import Provider
from . import neighbours
from .answers import Found, NoneFound, Search, Undecided
from .attacking import Reader, roots_of
from .peer import Peer
from .prover import Prover
from .smt.admission import Admission
from .smt.encoding import Encoder
from .smt.questions import NOT_INSTALLED, Case, Question
from .smt.tokens import fits

_MOST_CHARACTERS: Final = 64 * 1024

Key: TypeAlias = str | int
"""A condition that is to be true of an admitted token, or the number of the one clause that is not."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A token and what each clause says of it, None where that is not known.

    `true` is None where the mapping refuses the token, or gives what is not known.
    """

    case: Case
    true: tuple[bool | None, ...] | None

    @property
    def admitted(self) -> bool:
        return self.true is not None and all(self.true)

    def refused_by(self, number: int) -> bool:
        """Whether this clause refuses the token, and it alone."""
        if self.true is None or self.true[number] is not False:
            return False
        return all(each for place, each in enumerate(self.true) if place != number)


class Inquiry:
    """What is known of the tokens that one provider admits. Answers are kept.

    Raises:
        InvalidExpression: Google would refuse the condition.
    """

    def __init__(self, policies: PolicySet, provider: Provider, prover: Prover | None) -> None:
        self._admission = Admission(policies, provider)
        self._alone = replace(policies, providers=(provider,))
        self._prover = prover
        self._answers: dict[Key, Search] = {}
        self._waiting: dict[Key, None] | None = None
        self._compiled: dict[str, Condition] = {}
        self._signed: dict[int, bool] = {}  # by the identity of what `_near` keeps
        self._seen: dict[int, _Seen] = {}  # by the identity of a case, which what is seen keeps alive
        self._peers_word: dict[int, tuple[Case, list[Any], bool]] = {}

    @property
    def condition(self) -> Condition:
        return self._admission.condition

    def ask(self, also: str) -> Search:
        """An admitted token of which `also`, a condition over `assertion`, is true; or that there is none."""
        return self._ask(also)

    def ask_clause(self, number: int) -> Search:
        """A token that this clause alone refuses, or that there is none."""
        return self._ask(number)

    @cached_property
    def example(self) -> Search:
        """A token that is admitted, or that there is none."""
        return self._search(["true"])

    def ask_at_once(self, asker: Callable[[], object]) -> None:
        """What `asker` asks is answered, in as few questions to the solver as that takes.

        It is run again for as long as answers make it ask more; meanwhile all else is undecided.
        """
        while True:
            self._waiting = {}
            asker()
            noted, self._waiting = list(self._waiting), None
            if not noted:
                return
            left = self._probed(noted)
            self._settle([key for key in left if isinstance(key, str)])
            for key in left:
                if isinstance(key, int):  # one by one: which facts each proof needs is what people ask
                    self._settle([key])

    def core(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Clauses that together admit nobody, each of them needed for that, and what is assumed.

        Only for a provider that admits nobody. When the time is over, some may not be needed.
        """
        kept = list(range(len(self.condition.clauses)))
        assumptions = self.example.assumptions if isinstance(self.example, NoneFound) else ()
        for number in list(kept):
            fewer = [each for each in kept if each != number]
            answer = self._run(self._all_true(fewer))
            if isinstance(answer, NoneFound):
                kept, assumptions = fewer, answer.assumptions
        return tuple(kept), assumptions

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What all proofs so far take for granted."""
        proofs = [answer for answer in self._answers.values() if isinstance(answer, NoneFound)]
        return tuple(sorted({label for proof in proofs for label in proof.assumptions}))

    def _ask(self, key: Key) -> Search:
        if key not in self._answers:
            if self._waiting is not None:
                self._waiting[key] = None
                return Undecided(reason="not asked yet")
            self._settle(self._probed([key]))
        return self._answers[key]

    def _settle(self, keys: Sequence[Key]) -> None:
        left = list(keys)
        while left:
            answer = self._search(left)
            match answer:
                case Found():
                    seen = self._see(_case(answer))
                    shown = self._shown_by(seen, left)
                    self._answers |= dict.fromkeys(shown, answer)
                    left = [key for key in left if key not in shown]
                case Undecided() if len(left) > 1:
                    for key in left:
                        self._answers[key] = self._search([key])
                    return
                case _:
                    self._answers |= dict.fromkeys(left, answer)
                    return

    def _probed(self, keys: Sequence[Key]) -> list[Key]:
        """Answers what the tokens near the example show; the others are left."""
        left = list(keys)
        for seen in self._near:
            shown = self._shown_by(seen, left)
            if not shown or not self._could_be_signed(seen):
                continue
            self._answers |= dict.fromkeys(shown, _found(seen.case))
            left = [key for key in left if key not in shown]
        return left

    @cached_property
    def _near(self) -> list[_Seen]:
        """The example, and tokens near it."""
        if not isinstance(self.example, Found):
            return []
        case = _case(self.example)
        constants = sorted({text for tree in self._admission.trees for text in strings_of(tree)})
        near = neighbours.variations(case.assertion, constants)
        return [self._see(case), *(self._see(replace(case, assertion=each)) for each in near)]

    def _could_be_signed(self, seen: _Seen) -> bool:
        """Asked only of tokens that would answer something: it costs more than to decide on one."""
        known = self._signed.get(id(seen))
        if known is None:
            known = self._signed[id(seen)] = fits(seen.case.assertion)
        return known

    def _see(self, case: Case) -> _Seen:
        """What the clauses say of a token; an attack asks it again for every question."""
        known = self._seen.get(id(case))
        if known is None:
            known = self._seen[id(case)] = self._looked_at(case)
        return known

    def _looked_at(self, case: Case) -> _Seen:
        seen = self._admission.sees(case)
        if seen is None or any(isinstance(root, ErrorValue) for root in seen):
            return _Seen(case, None)
        results, _ = self.condition.evaluate(case.assertion, *seen)
        return _Seen(case, tuple(None if is_unknown(result) else result is True for result in results))

    def _shown_by(self, seen: _Seen, keys: Sequence[Key]) -> list[Key]:
        """Those of the keys that hold of a token."""
        if not seen.admitted:
            return [key for key in keys if isinstance(key, int) and seen.refused_by(key)]
        assertion = seen.case.assertion
        return [key for key in keys if isinstance(key, str) and self._condition(key).decide(assertion)]

    def _condition(self, text: str) -> Condition:
        if text not in self._compiled:
            nodes = syntax.conjuncts(parse(text, most_characters=_MOST_CHARACTERS))
            self._compiled[text] = Condition(text, nodes)
        return self._compiled[text]

    def _search(self, keys: Sequence[Key]) -> Search:
        """A token of which one of the keys holds, or that there is none."""
        trees = {key: _nodes(self._condition(key)) for key in keys if isinstance(key, str)}
        also = tuple(tree for each in trees.values() for tree in each)

        def formula(encoder: Encoder) -> int:
            circuit = encoder.circuit
            mapped, seen = self._admission.mapped(encoder, also)
            clauses = [seen.truth(node) for node in _nodes(self.condition)]
            found = []
            for key in keys:
                true = list(clauses)
                if isinstance(key, int):
                    true[key] = -true[key]
                else:
                    true += [seen.truth(tree) for tree in trees[key]]
                found.append(circuit.all_of((mapped, *true)))
            return circuit.any_of(found)

        def holds(case: Case) -> bool:
            return bool(self._shown_by(self._see(case), keys))

        every = (*also, *self._admission.trees)
        question = Question(
            formula=formula,
            holds=holds,
            trees=every,
            peer=partial(self._peer_of, tuple(keys)),
            attacked=self._admission.trees,
            example=None if list(keys) == ["true"] else self._example_token,
            is_unknown=self._admission.is_not_said_of,
        )
        return self._run(question)

    def _example_token(self) -> Mapping[str, object] | None:
        return self.example.token if isinstance(self.example, Found) else None

    def _peer_of(self, keys: Sequence[Key]) -> Reader:
        """How Google's runtime finds a token of which one of the keys holds.

        Raises:
            NoPeer
        """
        peer, condition = self._peer
        # a disjunction is true where one part is, though another errs
        texts = [key for key in keys if isinstance(key, str)]
        fewer = [self._without(key) for key in keys if isinstance(key, int)]
        also = peer.compiled(_any_of(texts)) if texts else None
        without = peer.compiled(_any_of(fewer)) if fewer else None

        def reads(case: Case) -> bool:
            known = self._peers_word.get(id(case))
            if known is None:
                seen = [each for each in peer.sees(*roots_of(case)) if each is not None]
                admitted = any(peer.is_true(condition, each) for each in seen)
                known = self._peers_word[id(case)] = (case, seen, admitted)
            _, seen, admitted = known
            asked = also if admitted else without
            return asked is not None and any(peer.is_true(asked, each) for each in seen)

        return reads

    @cached_property
    def _peer(self) -> tuple[Peer, Any]:
        """Google's runtime for this provider, and its condition.

        Raises:
            NoPeer
        """
        peer = Peer(self._alone)
        (provider,) = self._alone.providers
        return peer, peer.compiled(provider.condition or "true")

    def _without(self, number: int) -> str:
        """The condition without one of its clauses."""
        left = [f"({each.text})" for place, each in enumerate(self.condition.clauses) if place != number]
        return " && ".join(left) or "true"

    def _all_true(self, numbers: Sequence[int]) -> Question:
        def formula(encoder: Encoder) -> int:
            mapped, seen = self._admission.mapped(encoder, ())
            nodes = _nodes(self.condition)
            return encoder.circuit.all_of((mapped, *(seen.truth(nodes[number]) for number in numbers)))

        def holds(case: Case) -> bool:
            true = self._see(case).true
            return true is not None and all(true[number] for number in numbers)

        return Question(
            formula=formula,
            holds=holds,
            trees=self._admission.trees,
            is_unknown=self._admission.is_not_said_of,
        )

    def _run(self, question: Question) -> Search:
        if self._prover is None:
            return Undecided(reason=NOT_INSTALLED)
        near = self.__dict__.get("example")
        sample = near.token if isinstance(near, Found) else None
        return self._prover.search(question, sample=sample)


def _case(found: Found) -> Case:
    return Case(assertion=found.token, google=found.google, attribute=found.attribute)


def _found(case: Case) -> Found:
    return Found(token=case.assertion, google=case.google, attribute=case.attribute)


def _nodes(condition: Condition) -> tuple[syntax.Node, ...]:
    return tuple(clause.node for clause in condition.clauses)


def _any_of(texts: Iterable[str]) -> str:
    return " || ".join(f"(\n{each}\n)" for each in texts)  # a comment ends with its line


def strings_of(node: syntax.Node) -> Iterable[str]:
    """The string constants of an expression."""
    for each, _ in syntax.walk(node):
        if isinstance(each, syntax.Literal) and isinstance(each.value, str):
            yield each.value
