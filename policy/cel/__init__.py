"""The Common Expression Language as Google evaluates attribute conditions: parse, check, evaluate.

    tree = parse(text)                       # frozen nodes with spans; raises InvalidExpression
    check(tree)                              # findings against the token's vocabulary
    condition = compile_condition(text)      # closures; condition.decide(claims) -> bool

Errors of an evaluation are values (`ErrorValue`), never exceptions.
"""

from __future__ import annotations

from .check import Finding, check
from .condition import Condition, Expression, compile_condition
from .parser import MAX_CONDITION_CHARACTERS, parse
from .syntax import InvalidExpression, Node, Span, children, conjuncts, walk
from .values import ErrorValue

__all__ = [
    "MAX_CONDITION_CHARACTERS",
    "Condition",
    "ErrorValue",
    "Expression",
    "Finding",
    "InvalidExpression",
    "Node",
    "Span",
    "check",
    "children",
    "compile_condition",
    "conjuncts",
    "parse",
    "walk",
]
