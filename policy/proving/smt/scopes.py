"""What is known of a part of an expression before it is encoded: its names, its macros, its constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from ...cel import syntax
from ...cel.evaluator import Compiler
from ...cel.functions import TIME_FUNCTIONS, TIME_METHODS, UNKNOWN_METHODS
from ...cel.paths import may_name_a_type, path_of
from ...cel.syntax import Node
from ...schema import ROOTS
from .values import Unsupported, Value, of_constants


@dataclass(frozen=True, slots=True)
class Bound:
    """What a macro's variable stands for, and from which lists and maps of the token that comes."""

    value: Value
    lists: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reading:
    """A node that reads a list one element at a time; equal ones read the same."""

    node: Node
    variables: tuple[tuple[str, int], ...]
    encoder: int
    inside: frozenset[str] = field(compare=False)


Variables = Mapping[str, Bound]


def require_known(node: syntax.Call) -> None:
    """Raises Unsupported for a function that is not computed here, or that Google may not take."""
    if node.function in (TIME_FUNCTIONS if node.target is None else TIME_METHODS):
        raise Unsupported(f"`{node.function}`, which is of times,")
    if node.target is not None and node.function in UNKNOWN_METHODS:
        raise Unsupported(f"`{node.function}`, of which it is not known whether Google takes it,")


def may_be_googles_own(node: Node, variables: Variables) -> bool:
    path = path_of(node, frozenset(variables))
    return path is not None and may_name_a_type(path)


def read_by(node: Node, variables: Variables) -> Variables:
    """Those of the variables whose names stand in `node`."""
    names = names_in(node)
    return {name: bound for name, bound in variables.items() if name in names}


@lru_cache(maxsize=1024)
def macros_deep(node: Node) -> int:
    """How many macros stand one in another."""
    deepest = 0
    waiting = [(node, 0)]
    while waiting:
        each, depth = waiting.pop()
        depth += isinstance(each, syntax.Comprehension)
        deepest = max(deepest, depth)
        waiting += [(child, depth) for child in syntax.children(each)]
    return deepest


@lru_cache(maxsize=4096)
def names_in(node: Node) -> frozenset[str]:
    return frozenset(each.name for each, _ in syntax.walk(node) if isinstance(each, syntax.Identifier))


def identified(variables: Variables) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((name, id(bound.value)) for name, bound in variables.items()))


def has_distinct_keys(node: syntax.MapLiteral) -> bool:
    """Whether no two keys can be one to Python, as `true`, `1` and `1u` are."""
    keys = {key.value for key, _ in node.entries if isinstance(key, syntax.Literal)}
    return len(keys) == len(node.entries)


def reads_the_token_alone(node: Node) -> bool:
    """Whether no encoder's `roots` can change what `node` means: its one free name is `assertion`."""
    nodes = [each for each, _ in syntax.walk(node)]
    names = {each.name for each in nodes if isinstance(each, syntax.Identifier)}
    bound = {each.variable for each in nodes if isinstance(each, syntax.Comprehension)}
    return names - (bound - ROOTS.keys()) <= {"assertion"}


def is_constant(node: Node) -> bool:
    return not any(isinstance(each, syntax.Identifier) for each, _ in syntax.walk(node))


def evaluated(node: Node) -> Value:
    """What the evaluator makes of constants.

    Raises:
        Unsupported: the evaluator's error may be no error of Google's.
    """
    for each, _ in syntax.walk(node):
        if isinstance(each, syntax.MapLiteral) and not has_distinct_keys(each):
            raise Unsupported("a map with computed or repeated keys")
        is_pattern = isinstance(each, syntax.Call) and each.function == "matches"
        if is_pattern and not isinstance(syntax.children(each)[-1], syntax.Literal):
            raise Unsupported("a computed regular expression")
        if isinstance(each, syntax.Call):
            require_known(each)
    compiler = Compiler("", ())
    value = compiler.compile(node)(list(compiler.blank))
    return of_constants(value)
