"""The Common Expression Language as Google evaluates attribute conditions: parse, check, evaluate.

    tree = parse(text)                       # frozen nodes with spans; raises InvalidExpression
    condition = compile_condition(text)      # closures; condition.decide(claims) -> bool

Errors of an evaluation are values (`ErrorValue`), never exceptions. `cel.check.check(tree)` has
findings against the token's vocabulary; it is imported on its own, because deciding needs none of it.
"""

from __future__ import annotations

from .condition import Condition, Expression, compile_condition
from .parser import MAX_CONDITION_CHARACTERS, parse
from .syntax import InvalidExpression, Node, Span, children, conjuncts, walk
from .values import ErrorValue

__all__ = [
    "MAX_CONDITION_CHARACTERS",
    "Condition",
    "ErrorValue",
    "Expression",
    "InvalidExpression",
    "Node",
    "Span",
    "children",
    "compile_condition",
    "conjuncts",
    "parse",
    "walk",
]
