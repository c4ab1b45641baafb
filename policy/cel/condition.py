"""A condition, compiled clause by clause: one program that decides quickly or keeps what it saw."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from . import syntax
from .closures import Frame, Run
from .evaluator import Compiler
from .parser import parse
from .paths import Path, path_of
from .values import ErrorValue

_NOTHING: dict[str, object] = {}


class CompiledClause(NamedTuple):
    """A top-level conjunct. `paths` are the claims it may read, with their names and their slots."""

    node: syntax.Node
    text: str
    run: Run
    paths: tuple[tuple[Path, str, int], ...]


class Condition:
    """An attribute condition, ready to decide. Without clauses (an empty text) it admits every token."""

    __slots__ = ("_blank", "_runs", "arms", "clauses", "text")

    def __init__(self, text: str, nodes: tuple[syntax.Node, ...]) -> None:
        compiler = Compiler(text)
        self.text = text
        self.clauses = tuple(_compiled(text, node, compiler) for node in nodes)
        self.arms: Mapping[int, int] = compiler.arms
        self._runs = tuple(clause.run for clause in self.clauses)
        self._blank = compiler.blank[3:]

    def decide(
        self,
        assertion: Mapping[str, object],
        google: Mapping[str, object] | None = None,
        attribute: Mapping[str, object] | None = None,
    ) -> bool:
        """Whether every clause is exactly `true`; stops at the first that is not."""
        frame = [plain(assertion), plain(google), plain(attribute), *self._blank]
        for run in self._runs:  # noqa: SIM110  (a generator would cost a fifth of the decision)
            if run(frame) is not True:
                return False
        return True

    def evaluate(
        self,
        assertion: Mapping[str, object],
        google: Mapping[str, object] | ErrorValue | None = None,
        attribute: Mapping[str, object] | ErrorValue | None = None,
    ) -> tuple[list[Any], Frame]:
        """Every clause's value, and the frame that keeps what the run saw.

        The same closures as `decide` on the same kind of frame, only that none is left out.
        """
        frame = [plain(assertion), plain(google), plain(attribute), *self._blank]
        return [run(frame) for run in self._runs], frame


def plain(claims: Mapping[str, object] | ErrorValue | None) -> dict[str, Any] | ErrorValue:
    """The claims as plain dicts and lists, which are all that an evaluation reads; an error as it is."""
    if type(claims) is dict or type(claims) is ErrorValue:
        return claims
    return _thawed(claims) if claims else _NOTHING


def _thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thawed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_thawed(item) for item in value]
    return value


def _compiled(text: str, node: syntax.Node, compiler: Compiler) -> CompiledClause:
    run = compiler.compile(node)
    paths = dict.fromkeys(paths_in(node))
    span = node.span
    return CompiledClause(
        node=node,
        text=text[span.start : span.end],
        run=run,
        paths=tuple((path, path.text, compiler.paths[path]) for path in paths),
    )


def paths_in(node: syntax.Node) -> list[Path]:
    """The claim paths that `node` may read, longest ones only, in the order they are written."""
    found: list[Path] = []
    waiting: list[tuple[syntax.Node, frozenset[str]]] = [(node, frozenset())]
    while waiting:
        each, shadowed = waiting.pop()
        path = path_of(each, shadowed)
        if path is not None:
            found.append(path)
            continue
        below = list(reversed(syntax.children(each)))
        if isinstance(each, syntax.Comprehension):
            waiting += [(body, shadowed | {each.variable}) for body in below if body is not each.range]
            below = [each.range]
        waiting += [(child, shadowed) for child in below]
    return found


@lru_cache(maxsize=64)
def compile_condition(text: str) -> Condition:
    """`text` is ready to decide; a text of spaces alone has no clause and admits every token.

    Raises:
        InvalidExpression: Google would refuse it, or it is beyond what is supported.
    """
    if not text.strip():
        return Condition(text, ())
    return Condition(text, syntax.conjuncts(parse(text)))


class Expression:
    """Any CEL expression over `assertion`, as in an attribute mapping."""

    __slots__ = ("_blank", "_run", "text", "tree")

    def __init__(self, text: str, *, most_characters: int) -> None:
        self.text = text
        self.tree = parse(text, most_characters=most_characters)
        compiler = Compiler(text, ("assertion",))
        self._run = compiler.compile(self.tree)
        self._blank = compiler.blank[1:]

    def evaluate(self, assertion: Mapping[str, object]) -> object:
        """The value, or an ErrorValue."""
        value: object = self._run([plain(assertion), *self._blank])
        return value
