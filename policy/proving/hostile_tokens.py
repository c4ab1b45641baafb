"""Tokens made to break a proof: each outside the picture that a solver has of tokens.

A solver looks at lists and maps of a few entries, at documented values and at the characters that its
strings have. These tokens have lists and maps of eight to twenty entries whose tail holds the policy's
own constants, values that no document names, characters beyond the planes, integers beyond 2⁵³, claims
of another type, and claims that are not there.

    for token in hostile_tokens(trees, near=[example], seed=1, count=300): …

The same arguments give the same tokens; they share parts with `near`, and nobody may change them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .. import claim_types, schema
from ..cel import syntax
from ..cel.paths import path_of
from ..claim_types import Claim, ListOf, MapOf, Object, OneOf, Scalar, Type

Path = tuple[str, ...]

_LONG: Final = (8, 20)
_CHARACTERS: Final = ("\U0002ffff", "\U00030000", "\U0010ffff", "\ufffd", "é", "\n")
_INTEGERS: Final = (2**53 + 1, 2**53, -(2**53) - 1, 2**63 - 1, -(2**63), 2**63, 0, -1)
_OTHER_TYPES: Final[tuple[object, ...]] = (None, True, 1, 2**53 + 1, 1.5, "", [], ["a", 1], {}, {"a": "b"})
_UNDOCUMENTED: Final = ("SOMETHING_NEW", "something new", "")
_SHARE_OF_OTHER_TYPES: Final = 0.05


def hostile_tokens(
    trees: Sequence[syntax.Node], *, near: Sequence[Mapping[str, Any]], seed: int, count: int
) -> Iterator[dict[str, Any]]:
    """`count` tokens, each with one to four claims changed of one of `near`.

    `trees` are the expressions of what was proved: their constants are put where a proof may not look,
    and the claims that they read are changed more often than the others.
    """
    pick = random.Random(seed)  # noqa: S311  not for secrets: the same attack every time
    constants = _constants(trees)
    every = list(_paths(schema.ASSERTION, ()))
    read_by = _read_by(trees)
    read = [each for each in every if each[0] in read_by]
    for _ in range(count):
        token = dict(pick.choice(near))
        for _ in range(pick.randint(1, 4)):
            path, claim, type_ = pick.choice(read if read and pick.random() < 0.8 else every)
            _change(token, path, _value(pick, claim, type_, constants, _at(token, path)))
        yield token


_ABSENT: Final = object()


def _value(pick: random.Random, claim: Claim, type_: Type, constants: _Constants, now: object) -> object:
    if not claim.required and pick.random() < 0.15:
        return _ABSENT
    if pick.random() < _SHARE_OF_OTHER_TYPES:
        return pick.choice(_OTHER_TYPES)
    return _of_type(pick, claim, type_, constants, now)


def _of_type(pick: random.Random, claim: Claim, type_: Type, constants: _Constants, now: object) -> object:
    match type_:
        case ListOf():
            return _list(pick, claim, type_.element, constants, now)
        case MapOf():
            return _map(pick, claim, type_.value, constants, now)
        case OneOf():
            return _of_type(pick, claim, pick.choice(type_.types), constants, now)
        case Object():
            return {
                name: _of_type(pick, each, each.type, constants, None) for name, each in type_.fields.items()
            }
        case Scalar(kind="bool"):
            return pick.random() < 0.5
        case Scalar(kind="int"):
            return pick.choice((*_INTEGERS, *constants.numbers))
        case Scalar(kind="null"):
            return None
        case _:
            return _text(pick, claim, constants, now)


def _text(pick: random.Random, claim: Claim, constants: _Constants, now: object) -> str:
    values = [*claim.values, *_UNDOCUMENTED] if claim.values else []
    base = pick.choice((*values, *constants.strings, now if isinstance(now, str) else "x"))
    match pick.randrange(5):
        case 0:
            return pick.choice(_CHARACTERS) if pick.random() < 0.5 else base + pick.choice(_CHARACTERS)
        case 1:
            return base + pick.choice(("x", "/", " ", base))
        case 2:
            return base[: len(base) // 2]
        case _:
            return base


def _list(pick: random.Random, claim: Claim, element: Type, constants: _Constants, now: object) -> list[Any]:
    """Most often a long one: what is there already or harmless, then a tail of constants."""
    items = list(now) if isinstance(now, list) else []
    if pick.random() < 0.3:
        return items[: pick.randrange(len(items) + 1)]
    wanted = pick.randint(*_LONG)
    filler = items[-1] if items and pick.random() < 0.5 else _of_type(pick, claim, element, constants, None)
    items += [filler] * (wanted - len(items) - 1)
    return [*items, _of_type(pick, claim, element, constants, None)]


def _map(
    pick: random.Random, claim: Claim, value: Type, constants: _Constants, now: object
) -> dict[str, Any]:
    entries = dict(now) if isinstance(now, Mapping) else {}
    if pick.random() < 0.2:
        return {}
    if pick.random() < 0.25:  # few, all of them named by the policy
        names = pick.choices(constants.strings or ("ANOTHER",), k=pick.randint(1, 2))
        return {name: _of_type(pick, claim, value, constants, None) for name in names}
    for number in range(pick.randint(*_LONG)):
        entries[f"NAME_{number}"] = _of_type(pick, claim, value, constants, None)
    name = pick.choice((*constants.strings, "ANOTHER"))
    return entries | {name: _of_type(pick, claim, value, constants, None)}


class _Constants:
    """What the expressions name: strings, and numbers with those beside them."""

    def __init__(self, strings: Sequence[str], numbers: Sequence[int]) -> None:
        self.strings = tuple(strings)
        self.numbers = tuple(each + step for each in numbers for step in (-1, 0, 1))


def _constants(trees: Sequence[syntax.Node]) -> _Constants:
    literals = [node for tree in trees for node, _ in syntax.walk(tree) if isinstance(node, syntax.Literal)]
    strings = {each.value for each in literals if isinstance(each.value, str)}
    numbers = {int(each.value) for each in literals if isinstance(each.value, int)}
    numbers |= {
        int(each.value) for each in literals if isinstance(each.value, float) and math.isfinite(each.value)
    }
    return _Constants(sorted(strings), sorted(numbers))


def _read_by(trees: Sequence[syntax.Node]) -> frozenset[Path]:
    """The claims that the expressions name, and all that stands below and above them."""
    named = {
        tuple(key for key in path.keys if isinstance(key, str))
        for tree in trees
        for node, _ in syntax.walk(tree)
        if (path := path_of(node, frozenset())) is not None and path.root == "assertion"
    }
    return frozenset(
        path
        for path, _, _ in _paths(schema.ASSERTION, ())
        if any(each and (path[: len(each)] == each or each[: len(path)] == path) for each in named)
    )


def _paths(type_: Object, above: Path) -> Iterator[tuple[Path, Claim, Type]]:
    for name, claim in type_.fields.items():
        path = (*above, name)
        yield path, claim, claim.type
        inner = claim_types.without_null(claim.type)
        if isinstance(inner, Object):
            yield from _paths(inner, path)


def _at(token: Mapping[str, Any], path: Path) -> object:
    here: object = token
    for name in path:
        here = here.get(name) if isinstance(here, Mapping) else None
    return here


def _change(token: dict[str, Any], path: Path, value: object) -> None:
    *above, last = path
    here = token
    for name in above:
        below = here.get(name)
        here[name] = here = dict(below) if isinstance(below, Mapping) else {}
    if value is _ABSENT:
        here.pop(last, None)
    else:
        here[last] = value
