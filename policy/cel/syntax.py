"""The tree of a CEL expression: frozen nodes with spans, walkable without recursion.

No node stands deeper than `MAX_NESTING`, so a recursive reader needs no guard of its own.
Chains of `&&` and of `||` are one node with many operands, however long.

Source: google/cel-spec, doc/langdef.md, "Syntax" and "Macros".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final, NamedTuple, TypeAlias
from typing import Literal as OneOf

from attestation.errors import Misconfigured

MAX_NESTING = 64
PRECEDENCE: Final = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
"""How tightly each operator between two operands binds: the higher, the tighter."""


class Span(NamedTuple):
    """Character offsets into the text: the first one, and the one behind the last."""

    start: int
    end: int


NOWHERE: Final = Span(0, 0)
"""Where there is no text to point into."""


class InvalidExpression(Misconfigured):
    """`text` is not an expression that Google would accept; `span` says where."""

    code = "invalid-expression"

    def __init__(self, problem: str, *, text: str, span: Span, hint: str = "") -> None:
        line = text.count("\n", 0, span.start) + 1
        column = span.start - (text.rfind("\n", 0, span.start) + 1) + 1
        super().__init__(f"line {line}, column {column}: {problem}", hint=hint)
        self.text = text
        self.span = span

    @property
    def pointer(self) -> str:
        """The line of the text and, below it, carets under the span."""
        start = self.text.rfind("\n", 0, self.span.start) + 1
        stop = self.text.find("\n", self.span.start)
        line = self.text[start : stop if stop >= 0 else len(self.text)]
        width = max(1, min(self.span.end, start + len(line)) - self.span.start)
        shown = "".join(each if each.isprintable() else "\ufffd" for each in line)
        return f"{shown}\n{' ' * (self.span.start - start)}{'^' * width}"


class UInt(int):
    """An unsigned 64-bit integer: `3u`. Equal to the int and the double of the same value."""

    __slots__ = ()


LiteralValue: TypeAlias = str | bytes | bool | int | float | None
Kind: TypeAlias = OneOf["string", "bytes", "bool", "int", "uint", "double", "null_type"]
Macro: TypeAlias = OneOf["all", "exists", "exists_one", "map", "filter"]


_NAMES: dict[type, tuple[str, ...]] = {}  # of each kind of node, the fields that say something


class _Hashed:
    """What keeps a node's hash: whoever asks for one often has a tree's parts asked for theirs."""

    __slots__ = ("_hash",)
    _hash: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Node(_Hashed):
    """Two nodes are equal when they say the same; where they stand does not matter.

    Equality and `repr` are written once here: made for each of fifteen kinds of node, they would be
    a third of what importing this room takes.
    """

    span: Span

    def _said(self) -> tuple[object, ...]:
        names = _NAMES.get(type(self))
        if names is None:
            names = _NAMES[type(self)] = tuple(each.name for each in fields(self) if each.name != "span")
        return tuple([getattr(self, name) for name in names])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and type(self) is type(other) and self._said() == other._said()

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            made = hash((type(self), self._said()))
            object.__setattr__(self, "_hash", made)
            return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._said()}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Literal(Node):
    """A constant; `kind` tells `1`, `1u`, `1.0` and `true` apart, which Python would not."""

    kind: Kind
    value: LiteralValue


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Identifier(Node):
    """`name`; `outermost` when a leading dot says that no macro's variable is meant."""

    name: str
    outermost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Select(Node):
    """`operand.field`"""

    operand: Node
    field: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Has(Node):
    """`has(operand.field)`"""

    operand: Node
    field: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Index(Node):
    """`operand[key]`"""

    operand: Node
    key: Node


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ListLiteral(Node):
    """`[items[0], items[1], …]`"""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MapLiteral(Node):
    """`{key: value, …}`"""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Message(Node):
    """`name{field: value, …}`: a message of the type `name`, as `google.protobuf.Int32Value{value: 1}`."""

    name: str
    fields: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Unary(Node):
    """`operator operand`"""

    operator: OneOf["!", "-"]
    operand: Node


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Binary(Node):
    """`left operator right`: `== != < <= > >= in + - * / %`"""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Logical(Node):
    """`operands[0] operator operands[1] …`, at least two."""

    operator: OneOf["&&", "||"]
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Conditional(Node):
    """`condition ? accepted : otherwise`"""

    condition: Node
    accepted: Node
    otherwise: Node


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Call(Node):
    """`target.function(arguments)`, or `function(arguments)` when `target` is None."""

    function: str
    target: Node | None
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Comprehension(Node):
    """`range.macro(variable, predicate)`.

    For `map`, `transform` is what each element becomes and `predicate`, when not None, filters first.
    """

    macro: Macro
    range: Node
    variable: str
    predicate: Node | None
    transform: Node | None


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below `node`, from left to right."""
    match node:
        case Select() | Has() | Unary():
            return (node.operand,)
        case Index():
            return (node.operand, node.key)
        case ListLiteral():
            return node.items
        case MapLiteral():
            return tuple(part for entry in node.entries for part in entry)
        case Message():
            return tuple(value for _, value in node.fields)
        case Binary():
            return (node.left, node.right)
        case Logical():
            return node.operands
        case Conditional():
            return (node.condition, node.accepted, node.otherwise)
        case Call():
            return node.arguments if node.target is None else (node.target, *node.arguments)
        case Comprehension():
            below = (node.range, node.predicate, node.transform)
            return tuple(part for part in below if part is not None)
        case _:
            return ()


def walk(node: Node) -> Iterator[tuple[Node, int]]:
    """Every node with its depth, a parent before its children, from left to right."""
    waiting = [(node, 0)]
    while waiting:
        each, depth = waiting.pop()
        yield each, depth
        waiting += [(child, depth + 1) for child in reversed(children(each))]


def conjuncts(node: Node) -> tuple[Node, ...]:
    """The clauses that must all be true for `node` to be: its `&&` operands, nested ones too."""
    found: list[Node] = []
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Logical) and each.operator == "&&":
            waiting += reversed(each.operands)
        else:
            found.append(each)
    return tuple(found)
