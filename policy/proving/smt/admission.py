"""What a policy admits, as a formula and as the evaluator decides it.

Source: policy/mapping.py: an expression that fails or yields no string leaves its attribute out, and
for `google.subject` that is a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from ...cel import syntax
from ...cel.condition import Condition, compile_condition
from ...cel.paths import path_of
from ...cel.values import ErrorValue
from ...deciding import Outcome, decide, decide_condition
from ...mapping import MOST_SUBJECT_BYTES, MappingRejected
from ...policy_set import PolicySet
from ...provider import Provider
from .circuit import FALSE, TRUE, Circuit
from .claims import Claims
from .encoding import Encoder
from .machines import Probe
from .questions import Case
from .values import Alternative, Entries, Joined, Spelled, Spelling, Text, Unsupported, Value, is_value

Seen: TypeAlias = Mapping[str, object] | ErrorValue
"""`google` or `attribute`; an error where it is not known what it is."""


def trees_of(condition: Condition) -> tuple[syntax.Node, ...]:
    """The clauses of a condition; none, for one that admits everything."""
    return tuple(clause.node for clause in condition.clauses)


class Admission:
    """One provider: its condition, seen through its mapping."""

    def __init__(self, policies: PolicySet, provider: Provider) -> None:
        self.provider = provider
        self.condition = compile_condition(provider.condition)
        self._mapped = policies.kind != "condition"
        self._trees = dict(provider.mapping.trees) if self._mapped else {}
        self._is_guessed = False  # whether a formula only guesses that a token is mapped

    @property
    def trees(self) -> tuple[syntax.Node, ...]:
        return (*trees_of(self.condition), *self._trees.values())

    def formula(self, encoder: Encoder, also: tuple[syntax.Node, ...]) -> tuple[int, Encoder]:
        """That the provider admits, and an encoder that sees `google` and `attribute` as it does."""
        mapped, seen = self.mapped(encoder, also)
        return encoder.circuit.both(mapped, _all_true(seen, trees_of(self.condition))), seen

    def mapped(self, encoder: Encoder, also: tuple[syntax.Node, ...]) -> tuple[int, Encoder]:
        """That the mapping does not refuse, and the encoder; `also` is what else it is to encode."""
        if not self._mapped:
            return TRUE, encoder
        read = _attributes_in((*trees_of(self.condition), *also))
        mapped: dict[str, dict[str, tuple[int, Value]]] = {"google": {}, "attribute": {}}
        for key, tree in self._trees.items():
            root, name = key.split(".", 1)
            is_read = key in read or root in read
            if is_read or key == "google.subject":
                mapped[root][name] = _mapped(encoder, tree, key, is_read=is_read)
        subject, value = mapped["google"]["subject"]
        self._is_guessed = not value
        seen = Encoder(encoder.claims, {name: _map(entries) for name, entries in mapped.items()})
        return encoder.circuit.both(subject, _is_subject(encoder.claims, value)), seen

    def sees(self, case: Case) -> tuple[Seen, Seen] | None:
        """`google` and `attribute` of this token; None when the mapping refuses it."""
        if not self._mapped:
            return case.google, case.attribute
        try:
            mapped = self.provider.mapping.apply(case.assertion)
        except MappingRejected:
            return None
        return mapped.root("google"), mapped.root("attribute")

    def decision(self, case: Case) -> Outcome:
        """What the evaluator says of this token: a witness needs it to be known."""
        if self._mapped:
            return decide(self.provider, case.assertion).outcome
        return decide_condition(self.condition, case.assertion, case.google, case.attribute).outcome

    def is_not_said_of(self, case: Case) -> bool:
        """Whether a formula may be wrong of this token: it is not known what it gives, or not mapped.

        Formulas know neither all of Google's limits on what is mapped nor what every expression gives.
        """
        return self._is_guessed or self.decision(case) == "unknown" or self.sees(case) is None

    def admits(self, case: Case) -> bool:
        return self.decision(case) == "admitted"

    def refuses(self, case: Case) -> bool:
        return self.decision(case) == "refused"


def admissions_of(policies: PolicySet) -> tuple[Admission, ...]:
    """Those providers that are not disabled.

    Raises:
        InvalidExpression: Google would refuse a condition.
    """
    return tuple(Admission(policies, provider) for provider in policies.active)


def _attributes_in(trees: Iterable[syntax.Node]) -> frozenset[str]:
    """The mapped attributes that expressions may read: `attribute.zone`, or all of them, `attribute`."""
    found: set[str] = set()
    waiting = list(trees)
    while waiting:
        each = waiting.pop()
        path = path_of(each)
        if path is not None:
            found.add(f"{path.root}.{path.keys[0]}")
        elif isinstance(each, syntax.Identifier):
            found.add(each.name)
        else:
            waiting += syntax.children(each)
    return frozenset(found)


def _all_true(encoder: Encoder, trees: tuple[syntax.Node, ...]) -> int:
    return encoder.circuit.all_of([encoder.truth(tree) for tree in trees])


def _map(entries: dict[str, tuple[int, Value]]) -> Value:
    return (Alternative(TRUE, "map", Entries(entries)),)


def _mapped(encoder: Encoder, tree: syntax.Node, key: str, *, is_read: bool) -> tuple[int, Value]:
    """Whether the attribute is there, and what it is.

    One that has no formula and that nobody reads may be there or not: that admits more, never less.
    """
    try:
        value = encoder.encode(tree)
        if key != "google.subject" and not all(_is_taken(each, key) for each in value):
            raise Unsupported(f"what Google makes of `{key}` that is no string")
    except Unsupported:
        if is_read:
            raise
        return encoder.claims.unknown(("is mapped", tree)), ()
    value = tuple(each for each in value if _is_taken(each, key))
    return is_value(encoder.circuit, value), value


def _is_taken(value: Alternative, key: str) -> bool:
    """Whether the attribute may be such a value: a string, or of the groups also a list of strings."""
    if value.kind == "list" and key == "google.groups":
        return all(each.kind == "string" for _, item in value.payload.items for each in item)
    return value.kind == "string"


def _is_subject(claims: Claims, value: Value) -> int:
    """The literal that a subject is within Google's limits, as far as a formula can say it."""
    circuit = claims.circuit
    return circuit.all_of(
        [circuit.implies(each.guard, _fits(claims, circuit, each.payload)) for each in value]
    )


def _fits(claims: Claims, circuit: Circuit, text: Spelling) -> int:
    if isinstance(text, str):
        return TRUE if 0 < len(text.encode(errors="surrogatepass")) <= MOST_SUBJECT_BYTES else FALSE
    if isinstance(text, Joined):
        if any(isinstance(part, str) for part in text.parts):
            return TRUE
        return circuit.any_of([_is_not_empty(claims, part) for part in text.parts])
    return circuit.both(_is_not_empty(claims, text), claims.ask(text, Probe("size<=", MOST_SUBJECT_BYTES)))


def _is_not_empty(claims: Claims, text: str | Text | Spelled) -> int:
    return -claims.ask(text, Probe("==", ""))


__all__ = ["Admission", "admissions_of", "trees_of"]
