"""An expression becomes a formula: what the evaluator would say of a token, for all tokens at once.

Every case here mirrors one of `policy/cel/evaluator.py`; what has no formula is refused by name.
The evaluator's limits on work are not modelled: no token near its usual size comes close to them.

Source: google/cel-spec, doc/langdef.md; policy/cel/evaluator.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...cel import syntax
from ...cel.syntax import Node
from ...cel.values import TYPES
from ...wording import quoted
from . import functions, texts
from .circuit import FALSE, TRUE
from .claims import Claims
from .equality import equal
from .members import NUMBERS, element
from .scopes import (
    Bound,
    Reading,
    Variables,
    evaluated,
    identified,
    is_constant,
    macros_deep,
    may_be_googles_own,
    read_by,
    reads_the_token_alone,
    require_known,
)
from .values import (
    Alternative,
    Entries,
    Slots,
    Spelling,
    Unsupported,
    Value,
    boolean,
    constant,
    count_of,
    guarded,
    is_false,
    is_true,
    is_value,
    literal,
)

_KEYS = ("string", "bool", *NUMBERS)
_DEEPEST = 2
"""Macros nested deeper than this over long lists come near the evaluators' limits on work."""


class Encoder:
    """Formulas over one token; `roots` are what its names stand for, where that is not a free variable.

    Encoders of the same `claims` speak of the same token.
    """

    def __init__(self, claims: Claims, roots: Mapping[str, Value] | None = None) -> None:
        self.claims = claims
        self.circuit = claims.circuit
        self.roots: dict[str, Value] = dict(roots or {})
        self._known: dict[tuple[Node, tuple[tuple[str, int], ...]], tuple[Value, Variables]] = {}
        self._site: Node | None = None  # the node at hand, where it says the same in every encoder
        self._unseen = 0
        self._number = claims.number_encoder()

    def truth(self, node: Node) -> int:
        """The literal that `node` is exactly `true`."""
        return is_true(self.circuit, self.encode(node))

    def falsity(self, node: Node) -> int:
        """The literal that `node` is exactly `false`."""
        return is_false(self.circuit, self.encode(node))

    def encode(self, node: Node, variables: Variables | None = None) -> Value:
        """What `node` is.

        Raises:
            Unsupported: it has no formula.
            ReadAgain: the encoding must begin anew, with the demands that it made.
            TooLarge
        """
        variables = read_by(node, variables) if variables else {}
        self.claims.spend(1)
        key = (node, identified(variables))
        if key not in self._known:
            outer = self._site, self._unseen
            self._site, self._unseen = (None if variables or not reads_the_token_alone(node) else node), 0
            try:
                # beside the value, the variables: their ids are theirs as long as they are kept
                self._known[key] = (self._encode(node, variables), variables)
            except Unsupported as unsupported:
                raise Unsupported(unsupported.what, unsupported.span or node.span) from None
            finally:
                self._site, self._unseen = outer
        return self._known[key][0]

    def _encode(self, node: Node, variables: Variables) -> Value:
        match node:
            case syntax.Literal():
                return constant(node.value)
            case syntax.Identifier():
                return self._identifier(node, variables)
            case syntax.Select() | syntax.Has() | syntax.Index() if may_be_googles_own(node, variables):
                raise Unsupported("what may be a type or a constant of Google's")
            case syntax.Select():
                return self._member(self.encode(node.operand, variables), constant(node.field))
            case syntax.Has():
                return self._has(self.encode(node.operand, variables), node.field)
            case syntax.Logical():
                return self._logical(node, variables)
            case syntax.Conditional():
                condition, accepted, otherwise = (
                    self.encode(part, variables) for part in syntax.children(node)
                )
                return (
                    *guarded(self.circuit, is_true(self.circuit, condition), accepted),
                    *guarded(self.circuit, is_false(self.circuit, condition), otherwise),
                )
            case syntax.Message():
                raise Unsupported(f"the message {quoted(f'{node.name}{{…}}')}")
            case _ if is_constant(node):
                return evaluated(node)
            case syntax.Index():
                return self._member(self.encode(node.operand, variables), self.encode(node.key, variables))
            case syntax.ListLiteral():
                items = [self.encode(item, variables) for item in node.items]
                slots = Slots(tuple((TRUE, item) for item in items))
                return (Alternative(self._all_values(items), "list", slots),)
            case syntax.MapLiteral():
                return self._map_literal(node, variables)
            case syntax.Unary():
                return self._unary(node, variables)
            case syntax.Binary():
                return self._binary(node, variables)
            case syntax.Call():
                require_known(node)
                parts = node.arguments if node.target is None else (node.target, *node.arguments)
                return functions.call(
                    self.claims, node.function, [self.encode(part, variables) for part in parts]
                )
            case syntax.Comprehension():
                return self._comprehension(node, variables)
            case _:
                raise AssertionError(node)

    def _all_values(self, values: list[Value]) -> int:
        return self.circuit.all_of([is_value(self.circuit, value) for value in values])

    def _identifier(self, node: syntax.Identifier, variables: Variables) -> Value:
        if node.name in variables and not node.outermost:
            return variables[node.name].value
        if node.name in TYPES:
            return (Alternative(TRUE, "type", node.name),)
        if node.name not in self.roots:
            self.roots[node.name] = self.claims.root(node.name)
        return self.roots[node.name]

    # -- members

    def _member(self, container: Value, key: Value) -> Value:
        found: list[Alternative] = []
        for each in container:
            for at in key:
                guard = self.circuit.both(each.guard, at.guard)
                if guard != FALSE:
                    found += guarded(self.circuit, guard, element(self.claims, each, at))
        return tuple(found)

    def _has(self, container: Value, field: str) -> Value:
        found: list[Alternative] = []
        for each in container:
            if each.kind in ("object", "map"):
                present = self._is_key(each, Alternative(TRUE, "string", field))
                found += guarded(self.circuit, each.guard, literal(present))
        return tuple(found)

    def _is_key(self, container: Alternative, key: Alternative, reading: Reading | None = None) -> int:
        """The literal that the string `key` is a key of this map or part of the token."""
        name = key.payload
        if container.kind == "object":
            if not isinstance(name, str):
                raise Unsupported("a computed name of a claim")
            return self.claims.field(container.payload, name).present
        entries: Entries = container.payload
        if isinstance(name, str):
            if entries.path:
                return self.claims.entry(entries, name).present
            return entries.named.get(name, (FALSE, ()))[0]
        self.claims.whole(entries)
        for present, each, _ in entries.spare:
            if name == each:
                return present
        self._reads(entries.path, reading)
        keys: list[tuple[int, Spelling]] = [(here, each) for each, (here, _) in entries.named.items()]
        keys += [(present, each) for present, each, _ in entries.spare]
        hits = [
            self.circuit.both(present, texts.same_string(self.claims, name, each)) for present, each in keys
        ]
        return self.circuit.any_of([*hits, self.circuit.both(entries.more, self.unknown())])

    def _reading(self, node: Node, variables: Variables) -> Reading:
        """`node` as a reading that every encoder shares, if it reads only the token."""
        inside = frozenset[str]().union(*(each.lists for each in variables.values()))
        number = 0 if reads_the_token_alone(node) else self._number
        return Reading(node, identified(variables), number, inside)

    def _reads(self, path: str, reading: Reading | None, *, needs: int = 1) -> None:
        if reading is None:
            self.claims.reads.entirely(path)
        else:
            self.claims.reads.one_at_a_time(path, reading, inside=reading.inside, needs=needs)

    # -- operators

    def unknown(self) -> int:
        """A literal that may be either: something about the token that is not modelled.

        Every encoder of one token has the same literal for the same part of the same expression, if
        that expression reads only the token; any other is a literal of its own.
        """
        self._unseen += 1
        return self.claims.unknown(None if self._site is None else (self._site, self._unseen))

    def _map_literal(self, node: syntax.MapLiteral, variables: Variables) -> Value:
        named: dict[str, tuple[int, Value]] = {}
        for key, value in node.entries:
            if not (isinstance(key, syntax.Literal) and isinstance(key.value, str)) or key.value in named:
                raise Unsupported("a map with computed or repeated keys, or with keys that are no strings")
            named[key.value] = (TRUE, self.encode(value, variables))
        values = self._all_values([value for _, value in named.values()])
        return (Alternative(values, "map", Entries(named)),)

    def _unary(self, node: syntax.Unary, variables: Variables) -> Value:
        operand = self.encode(node.operand, variables)
        if node.operator == "!":
            return boolean(is_false(self.circuit, operand), is_true(self.circuit, operand))
        return functions.call(self.claims, "-", [operand])

    def _logical(self, node: syntax.Logical, variables: Variables) -> Value:
        arms = [self.encode(operand, variables) for operand in node.operands]
        true = [is_true(self.circuit, arm) for arm in arms]
        false = [is_false(self.circuit, arm) for arm in arms]
        if node.operator == "&&":
            return boolean(self.circuit.all_of(true), self.circuit.any_of(false))
        return boolean(self.circuit.any_of(true), self.circuit.all_of(false))

    def _binary(self, node: syntax.Binary, variables: Variables) -> Value:
        left, right = self.encode(node.left, variables), self.encode(node.right, variables)
        if node.operator in ("==", "!="):
            same, both = equal(self, left, right), self._all_values([left, right])
            yes, no = self.circuit.both(both, same), self.circuit.both(both, -same)
            return boolean(yes, no) if node.operator == "==" else boolean(no, yes)
        if node.operator == "in":
            return self._membership(left, right, self._reading(node, variables))
        return functions.call(self.claims, node.operator, [left, right])

    def _membership(self, element: Value, container: Value, reading: Reading) -> Value:
        found: list[Alternative] = []
        for each in container:
            if each.kind == "list":
                self._reads(each.payload.path, reading)
                there = self.circuit.any_of(
                    [
                        self.circuit.both(present, equal(self, element, item))
                        for present, item in each.payload.items
                    ]
                    + [self.circuit.both(each.payload.more, self.unknown())]
                )
                guard = self.circuit.both(each.guard, is_value(self.circuit, element))
                found += guarded(self.circuit, guard, literal(there))
            elif each.kind in ("map", "object"):
                for key in element:
                    if key.kind in _KEYS:
                        there = self._is_key(each, key, reading) if key.kind == "string" else FALSE
                        guard = self.circuit.both(each.guard, key.guard)
                        found += guarded(self.circuit, guard, literal(there))
        return tuple(found)

    # -- macros

    def _comprehension(self, node: syntax.Comprehension, variables: Variables) -> Value:
        found: list[Alternative] = []
        for each in self.encode(node.range, variables):
            if each.kind == "object":
                raise Unsupported("going through the claims of the token")
            if each.kind == "list":
                found += guarded(self.circuit, each.guard, self._over(node, each.payload, variables))
            elif each.kind == "map":
                self.claims.whole(each.payload)
                found += guarded(
                    self.circuit, each.guard, self._over(node, self.claims.keys(each.payload), variables)
                )
        return tuple(found)

    def _over(self, node: syntax.Comprehension, slots: Slots, variables: Variables) -> Value:
        reading = self._reading(node, variables)
        self._reads(slots.path, reading, needs=2 if node.macro == "exists_one" else 1)
        if macros_deep(node) > _DEEPEST:
            self.claims.reads.entirely(slots.path)
        lists = frozenset((slots.path,)).union(
            *(each.lists for each in read_by(node.range, variables).values())
        )
        inner = [{**variables, node.variable: Bound(value, lists - {""})} for _, value in slots.items]
        there = [present for present, _ in slots.items]
        predicates = [
            literal(TRUE) if node.predicate is None else self.encode(node.predicate, each) for each in inner
        ]
        true = [is_true(self.circuit, each) for each in predicates]
        false = [is_false(self.circuit, each) for each in predicates]
        if node.macro in ("all", "exists"):
            return self._quantified(node.macro == "exists", there, true, false, slots.more)
        absent_or = [-present for present in there]
        settled = self.circuit.all_of(
            [self.circuit.any_of(each) for each in zip(absent_or, true, false, strict=True)]
        )
        taken = [self.circuit.both(present, yes) for present, yes in zip(there, true, strict=True)]
        # what becomes of elements that no slot stands for is not known, an error included
        settled = self.circuit.both(settled, self.circuit.either(-slots.more, self.unknown()))
        if node.macro == "exists_one":
            kept = Slots(tuple((each, ()) for each in taken), dense=False)
            one = count_of(self.circuit, kept)[-1][1] if taken else FALSE
            one = self.circuit.either(
                self.circuit.both(-slots.more, one), self.circuit.both(slots.more, self.unknown())
            )
            return guarded(self.circuit, settled, literal(one))
        made = [value for _, value in slots.items]
        if node.transform is not None:
            made = [self.encode(node.transform, each) for each in inner]
        whole = self.circuit.all_of(
            [
                self.circuit.implies(each, is_value(self.circuit, value))
                for each, value in zip(taken, made, strict=True)
            ]
        )
        dense = slots.dense and node.predicate is None
        items = tuple(zip(taken, made, strict=True))
        result = Slots(
            items,
            dense=dense,
            more=slots.more,
            path=slots.path,
            part=reading,
            in_any_order=slots.in_any_order,
        )
        return (Alternative(self.circuit.both(settled, whole), "list", result),)

    def _quantified(
        self, exists: bool, there: list[int], true: list[int], false: list[int], more: int
    ) -> Value:
        stops, passes = (true, false) if exists else (false, true)
        stopped = [self.circuit.both(present, stop) for present, stop in zip(there, stops, strict=True)]
        passed = [self.circuit.either(-present, go) for present, go in zip(there, passes, strict=True)]
        beyond = self.unknown()
        is_stopped = self.circuit.any_of([*stopped, self.circuit.both(more, beyond)])
        unstopped = self.circuit.either(-more, self.circuit.both(-beyond, self.unknown()))
        is_passed = self.circuit.all_of([*passed, unstopped])
        return boolean(is_stopped, is_passed) if exists else boolean(is_passed, is_stopped)
