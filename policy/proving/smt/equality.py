"""CEL's `==` on values that are not known yet.

Source: policy/cel/values.py, `equal`: numbers compare across their types, other types are never equal.
"""

from __future__ import annotations

from typing import Protocol

from ...cel.values import NUMBERS
from . import functions, texts
from .circuit import FALSE, TRUE, Circuit
from .claims import Claims
from .values import ANY_ORDER, Alternative, Entries, Slots, Unsupported, Value, compacted


class Encoder(Protocol):
    """What equality asks of whoever encodes an expression."""

    @property
    def claims(self) -> Claims: ...

    @property
    def circuit(self) -> Circuit: ...

    def unknown(self) -> int:
        """A literal that nothing is known of."""
        ...


def equal(encoder: Encoder, left: Value, right: Value) -> int:
    """The literal that both are values, and equal."""
    circuit = encoder.circuit
    encoder.claims.spend(len(left) * len(right))
    return circuit.any_of(
        [
            circuit.all_of((one.guard, other.guard, _same(encoder, one, other)))
            for one in left
            for other in right
            if circuit.both(one.guard, other.guard) != FALSE
        ]
    )


def _same(encoder: Encoder, one: Alternative, other: Alternative) -> int:
    if one.kind in NUMBERS and other.kind in NUMBERS:
        return functions.same_number(encoder.claims, one.payload, other.payload)
    if {one.kind, other.kind} in ({"object"}, {"object", "map"}):
        if one.payload == other.payload:
            return TRUE
        raise Unsupported("a whole part of the token, compared")
    if one.kind != other.kind:
        return FALSE
    match one.kind:
        case "bool":
            return encoder.circuit.same(one.payload, other.payload)
        case "string":
            return texts.same_string(encoder.claims, one.payload, other.payload)
        case "list":
            return _same_lists(encoder, one.payload, other.payload)
        case "map":
            return _same_maps(encoder, one.payload, other.payload)
        case _:
            return TRUE if one.payload == other.payload else FALSE


def _same_lists(encoder: Encoder, one: Slots, other: Slots) -> int:
    if one is other:
        return TRUE
    circuit = encoder.circuit
    if any(each.in_any_order for each in (one, other)) and not any(map(_is_short, (one, other))):
        raise Unsupported(ANY_ORDER)
    for list_, beside in ((one, other), (other, one)):
        if beside.more != FALSE or list_.part is not None:
            encoder.claims.reads.entirely(list_.path)
        encoder.claims.reads.first(list_.path, len(beside.items) + 1)
    left, right = compacted(circuit, one), compacted(circuit, other)
    longest = max(len(left.items), len(right.items))
    absent: tuple[int, Value] = (FALSE, ())
    parts = []
    for i in range(longest):
        here, mine = left.items[i] if i < len(left.items) else absent
        there, theirs = right.items[i] if i < len(right.items) else absent
        parts.append(circuit.same(here, there))
        if circuit.both(here, there) != FALSE:
            parts.append(circuit.implies(here, equal(encoder, mine, theirs)))
    return _unless_more(encoder, circuit.all_of(parts), one, other)


def _is_short(slots: Slots) -> bool:
    """Whether it has no two elements, whose order could matter."""
    return len(slots.items) < 2 and slots.more == FALSE


def _unless_more(encoder: Encoder, same: int, one: Slots | Entries, other: Slots | Entries) -> int:
    """What lies beyond the slots may make equal lists differ, and equal what seems to differ."""
    more = encoder.circuit.either(one.more, other.more)
    if more == FALSE:
        return same
    circuit = encoder.circuit
    return circuit.either(circuit.both(-more, same), circuit.both(more, encoder.unknown()))


def _same_maps(encoder: Encoder, one: Entries, other: Entries) -> int:
    if one is other:
        return TRUE
    circuit = encoder.circuit
    if one.path and other.path:
        raise Unsupported("two maps of the token, compared")
    opened, closed = (one, other) if one.path else (other, one)
    if opened.path:
        for key in closed.named:
            encoder.claims.entry(opened, key)
        encoder.claims.whole(opened)
    encoder.claims.reads.one_at_a_time(opened.path, "has a key that is not named")
    parts = []
    for key in {*opened.named, *closed.named}:
        here, mine = opened.named.get(key, (FALSE, ()))
        there, theirs = closed.named.get(key, (FALSE, ()))
        parts.append(circuit.same(here, there))
        if circuit.both(here, there) != FALSE:
            parts.append(circuit.implies(here, equal(encoder, mine, theirs)))
    parts += [-present for present, _, _ in opened.spare]
    return _unless_more(encoder, circuit.all_of(parts), one, other)
