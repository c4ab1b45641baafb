"""One canonical text for conditions that say the same in different words.

    normalise("'STABLE' == assertion['swname']")      # assertion.swname == "STABLE"

Clauses in the order what, where, who, how; constants on the right; alternatives of one claim as `in`.
It never changes which tokens are admitted: every step keeps true, false and error what they are, or
touches only what was never true. Whoever prints the result has that proved, with `policy.proving.differing`.

Source: google/cel-spec, doc/langdef.md, "Syntax", "Logical Operators".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, Final

from .cel import syntax
from .cel.parser import parse
from .cel.rendering import render_constant
from .cel.syntax import NOWHERE, Node, Span

_MOST_PASSES: Final = 8
_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_NO_FIELDS: Final = ("true", "false", "null", "in")
_UNARY: Final = 6
_MEMBER: Final = 7
_MIRRORED: Final = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ORDER: Final = (
    *("image_digest", "image_reference", "image_id", "image_signatures"),
    *("swname", "support_attributes", "dbgstat", "hwmodel", "secboot", "monitoring_enabled", "nvidia_gpu"),
    *("google_service_accounts", "project_id", "project_number", "gce", "sub", "google", "attribute"),
    *("args", "cmd_override", "env_override", "env", "restart_policy"),
)
_CLAUSE_BREAK: Final = " &&\n"


def normalise(text: str) -> str:
    """The canonical text of a condition; of a canonical text, the text itself.

    >>> print(normalise("'b' == assertion.x || assertion['x'] == 'a'"))
    assertion.x in ["a", "b"]

    Raises:
        InvalidExpression: not a condition that Google would accept.
    """
    if not text.strip():
        return ""
    clauses = syntax.conjuncts(_settled(parse(text)))
    asking = [each for each in clauses if not (isinstance(each, syntax.Literal) and each.value is True)]
    tightness = syntax.PRECEDENCE["&&"] if len(asking) > 1 else 0
    texts = _ordered({_render(each, tightness) for each in asking})
    return _CLAUSE_BREAK.join(texts) or "true"


def normalised_clauses(text: str) -> tuple[str, ...]:
    """The canonical text of each clause, in the order in which they are written.

    Raises:
        InvalidExpression
    """
    if not text.strip():
        return ()
    return tuple(
        _render(_settled(clause), syntax.PRECEDENCE["&&"]) for clause in syntax.conjuncts(parse(text))
    )


def _ordered(clauses: Iterable[str]) -> list[str]:
    return sorted(clauses, key=_rank)


def _rank(clause: str) -> tuple[int, str]:
    """What, where, who, how: by the first of the claims in it."""
    places = [place for place, name in enumerate(_ORDER) if re.search(rf"\b{name}\b", clause)]
    return (places[0] if places else len(_ORDER), clause)


def _settled(node: Node) -> Node:
    for _ in range(_MOST_PASSES):
        simpler = _simplified(node)
        if simpler == node:
            return node
        node = simpler
    return node


def _simplified(node: Node) -> Node:
    """One step towards the canonical form, below first."""
    node = _rebuilt(node)
    match node:
        case syntax.Index(key=syntax.Literal(kind="string", value=str() as name)) if _is_field(name):
            return syntax.Select(span=node.span, operand=node.operand, field=name)
        case syntax.Call(function="size", target=Node() as target):
            return syntax.Call(span=node.span, function="size", target=None, arguments=(target,))
        case syntax.Unary(operator="!"):
            return _negated(node)
        case syntax.Binary():
            return _compared(node)
        case syntax.Logical():
            return _joined(node)
        case _:
            return node


def _rebuilt(node: Node) -> Node:
    return replace(node, **{each.name: _part(getattr(node, each.name)) for each in fields(node)})


def _part(value: Any) -> Any:
    """A node is simplified, wherever in a tuple it stands; all else is as it was."""
    if isinstance(value, Node):
        return _simplified(value)
    if isinstance(value, tuple) and not isinstance(value, Span):
        return tuple(map(_part, value))
    return value


def _is_field(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name not in _NO_FIELDS


def _is_boolean(node: Node) -> bool:
    """Whether the node is a boolean or an error, and nothing else."""
    match node:
        case syntax.Has() | syntax.Logical() | syntax.Unary(operator="!"):
            return True
        case syntax.Binary():
            return syntax.PRECEDENCE[node.operator] == syntax.PRECEDENCE["=="]
        case syntax.Comprehension():
            return node.macro in ("all", "exists", "exists_one")
        case syntax.Call():
            return node.function in ("startsWith", "endsWith", "contains", "matches", "bool")
        case syntax.Literal():
            return node.kind == "bool"
        case _:
            return False


def _negated(node: syntax.Unary) -> Node:
    inner = node.operand
    match inner:
        case syntax.Literal(kind="bool"):
            return replace(inner, value=not inner.value)
        case syntax.Unary(operator="!") if _is_boolean(inner.operand):
            return inner.operand
        case syntax.Binary(operator="==" | "!="):
            return replace(inner, operator="!=" if inner.operator == "==" else "==")
        case _:
            return node


def _compared(node: syntax.Binary) -> Node:
    if node.operator in _MIRRORED and _is_constant(node.left) and not _is_constant(node.right):
        return replace(node, operator=_MIRRORED[node.operator], left=node.right, right=node.left)
    if (
        node.operator == "in"
        and isinstance(node.right, syntax.ListLiteral)
        and _all_constant(node.right.items)
    ):
        items = _distinct(node.right.items)
        if len(items) == 1:
            return replace(node, operator="==", right=items[0])
        return replace(node, right=replace(node.right, items=items))
    return node


def _is_constant(node: Node) -> bool:
    return isinstance(node, syntax.Literal) or (
        isinstance(node, syntax.ListLiteral) and _all_constant(node.items)
    )


def _all_constant(items: tuple[Node, ...]) -> bool:
    return bool(items) and all(isinstance(item, syntax.Literal) for item in items)


def _distinct(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Sorted by their text, each once."""
    found = {_render(node, 0): node for node in nodes}
    return tuple(found[text] for text in sorted(found))


def _joined(node: syntax.Logical) -> Node:
    """A chain of `&&` or `||`: flat, each operand once, sorted; its neutral constants left out."""
    operands: list[Node] = []
    for each in node.operands:
        same = isinstance(each, syntax.Logical) and each.operator == node.operator
        operands += each.operands if isinstance(each, syntax.Logical) and same else (each,)
    if node.operator == "||":
        operands = _gathered(operands)
    neutral = node.operator == "&&"
    kept = [
        each
        for each in operands
        if not (isinstance(each, syntax.Literal) and each.kind == "bool" and each.value is neutral)
    ]
    if not kept:
        return syntax.Literal(span=node.span, kind="bool", value=neutral)
    distinct = {_render(each, 0): each for each in kept}
    texts = _ordered(distinct) if neutral else sorted(distinct)
    if len(texts) == 1:
        only = distinct[texts[0]]
        # an operand that is no boolean is an error within `&&` and a value outside of it
        return only if _is_boolean(only) else node
    return replace(node, operands=tuple(distinct[text] for text in texts))


def _gathered(operands: list[Node]) -> list[Node]:
    """`x == "a" || x in ["b"]` as `x in ["a", "b"]`, where one constant may stand for all types."""
    found: list[Node] = []
    choices: dict[Node, list[Node]] = {}
    for each in operands:
        constants = _choices(each)
        if constants is None or not isinstance(each, syntax.Binary):
            found.append(each)
        elif each.left in choices:
            choices[each.left] += constants
        else:
            choices[each.left] = constants
            found.append(each)
    return [
        _membership(each, choices[each.left])
        if _choices(each) is not None and isinstance(each, syntax.Binary)
        else each
        for each in found
    ]


def _choices(node: Node) -> list[Node] | None:
    match node:
        case syntax.Binary(operator="==", right=syntax.Literal() as constant):
            return [constant]
        case syntax.Binary(operator="in", right=syntax.ListLiteral(items=items)) if _all_constant(items):
            return list(items)
        case _:
            return None


def _membership(node: syntax.Binary, constants: list[Node]) -> Node:
    items = _distinct(constants)
    if len(items) == 1:
        return replace(node, operator="==", right=items[0])
    return replace(node, operator="in", right=syntax.ListLiteral(span=NOWHERE, items=items))


# -- text


def _render(node: Node, least: int) -> str:
    """The node as text, in parentheses when it binds less tightly than `least`."""
    text, tightness = _text(node)
    return f"({text})" if tightness < least else text


def _text(node: Node) -> tuple[str, int]:
    match node:
        case syntax.Literal():
            return _constant(node), _MEMBER
        case syntax.Identifier():
            return ("." if node.outermost else "") + node.name, _MEMBER
        case syntax.Select():
            return f"{_render(node.operand, _MEMBER)}.{_field(node.field)}", _MEMBER
        case syntax.Has():
            return f"has({_render(node.operand, _MEMBER)}.{_field(node.field)})", _MEMBER
        case syntax.Index():
            return f"{_render(node.operand, _MEMBER)}[{_render(node.key, 0)}]", _MEMBER
        case syntax.ListLiteral():
            return f"[{_listed(node.items)}]", _MEMBER
        case syntax.MapLiteral():
            entries = (f"{_render(key, 0)}: {_render(value, 0)}" for key, value in node.entries)
            return f"{{{', '.join(entries)}}}", _MEMBER
        case syntax.Message():
            entries = (f"{_field(name)}: {_render(value, 0)}" for name, value in node.fields)
            return f"{node.name}{{{', '.join(entries)}}}", _MEMBER
        case syntax.Unary():
            # `-1` would be a constant, `-(1)` is the negation of one; and `!!x` would be `x`
            least = _MEMBER + 1 if isinstance(node.operand, syntax.Literal) else _MEMBER
            return f"{node.operator}{_render(node.operand, least)}", _UNARY
        case syntax.Binary():
            tightness = syntax.PRECEDENCE[node.operator]
            left, right = _render(node.left, tightness), _render(node.right, tightness + 1)
            return f"{left} {node.operator} {right}", tightness
        case syntax.Logical():
            tightness = syntax.PRECEDENCE[node.operator]
            parts = (_render(operand, tightness + 1) for operand in node.operands)
            return f" {node.operator} ".join(parts), tightness
        case syntax.Conditional():
            condition, accepted = _render(node.condition, 1), _render(node.accepted, 1)
            return f"{condition} ? {accepted} : {_render(node.otherwise, 0)}", 0
        case syntax.Call():
            target = "" if node.target is None else f"{_render(node.target, _MEMBER)}."
            return f"{target}{node.function}({_listed(node.arguments)})", _MEMBER
        case syntax.Comprehension():
            bodies = [body for body in (node.predicate, node.transform) if body is not None]
            arguments = ", ".join([node.variable, *(_render(body, 0) for body in bodies)])
            return f"{_render(node.range, _MEMBER)}.{node.macro}({arguments})", _MEMBER
        case _:
            raise AssertionError(node)


def _listed(nodes: Iterable[Node]) -> str:
    return ", ".join(_render(node, 0) for node in nodes)


def _field(name: str) -> str:
    return name if _is_field(name) else f"`{name}`"


def _constant(node: syntax.Literal) -> str:
    match node.value:
        case None:
            return "null"
        case bytes() as octets:
            return 'b"' + "".join(f"\\x{each:02x}" for each in octets) + '"'
        case float() as number:
            return repr(number)
        case syntax.UInt() as number:
            return f"{int(number)}u"
        case _:
            return render_constant(node.value)
