"""A tree becomes closures that share one frame, clause by clause.

Source: google/cel-spec, doc/langdef.md, "Evaluation", "Name Resolution", "Macros".
"""

from __future__ import annotations

from typing import Any, Final

from ..wording import did_you_mean, quoted
from . import closures, comprehensions, syntax
from .arithmetic import ORDERINGS, compared, computed, no_overload
from .closures import UNREAD, Frame, Run
from .functions import FUNCTIONS, METHODS, TIME_FUNCTIONS, TIME_METHODS, UNKNOWN_METHODS
from .paths import ROOTS, Path, may_name_a_type, path_of
from .syntax import InvalidExpression, Node, Span
from .values import TYPES, ErrorValue, unknown_value

_PATTERN_FUNCTION: Final = "matches"


# What evaluates all its parts, in whatever order, and absorbs no error of theirs.
_STRICT: Final = (
    syntax.Binary,
    syntax.Call,
    syntax.Comprehension,
    syntax.Index,
    syntax.ListLiteral,
    syntax.MapLiteral,
    syntax.Message,
)


class Compiler:
    """Closures for trees that share one frame."""

    def __init__(self, text: str, roots: tuple[str, ...] = ROOTS) -> None:
        self._text = text
        self._roots = roots
        self.blank: Frame = [UNREAD, UNREAD, UNREAD, 0]
        self.paths: dict[Path, int] = {}
        self.arms: dict[int, int] = {}
        self._in_any_order: set[int] = set()  # the nodes whose elements may come in any order

    def _slot(self) -> int:
        self.blank.append(UNREAD)
        return len(self.blank) - 1

    def _path_slot(self, path: Path) -> int:
        if path not in self.paths:
            self.paths[path] = self._slot()
        return self.paths[path]

    def compile(self, node: Node, variables: dict[str, int] | None = None) -> Run:
        """A function from a frame to the node's value or an ErrorValue.

        Raises:
            InvalidExpression: a name or a function that is not declared.
        """
        run = self._compiled(node, variables or {})
        may_end = "{" in self._text and isinstance(node, _STRICT) and _may_repeat_a_key(node)
        return closures.ending(run) if may_end else run

    def _compiled(self, node: Node, variables: dict[str, int]) -> Run:
        path = path_of(node, frozenset(variables))
        if path is not None and may_name_a_type(path):
            return self._type_of_google(path, node.span)
        if path is not None and path.root in self._roots:
            if isinstance(node, syntax.Has):
                return self._presence(node, path)
            return self._claim(path, node.span)
        match node:
            case syntax.Literal():
                return closures.constant(node.value)
            case syntax.Identifier():
                return self._identifier(node, variables)
            case syntax.Select():
                return closures.selected(self.compile(node.operand, variables), node.field, node.span)
            case syntax.Has():
                return closures.has(self.compile(node.operand, variables), node.field, node.span)
            case syntax.Index():
                operand, key = self.compile(node.operand, variables), self.compile(node.key, variables)
                return closures.indexed(operand, key, node.span)
            case syntax.ListLiteral():
                return closures.list_of([self.compile(item, variables) for item in node.items])
            case syntax.MapLiteral():
                entries = [(self.compile(k, variables), self.compile(v, variables)) for k, v in node.entries]
                return closures.map_of(entries, node.span)
            case syntax.Message():
                return self._message(node, variables)
            case syntax.Unary():
                operand = self.compile(node.operand, variables)
                make = closures.negation if node.operator == "!" else closures.minus
                return make(operand, node.span)
            case syntax.Binary():
                return self._binary(node, variables)
            case syntax.Logical():
                return self._logical(node, variables)
            case syntax.Conditional():
                parts = [self.compile(part, variables) for part in syntax.children(node)]
                return closures.conditional(parts[0], parts[1], parts[2], node.span)
            case syntax.Call():
                return self._call(node, variables)
            case syntax.Comprehension():
                return self._comprehension(node, variables)
            case _:
                raise AssertionError(node)

    def _invalid(self, problem: str, span: Span, name: str, known: list[str]) -> InvalidExpression:
        return InvalidExpression(problem, text=self._text, span=span, hint=did_you_mean(name, known))

    def _identifier(self, node: syntax.Identifier, variables: dict[str, int]) -> Run:
        if node.name in variables and not node.outermost:
            return closures.slot(variables[node.name])
        if node.name in self._roots:
            return closures.slot(ROOTS.index(node.name))
        if node.name in TYPES:
            return closures.constant(TYPES[node.name])
        from .hints import of_bare_name  # only who needs a hint waits for the vocabulary

        known = [*variables, *self._roots]
        problem = f"the name {quoted(node.name)} means nothing here"
        unknown = self._invalid(problem, node.span, node.name, known)
        unknown.hint = of_bare_name(node.name, self._text, node.span.start) or unknown.hint
        raise unknown

    def _type_of_google(self, path: Path, span: Span) -> Run:
        slot = self._path_slot(path)
        unknown = unknown_value(f"{quoted(path.text)} may be a type or a constant of Google's", span)

        def run(frame: Frame) -> Any:
            frame[slot] = unknown
            return unknown

        return run

    def _message(self, node: syntax.Message, variables: dict[str, int]) -> Run:
        for _, value in node.fields:  # what is no expression is refused here as well
            self.compile(value, variables)
        unknown = unknown_value(f"the message {quoted(f'{node.name}{{…}}')} is not built here", node.span)
        return lambda _: unknown

    def _claim(self, path: Path, span: Span) -> Run:
        slot, root = self._path_slot(path), ROOTS.index(path.root)

        def walked(frame: Frame) -> Any:
            value = frame[root]
            for count, key in enumerate(path.keys):
                value = closures.member(value, key, span, Path(path.root, path.keys[: count + 1]))
                if type(value) is ErrorValue:
                    break
            frame[slot] = value
            return value

        return closures.claim(root, path.keys, slot, walked)

    def _presence(self, node: syntax.Has, path: Path) -> Run:
        slot, key = self._path_slot(path), node.field
        absent = ErrorValue(f"{quoted(path.text)} is absent", node.span, absent=path.text)
        if len(path.keys) > 1:
            parent = self._claim(path.parent, node.operand.span)
        else:
            parent = closures.slot(ROOTS.index(path.root))

        def run(frame: Frame) -> Any:
            container = parent(frame)
            if type(container) is not dict:
                if type(container) is not ErrorValue:
                    container = no_overload("has", container, span=node.span)
                frame[slot] = container
                return container
            present = key in container
            frame[slot] = container[key] if present else absent
            return present

        return run

    def _binary(self, node: syntax.Binary, variables: dict[str, int]) -> Run:
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(other, syntax.ListLiteral) and len(other.items) < 2:
                self._in_any_order.add(id(one))
        if node.operator == "in":
            self._in_any_order.add(id(node.right))
        left, right = self.compile(node.left, variables), self.compile(node.right, variables)
        if node.operator in ("==", "!="):
            wanted = node.operator == "=="
            if isinstance(node.right, syntax.Literal) and type(node.right.value) in (str, bool):
                return closures.equals_constant(left, node.right.value, wanted, node.span)
            return closures.equality(left, right, wanted, node.span)
        if node.operator == "in":
            if isinstance(node.right, syntax.ListLiteral) and node.right.items:
                constants = _strings_of(node.right)
                if constants is not None:
                    return closures.among_constants(left, constants, node.span)
            return closures.membership(left, right, node.span)
        if node.operator in ORDERINGS:
            return closures.binary(compared, node.operator, left, right, node.span)
        return closures.binary(computed, node.operator, left, right, node.span)

    def _logical(self, node: syntax.Logical, variables: dict[str, int]) -> Run:
        runs = [self.compile(operand, variables) for operand in node.operands]
        slots = [self._slot() for _ in runs]
        if not variables:  # within a macro an arm is evaluated many times: there is no one outcome
            self.arms.update(zip(map(id, node.operands), slots, strict=True))
        return closures.logical(node.operator, list(zip(runs, slots, strict=True)), node.span)

    def _call(self, node: syntax.Call, variables: dict[str, int]) -> Run:
        table = FUNCTIONS if node.target is None else METHODS
        parts = node.arguments if node.target is None else (node.target, *node.arguments)
        if node.function == _PATTERN_FUNCTION and len(parts) == 2:
            text, pattern = (self.compile(part, variables) for part in parts)
            from .matching import matches  # regular expressions cost a fifth of the room's import

            return matches(text, pattern, node.span)
        if node.function == "size":
            self._in_any_order.update(map(id, parts))
        is_dotted = isinstance(node.target, syntax.Identifier) and node.target.name == "strings"
        if is_dotted and node.function == "quote":  # a function whose name has a dot
            parts = node.arguments
        known = table.get(node.function)
        if known is None:
            others = (TIME_FUNCTIONS,) if node.target is None else (UNKNOWN_METHODS, TIME_METHODS)
            known = next((each[node.function] for each in others if node.function in each), None)
        if known is None or len(parts) not in known.counts:
            raise self._unknown_function(node)
        return closures.call(known.run, [self.compile(part, variables) for part in parts], node.span)

    def _unknown_function(self, node: syntax.Call) -> InvalidExpression:
        from .hints import of_function  # only who needs a hint waits for the vocabulary

        name = node.function
        tables = (FUNCTIONS, METHODS, UNKNOWN_METHODS, TIME_FUNCTIONS, TIME_METHODS)
        if name == _PATTERN_FUNCTION or any(name in table for table in tables):
            problem = f"the function {quoted(name)} is not called like this"
        else:
            problem = f"there is no function {quoted(name)}"
        unknown = self._invalid(problem, node.span, name, [*FUNCTIONS, *METHODS, _PATTERN_FUNCTION])
        unknown.hint = of_function(name) or unknown.hint
        return unknown

    def _comprehension(self, node: syntax.Comprehension, variables: dict[str, int]) -> Run:
        in_any_order = node.macro not in ("map", "filter") or id(node) in self._in_any_order
        if in_any_order:
            self._in_any_order.add(id(node.range))
        range_ = self.compile(node.range, variables)
        slot = self._slot()
        inner = {**variables, node.variable: slot}
        predicate = None if node.predicate is None else self.compile(node.predicate, inner)
        transform = None if node.transform is None else self.compile(node.transform, inner)
        bodies = [body for body in (node.predicate, node.transform) if body is not None]
        cost = sum(1 for body in bodies for _ in syntax.walk(body))
        if predicate is not None and (node.macro == "all" or node.macro == "exists"):
            stop = node.macro == "exists"
            return comprehensions.quantifier(range_, slot, predicate, cost, stop=stop, span=node.span)
        gathered = comprehensions.gathered(
            range_, slot, predicate, transform, cost, node.span, in_any_order=in_any_order
        )
        return comprehensions.exactly_one(gathered) if node.macro == "exists_one" else gathered


def _may_repeat_a_key(node: Node) -> bool:
    """Whether a map literal in it may have a key twice."""
    literals = (each for each, _ in syntax.walk(node) if isinstance(each, syntax.MapLiteral))
    return any(
        len({(key.kind, key.value) for key, _ in each.entries if isinstance(key, syntax.Literal)})
        < len(each.entries)
        for each in literals
    )


def _strings_of(node: syntax.ListLiteral) -> frozenset[str] | None:
    """The items of a list of string literals; None for any other list."""
    values = [item.value for item in node.items if isinstance(item, syntax.Literal)]
    strings = [value for value in values if isinstance(value, str)]
    return frozenset(strings) if len(strings) == len(node.items) else None
