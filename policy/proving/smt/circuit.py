"""Boolean formulas as a shared graph, and their SMT-LIB text.

A literal is an int: a node, or with a minus sign its negation. Equal nodes are one node, constants
vanish as the graph is built, and only what a question reaches is written out.

Source: SMT-LIB standard 2.6; R. Kuehlmann et al., "Robust Boolean Reasoning …" (and-inverter graphs).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

Sort: TypeAlias = Literal["Bool", "Int", "String"]

TRUE: Final = 1
FALSE: Final = -1
MOST_NODES: Final = 60_000


class TooLarge(Exception):
    """The formula would be larger than any condition that a person can review needs."""


class Circuit:
    """Nodes from 2 on: inputs, which are Boolean variables or atoms of a theory, and conjunctions."""

    def __init__(self) -> None:
        self._operands: list[tuple[int, ...]] = [(), ()]
        self._inputs: dict[int, str] = {}
        self._conjunctions: dict[tuple[int, ...], int] = {}
        self._atoms: dict[str, int] = {}
        self._terms: dict[str, tuple[str, Sort]] = {}
        self.names: dict[str, int] = {}

    def _node(self, operands: tuple[int, ...]) -> int:
        if len(self._operands) >= MOST_NODES:
            raise TooLarge
        self._operands.append(operands)
        return len(self._operands) - 1

    def variable(self, name: str) -> int:
        """The Boolean variable of this name; the same one for the same name."""
        if name not in self.names:
            node = self.names[name] = self._node(())
            self._inputs[node] = ""
        return self.names[name]

    def term(self, name: str, sort: Sort) -> str:
        """The SMT-LIB symbol of the variable that we call `name`."""
        if name not in self._terms:
            self._terms[name] = (f"t{len(self._terms)}", sort)
        return self._terms[name][0]

    @property
    def terms(self) -> dict[str, str]:
        """The symbol of each term, by our name."""
        return {name: symbol for name, (symbol, _) in self._terms.items()}

    def atom(self, text: str) -> int:
        """The Boolean SMT-LIB expression `text`, over symbols of `term`."""
        if text not in self._atoms:
            node = self._atoms[text] = self._node(())
            self._inputs[node] = text
        return self._atoms[text]

    def all_of(self, literals: Iterable[int]) -> int:
        kept: set[int] = set()
        for literal in literals:
            if literal == FALSE or -literal in kept:
                return FALSE
            if literal != TRUE:
                kept.add(literal)
        if len(kept) < 2:
            return kept.pop() if kept else TRUE
        operands = tuple(sorted(kept))
        if operands not in self._conjunctions:
            self._conjunctions[operands] = self._node(operands)
        return self._conjunctions[operands]

    def any_of(self, literals: Iterable[int]) -> int:
        return -self.all_of([-literal for literal in literals])

    def operands(self, node: int) -> tuple[int, ...]:
        """What a conjunction joins; nothing, for an input."""
        return self._operands[node]

    def both(self, one: int, other: int) -> int:
        return self.all_of((one, other))

    def either(self, one: int, other: int) -> int:
        return -self.all_of((-one, -other))

    def implies(self, one: int, other: int) -> int:
        return -self.all_of((one, -other))

    def same(self, one: int, other: int) -> int:
        return self.both(self.implies(one, other), self.implies(other, one))

    def render(self, roots: Iterable[int], already: set[int] | None = None) -> list[str]:
        """Declarations and definitions that `roots` need, in order; `already` are the nodes that stand."""
        done = set() if already is None else already
        lines: list[str] = []
        waiting = [abs(root) for root in roots]
        if 1 not in done:
            done.add(1)
            lines.append("(define-fun b1 () Bool true)")
        for symbol, sort in self._terms.values():
            number = -int(symbol[1:]) - 1
            if number not in done:
                done.add(number)
                lines.append(f"(declare-const {symbol} {sort})")
        while waiting:
            node = waiting[-1]
            missing = (
                [] if node in done else [abs(each) for each in self._operands[node] if abs(each) not in done]
            )
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if node in done:
                continue
            done.add(node)
            text = self._inputs.get(node)
            if text == "":
                lines.append(f"(declare-const b{node} Bool)")
            elif text is not None:
                lines.append(f"(define-fun b{node} () Bool {text})")
            else:
                joined = " ".join(map(symbol_of, self._operands[node]))
                lines.append(f"(define-fun b{node} () Bool (and {joined}))")
        return lines

    def inputs_of(self, roots: Iterable[int]) -> set[int]:
        """The variables and atoms that `roots` depend on."""
        seen: set[int] = set()
        waiting = [abs(root) for root in roots]
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting += [abs(each) for each in self._operands[node]]
        return {node for node in seen if node in self._inputs}


def symbol_of(literal: int) -> str:
    """The SMT-LIB expression of a literal.

    >>> symbol_of(-3)
    '(not b3)'
    """
    return f"b{literal}" if literal > 0 else f"(not b{-literal})"


def string_constant(text: str) -> str:
    """`text` as SMT-LIB writes a string.

    >>> string_constant('a"b')
    '"a""b"'
    """
    parts = []
    for each in text:
        if each == '"':
            parts.append('""')
        elif 32 <= ord(each) < 127 and each != "\\":
            parts.append(each)
        else:
            parts.append(f"\\u{{{ord(each):x}}}")
    return '"' + "".join(parts) + '"'


def integer_constant(number: int) -> str:
    """`number` as SMT-LIB writes an integer, which has no sign of its own."""
    return str(number) if number >= 0 else f"(- {-number})"
