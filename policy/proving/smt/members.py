"""What a list, a map or a part of the token has at a key."""

from __future__ import annotations

from . import functions, texts
from .circuit import FALSE
from .claims import Claims
from .values import ANY_ORDER, Alternative, Entries, Slots, Unsupported, Value, compacted, guarded

NUMBERS = ("int", "uint", "double")


def element(claims: Claims, container: Alternative, key: Alternative) -> Value:
    """What stands at `key` in a list, a map or a part of the token; nothing where that is an error.

    Raises:
        Unsupported
    """
    if container.kind == "list" and key.kind in NUMBERS:
        return _at(claims, container.payload, key)
    if key.kind != "string":
        return ()
    if container.kind == "object":
        if not isinstance(key.payload, str):
            raise Unsupported("a computed name of a claim")
        found = claims.field(container.payload, key.payload)
        return guarded(claims.circuit, found.present, found.value)
    if container.kind == "map":
        return _looked_up(claims, container.payload, key)
    return ()


def _at(claims: Claims, slots: Slots, key: Alternative) -> Value:
    position = key.payload
    if slots.in_any_order:
        raise Unsupported(ANY_ORDER)
    if not isinstance(position, int | float) or slots.part is not None:
        claims.reads.entirely(slots.path)
    elif 0 <= position < len(slots.items):
        claims.reads.first(slots.path, int(position) + 1)
    slots = compacted(claims.circuit, slots)
    found: list[Alternative] = []
    for position, (present, value) in enumerate(slots.items):
        here = functions.same_number(claims, key.payload, position)
        found += guarded(claims.circuit, claims.circuit.both(present, here), value)
    if slots.more != FALSE:
        beyond = functions.at_most(claims, len(slots.items), key.payload)
        if claims.circuit.both(beyond, slots.more) != FALSE:
            raise Unsupported(f"a position beyond the first {len(slots.items)} of a list")
    return tuple(found)


def _looked_up(claims: Claims, entries: Entries, key: Alternative) -> Value:
    if isinstance(key.payload, str):
        if entries.path:
            found = claims.entry(entries, key.payload)
            return guarded(claims.circuit, found.present, found.value)
        present, value = entries.named.get(key.payload, (FALSE, ()))
        return guarded(claims.circuit, present, value)
    claims.whole(entries)
    for present, name, value in entries.spare:
        if name == key.payload:  # the entry of the key that a macro is at
            return guarded(claims.circuit, present, value)
    if entries.more != FALSE:
        raise Unsupported("a computed key of a map")
    values = [
        guarded(
            claims.circuit,
            claims.circuit.both(present, texts.same_string(claims, key.payload, name)),
            value,
        )
        for name, (present, value) in entries.named.items()
    ]
    return tuple(alternative for value in values for alternative in value)
