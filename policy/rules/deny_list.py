"""A clause that only refuses named values admits every other one, such as the right spelling of a wrong one.

A claim that is only ever one of a few values may be asked by what it is not.
Source: the conditions that people publish: `assertion.dbgstat != "enable"`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..cel.condition import CompiledClause
from ..cel.paths import Path, path_of
from ..cel.syntax import Node
from ..claim_types import STRING
from ..context import Context, Dossier, among
from ..findings import Finding, Severity
from ..proving.inquiry import strings_of
from ..schema import claim_at
from ..wording import quoted

SLUG: Final = "deny-list"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a clause refuses what it names, and admits whatever else comes"


def asks(context: Context) -> Iterator[str]:
    for _, path in _denying(context.dossier):
        yield _anything_else(context.dossier, path)


def check(context: Context) -> Iterator[Finding]:
    for clause, path in _denying(context.dossier):
        name = quoted(path.text)
        yield from context.admits(
            _anything_else(context.dossier, path),
            f"{name} may be anything but what this clause names",
            hint=f"ask what {name} is to be, with `==` or `in`",
            about=path.text,
            span=clause.node.span,
        )


def _anything_else(dossier: Dossier, path: Path) -> str:
    """That the claim is none of the strings that the condition names."""
    return f"!({among(f'assertion.{path.text}', dossier.strings)})"


def _denying(dossier: Dossier) -> Iterator[tuple[CompiledClause, Path]]:
    """The clauses that say of a text only what it may not be, and the claim of each."""
    for clause in dossier.clauses:
        for node in _negated(clause.node):
            path = path_of(node)
            claim = None if path is None else claim_at(path.root, path.keys)
            if path is None or path.root != "assertion" or claim is None:
                continue
            named = list(strings_of(clause.node))
            if claim.type == STRING and not set(named) <= set(claim.values):
                yield clause, path
                break


def _negated(node: Node) -> Iterator[Node]:
    """The claims that a clause compares with constants only to refuse these."""
    match node:
        case syntax.Binary(operator="!=", left=left, right=right):
            yield from (left, right)
        case syntax.Unary(operator="!", operand=syntax.Binary(operator="==" | "in", left=left, right=right)):
            yield from (left, right)
        case syntax.Unary(operator="!", operand=syntax.Call(target=target)) if target is not None:
            yield target
        case syntax.Logical(operands=operands):
            for each in operands:
                yield from _negated(each)
