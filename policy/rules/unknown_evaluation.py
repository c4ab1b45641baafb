"""What Google makes of a constant part is not known, so nothing that rests on it is proved or refuted.

Source: policy/cel/values.py, for what is unknown; google/re2, wiki "Syntax".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ..cel import syntax
from ..cel.check import may_be_a_string
from ..cel.evaluator import Compiler
from ..cel.functions import TIME_FUNCTIONS, TIME_METHODS, UNKNOWN_METHODS
from ..cel.paths import may_name_a_type, path_of
from ..cel.syntax import Node
from ..cel.values import ErrorValue
from ..context import Context, Text
from ..findings import Finding, Severity
from ..issuers import has_our_vocabulary

SLUG: Final = "unknown-evaluation"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a part of which it is not known what Google makes of it"


def check(context: Context) -> Iterator[Finding]:
    ours = has_our_vocabulary(context.dossier.provider.issuer)
    for text in context.dossier.texts:
        is_attribute = text.place.startswith("mapping attribute.")
        if is_attribute and not may_be_a_string(text.tree, vocabulary=ours):
            yield context.finding(
                "not known what Google makes of it: the attribute is no string",
                hint="map a string: `string(…)` makes one of a number or of true and false",
                place=text.place,
                span=text.tree.span,
                text=text.text,
            )
        for node, error in _unknown(text, text.tree):
            yield context.finding(
                f"not known what Google makes of it: {error.message}",
                hint="write it in another way, such that this project can evaluate it",
                place=text.place,
                span=node.span,
                text=text.text,
            )


def _unknown(text: Text, node: Node) -> Iterator[tuple[Node, ErrorValue]]:
    """The outermost parts whose value is unknown for every token, each with the reason."""
    asked = node if _is_constant(node) or _names_a_type(node) else _with_nothing_known(node)
    if asked is not None:
        value = _evaluated(text, asked)
        if isinstance(value, ErrorValue) and value.unknown:
            yield node, value
            return
    if not _is_constant(node):
        for child in syntax.children(node):
            yield from _unknown(text, child)


def _names_a_type(node: Node) -> bool:
    path = path_of(node)
    return path is not None and may_name_a_type(path)


def _with_nothing_known(node: Node) -> Node | None:
    """A method call with constant arguments, asked of the empty string instead of a claim; or one of times.

    The rule unsupported-function speaks of methods of which it is not known whether Google takes them.
    """
    if isinstance(node, syntax.Message):
        return replace(node, fields=())
    if not isinstance(node, syntax.Call):
        return None
    empty = syntax.Literal(span=node.span, kind="string", value="")
    if node.function in (TIME_FUNCTIONS if node.target is None else TIME_METHODS):
        target = None if node.target is None else empty
        return replace(node, target=target, arguments=tuple(empty for _ in node.arguments))
    if node.target is None or not node.arguments:
        return None
    if node.function in UNKNOWN_METHODS:
        return None
    if not all(map(_is_constant, node.arguments)):
        return None
    return replace(node, target=empty)


def _is_constant(node: Node) -> bool:
    return not any(
        isinstance(each, syntax.Identifier | syntax.Comprehension) for each, _ in syntax.walk(node)
    )


def _evaluated(text: Text, node: Node) -> object:
    compiler = Compiler(text.text)
    run = compiler.compile(node)
    return run([{}, {}, {}, *compiler.blank[3:]])
