"""How many entries of a list or a map are enough, so that no longer one need be looked at.

A list that expressions read one entry at a time can be shortened without changing what any of them
says. Of a token that answers the question, keep the first entries that are read by their place, one
more than any size that is compared, and for every macro and every `in` the entry that settles it: one
that makes `all` false, `exists` or `in` true, or else one that makes it an error; two for
`exists_one`. What is left answers the same, so if no token with so few entries answers, none does.

That holds for a list or map that is read in these shapes alone, where `c` is a constant:

    x in L    L.all(…)    L.exists(…)    L.exists_one(…)    L[c]    M.c    has(…)
    size(L) == c, and <, <=, >, >=, !=    L == [c, …]    M == {c: …}    L == null    type(L)

a macro may stand in another one only where that goes through a list that is written out. Any other
reading (`filter` and `map`, arithmetic with a size, `L + L`, a computed place, a list compared with
another) leaves the list a bound, which a proof then names.

Source: the small-model property of monadic first-order logic; policy/cel/closures.py, for what settles
a macro.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ...cel import syntax
from ...cel.paths import Path, path_of
from ...cel.syntax import Node

MOST_ENTRIES: Final = 16
"""Above that a formula gets too large, and the list keeps its bound."""

_SETTLED_BY: Final = {"all": 1, "exists": 1, "exists_one": 2}
_COMPARED: Final = ("==", "!=", "<", "<=", ">", ">=")


@dataclass(slots=True)
class _Reads:
    """How a claim is read: entries at the front, entries that settle something, or in another way."""

    front: int = 0
    settling: int = 0
    constants: set[tuple[type, object]] = field(default_factory=set)
    """What `in` looks for by name: each is settled by one entry, however often it is asked."""
    otherwise: bool = False

    @property
    def size(self) -> int:
        return max(1, self.front + self.settling + len(self.constants))


def sufficient_sizes(trees: Iterable[Node]) -> Mapping[str, int]:
    """For claims that may be lists or maps, by path (`assertion.aud`): how many entries are enough.

    A path that is not in it needs a bound.
    """
    reads: defaultdict[str, _Reads] = defaultdict(_Reads)
    opaque: set[str] = set()
    for tree in trees:
        _visit(tree, None, 1, reads, opaque, frozenset())
    opaque |= {path for path, each in reads.items() if each.otherwise}
    return {
        path: each.size
        for path, each in reads.items()
        if each.size <= MOST_ENTRIES
        and not any(path == whole or path.startswith(f"{whole}.") for whole in opaque)
    }


def _visit(
    node: Node,
    parent: tuple[Node, Node | None] | None,
    times: int | None,
    reads: defaultdict[str, _Reads],
    opaque: set[str],
    shadowed: frozenset[str],
) -> None:
    """`times` is how often the node is evaluated; None when that depends on the token."""
    path = path_of(node, shadowed)
    if path is not None:
        _read(node, path, parent, times, reads)
        return
    if isinstance(node, syntax.Identifier) and node.name in ("assertion", "google", "attribute"):
        if node.outermost or node.name not in shadowed:
            opaque.add(node.name)  # a whole root, read by something else than a constant name
        return
    above = (node, parent[0] if parent is not None else None)
    if isinstance(node, syntax.Comprehension):
        _visit(node.range, above, times, reads, opaque, shadowed)
        written_out = len(node.range.items) if isinstance(node.range, syntax.ListLiteral) else None
        inner = None if times is None or written_out is None else times * written_out
        for body in (node.predicate, node.transform):
            if body is not None:
                _visit(body, above, inner, reads, opaque, shadowed | {node.variable})
        return
    for child in syntax.children(node):
        _visit(child, above, times, reads, opaque, shadowed)


def _read(
    node: Node,
    path: Path,
    parent: tuple[Node, Node | None] | None,
    times: int | None,
    reads: defaultdict[str, _Reads],
) -> None:
    """Notes what reading this path asks of it, and of every list or map that it goes through."""
    names = [path.root]
    for key in path.keys:
        above = reads[".".join(names)]
        if isinstance(key, int):
            above.front = max(above.front, key + 1)
        names.append(str(key))
    if isinstance(node, syntax.Has):
        return
    here = reads[".".join(names)]
    front, settling = _asked(node, parent)
    if front is None or (settling and times is None and _looked_for(node, parent) is None):
        here.otherwise = True
        return
    here.front = max(here.front, front)
    constant = _looked_for(node, parent)
    if constant is not None:
        here.constants.add(constant)
        return
    here.settling += settling * (times or 0)


def _looked_for(node: Node, parent: tuple[Node, Node | None] | None) -> tuple[type, object] | None:
    above = parent[0] if parent is not None else None
    match above:
        case syntax.Binary(operator="in", left=syntax.Literal(value=value), right=right) if right is node:
            return type(value), value
        case _:
            return None


def _asked(node: Node, parent: tuple[Node, Node | None] | None) -> tuple[int | None, int]:
    """Entries at the front, and entries that settle it, for a claim that is read whole.

    None for a reading that is not understood. A claim of another type reads as well what is compared
    as a list: the shape of the expression alone decides.
    """
    above, above_that = parent if parent is not None else (None, None)
    match above:
        case syntax.Comprehension(macro=macro, range=range_) if range_ is node and macro in _SETTLED_BY:
            return 0, _SETTLED_BY[macro]
        case syntax.Binary(operator="in", left=left, right=right):
            # as an element it is compared with others: whole, if it is a list
            return (0, 1) if right is node and left is not node else _compared_with(right)
        case syntax.Binary(operator=operator, left=left, right=right) if operator in _COMPARED:
            return _compared_with(right if left is node else left)
        case syntax.Call(function="size"):
            return _sized(above, above_that)
        case syntax.Call(function="type"):
            return 0, 0
        case _:
            return None, 0


def _compared_with(other: Node) -> tuple[int | None, int]:
    match other:
        case syntax.Literal():
            return 0, 0
        case syntax.ListLiteral(items=items):
            # `in [c, …]`: against each item; `== [c, …]`: against all of them
            inner = [_compared_with(item)[0] for item in items]
            known = [each for each in inner if each is not None]
            return (max([len(items) + 1, *known]), 0) if len(known) == len(inner) else (None, 0)
        case syntax.MapLiteral(entries=entries):
            return len(entries) + 1, 0
        case _:
            return None, 0


def _sized(call: Node, above: Node | None) -> tuple[int | None, int]:
    if isinstance(above, syntax.Binary) and above.operator in _COMPARED:
        other = above.right if above.left is call else above.left
        if isinstance(other, syntax.Literal) and type(other.value) in (int, syntax.UInt):
            return max(0, int(other.value)) + 1, 0  # type: ignore[arg-type]
    return None, 0
