"""A tree becomes closures; evaluation errors are values, which `&&`, `||`, `all` and `exists` absorb.

A compiled expression reads and writes one list a run, its frame: the three roots, the work done so
far, the variables of macros, and what each claim path and each arm of a `||` turned out to be. The
last two are what an explanation is made of, so it never evaluates anything a second time.

Source: google/cel-spec, doc/langdef.md, "Evaluation", "Logical Operators", "Macros", "Field Selection".
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from ..wording import quoted
from . import syntax
from .arithmetic import ORDERINGS, compared, computed, negated, no_overload
from .functions import FUNCTIONS, METHODS, TIME
from .paths import ROOTS, Path, path_of
from .patterns import InvalidPattern
from .regular_expressions import PatternTooCostly, compile_pattern
from .syntax import InvalidExpression, Node, Span
from .values import NUMBERS, TYPES, ErrorValue, equal, kind_of, lookup

Frame: TypeAlias = list[Any]
Run: TypeAlias = Callable[[Frame], Any]

WORK: Final = len(ROOTS)
"""The slot that counts work: nodes visited by macros, states visited by regular expressions."""
MOST_WORK: Final = 200_000
UNREAD: Final = object()
"""What a slot holds when the evaluation never came to its claim or arm."""
_PATTERN_FUNCTION: Final = "matches"


class Compiler:
    """Closures for trees that share one frame."""

    def __init__(self, text: str, roots: tuple[str, ...] = ROOTS) -> None:
        self._text = text
        self._roots = roots
        self.blank: Frame = [UNREAD, UNREAD, UNREAD, 0]
        self.paths: dict[Path, int] = {}
        self.arms: dict[int, int] = {}

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
        variables = variables or {}
        path = path_of(node, frozenset(variables))
        if path is not None and path.root in self._roots:
            return self._presence(node, path) if isinstance(node, syntax.Has) else self._claim(node, path)
        match node:
            case syntax.Literal():
                return _constant(node.value)
            case syntax.Identifier():
                return self._identifier(node, variables)
            case syntax.Select():
                return _selected(self.compile(node.operand, variables), node.field, node.span)
            case syntax.Has():
                return _has(self.compile(node.operand, variables), node.field, node.span)
            case syntax.Index():
                operand, key = self.compile(node.operand, variables), self.compile(node.key, variables)
                return _indexed(operand, key, node.span)
            case syntax.ListLiteral():
                return _list([self.compile(item, variables) for item in node.items])
            case syntax.MapLiteral():
                entries = [(self.compile(k, variables), self.compile(v, variables)) for k, v in node.entries]
                return _map(entries, node.span)
            case syntax.Unary():
                operand = self.compile(node.operand, variables)
                return _not(operand, node.span) if node.operator == "!" else _negation(operand, node.span)
            case syntax.Binary():
                return self._binary(node, variables)
            case syntax.Logical():
                return self._logical(node, variables)
            case syntax.Conditional():
                parts = [self.compile(part, variables) for part in syntax.children(node)]
                return _conditional(parts[0], parts[1], parts[2], node.span)
            case syntax.Call():
                return self._call(node, variables)
            case syntax.Comprehension():
                return self._comprehension(node, variables)
            case _:
                raise AssertionError(node)

    def _invalid(self, problem: str, span: Span, name: str, known: list[str]) -> InvalidExpression:
        close = difflib.get_close_matches(name[:40], known, 1)
        hint = f"did you mean `{close[0]}`?" if close else ""
        return InvalidExpression(problem, text=self._text, span=span, hint=hint)

    def _identifier(self, node: syntax.Identifier, variables: dict[str, int]) -> Run:
        if node.name in variables and not node.outermost:
            return _slot_reader(variables[node.name])
        if node.name in self._roots:
            return _slot_reader(ROOTS.index(node.name))
        if node.name in TYPES:
            return _constant(TYPES[node.name])
        known = [*variables, *self._roots]
        raise self._invalid(f"the name {quoted(node.name)} means nothing here", node.span, node.name, known)

    def _claim(self, node: Node, path: Path) -> Run:
        slot, root = self._path_slot(path), ROOTS.index(path.root)

        def walked(frame: Frame) -> Any:
            value = frame[root]
            for count, key in enumerate(path.keys):
                value = _member(value, key, node.span, Path(path.root, path.keys[: count + 1]))
                if type(value) is ErrorValue:
                    break
            frame[slot] = value
            return value

        return _claim_reader(root, path.keys, slot, walked)

    def _presence(self, node: Node, path: Path) -> Run:
        assert isinstance(node, syntax.Has)
        slot, key = self._path_slot(path), node.field
        absent = ErrorValue(f"{quoted(path.text)} is absent", node.span, absent=path.text)
        if len(path.keys) > 1:
            parent = self._claim(node.operand, path.parent)
        else:
            parent = _slot_reader(ROOTS.index(path.root))
        has = _has(parent, key, node.span)

        def run(frame: Frame) -> Any:
            container = parent(frame)
            if type(container) is not dict:
                frame[slot] = container if type(container) is ErrorValue else absent
                return has(frame)
            present = key in container
            frame[slot] = container[key] if present else absent
            return present

        return run

    def _binary(self, node: syntax.Binary, variables: dict[str, int]) -> Run:
        left, right = self.compile(node.left, variables), self.compile(node.right, variables)
        if node.operator in ("==", "!="):
            wanted = node.operator == "=="
            if isinstance(node.right, syntax.Literal) and type(node.right.value) in (str, bool):
                return _equals_constant(left, node.right.value, wanted, node.span)
            return _equality(left, right, wanted, node.span)
        if node.operator == "in":
            if isinstance(node.right, syntax.ListLiteral) and node.right.items:
                constants = _strings_of(node.right)
                if constants is not None:
                    return _among_constants(left, constants, node.span)
            return _membership(left, right, node.span)
        if node.operator in ORDERINGS:
            return _binary(compared, node.operator, left, right, node.span)
        return _binary(computed, node.operator, left, right, node.span)

    def _logical(self, node: syntax.Logical, variables: dict[str, int]) -> Run:
        runs = [self.compile(operand, variables) for operand in node.operands]
        slots = [self._slot() for _ in runs]
        if not variables:  # within a macro an arm is evaluated many times: there is no one outcome
            self.arms.update(zip(map(id, node.operands), slots, strict=True))
        return _logical(node.operator, list(zip(runs, slots, strict=True)), node.span)

    def _call(self, node: syntax.Call, variables: dict[str, int]) -> Run:
        table = FUNCTIONS if node.target is None else METHODS
        parts = node.arguments if node.target is None else (node.target, *node.arguments)
        if node.function == _PATTERN_FUNCTION and len(parts) == 2:
            text, pattern = (self.compile(part, variables) for part in parts)
            return _matches(text, pattern, node.span)
        known = table.get(node.function)
        if known is None or len(parts) not in known.counts:
            raise self._unknown_function(node)
        return _call(known.run, [self.compile(part, variables) for part in parts], node.span)

    def _unknown_function(self, node: syntax.Call) -> InvalidExpression:
        name = node.function
        if name in FUNCTIONS or name in METHODS or name == _PATTERN_FUNCTION:
            problem = f"the function {quoted(name)} does not take this number of values, or not there"
        elif name in TIME:
            problem = f"timestamps and durations, as of {quoted(name)}, are not supported"
        else:
            problem = f"there is no function {quoted(name)} in attribute conditions"
        return self._invalid(problem, node.span, name, [*FUNCTIONS, *METHODS, _PATTERN_FUNCTION])

    def _comprehension(self, node: syntax.Comprehension, variables: dict[str, int]) -> Run:
        range_ = self.compile(node.range, variables)
        slot = self._slot()
        inner = {**variables, node.variable: slot}
        predicate = None if node.predicate is None else self.compile(node.predicate, inner)
        transform = None if node.transform is None else self.compile(node.transform, inner)
        bodies = [body for body in (node.predicate, node.transform) if body is not None]
        cost = sum(1 for body in bodies for _ in syntax.walk(body))
        if node.macro in ("all", "exists"):
            assert predicate is not None
            return _quantifier(range_, slot, predicate, cost, stop=node.macro == "exists", span=node.span)
        gathered = _gathered(range_, slot, predicate, transform, cost, node.span)
        return _exactly_one(gathered) if node.macro == "exists_one" else gathered


def _constant(value: object) -> Run:
    return lambda _frame: value


def _slot_reader(slot: int) -> Run:
    return lambda frame: frame[slot]


def _claim_reader(root: int, keys: tuple[str | int, ...], slot: int, walked: Run) -> Run:
    """Reads a claim and keeps it in `slot`; the lengths that tokens have are written out for speed."""
    if not all(type(key) is str for key in keys) or len(keys) > 3:
        return walked
    if len(keys) == 1:
        (first,) = keys

        def one(frame: Frame) -> Any:
            try:
                frame[slot] = value = frame[root][first]
            except (KeyError, TypeError):
                return walked(frame)
            return value

        return one
    if len(keys) == 2:
        first, second = keys

        def two(frame: Frame) -> Any:
            try:
                frame[slot] = value = frame[root][first][second]
            except (KeyError, TypeError):
                return walked(frame)
            return value

        return two
    first, second, third = keys

    def three(frame: Frame) -> Any:
        try:
            frame[slot] = value = frame[root][first][second][third]
        except (KeyError, TypeError):
            return walked(frame)
        return value

    return three


def _member(container: Any, key: Any, span: Span, path: Path | None = None) -> Any:
    """`container[key]`; `path` is where it stands among the claims, if it does."""
    if type(container) is ErrorValue:
        return container
    if type(container) is dict:
        if kind_of(key) not in ("string", "bool", *NUMBERS):
            return no_overload("[]", container, key, span=span)
        there, value = lookup(container, key)
        if there:
            return value
        name = path.text if path is not None else str(key)
        return ErrorValue(f"{quoted(name)} is absent", span, absent=name)
    if type(container) is list:
        if kind_of(key) not in NUMBERS or key != key // 1:
            return no_overload("[]", container, key, span=span)
        if not 0 <= key < len(container):
            return ErrorValue(f"the list has {len(container)} elements, none at {int(key)}", span)
        return container[int(key)]
    what = f"field {quoted(key)}" if type(key) is str else "element"
    return ErrorValue(f"a {kind_of(container) or 'value that JSON does not have'} has no {what}", span)


def _selected(operand: Run, field: str, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        container = operand(frame)
        if type(container) is dict and field in container:
            return container[field]
        if type(container) is list:
            return ErrorValue(f"a list has no field {quoted(field)}", span)
        return _member(container, field, span)

    return run


def _has(operand: Run, field: str, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        container = operand(frame)
        if type(container) is dict:
            return field in container
        return container if type(container) is ErrorValue else no_overload("has", container, span=span)

    return run


def _indexed(operand: Run, key: Run, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        container = operand(frame)
        if type(container) is ErrorValue:
            return container
        position = key(frame)
        return position if type(position) is ErrorValue else _member(container, position, span)

    return run


def _list(items: list[Run]) -> Run:
    def run(frame: Frame) -> Any:
        values = []
        for item in items:
            value = item(frame)
            if type(value) is ErrorValue:
                return value
            values.append(value)
        return values

    return run


def _map(entries: list[tuple[Run, Run]], span: Span) -> Run:
    def run(frame: Frame) -> Any:
        values: dict[Any, Any] = {}
        for key_run, value_run in entries:
            key, value = key_run(frame), value_run(frame)
            if type(key) is ErrorValue or type(value) is ErrorValue:
                return key if type(key) is ErrorValue else value
            if kind_of(key) not in ("string", "bool", "int", "uint"):
                return no_overload("{}", key, span=span)
            if key in values:
                return ErrorValue("a key of the map is repeated", span)
            values[key] = value
        return values

    return run


def _not(operand: Run, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        if type(value) is bool:
            return not value
        return value if type(value) is ErrorValue else no_overload("!", value, span=span)

    return run


def _negation(operand: Run, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        return value if type(value) is ErrorValue else negated(value, span)

    return run


def _equals_constant(operand: Run, constant: object, wanted: bool, span: Span) -> Run:
    """`operand == constant` for a string or a boolean, which equal nothing of another type."""
    kind = type(constant)

    def run(frame: Frame) -> Any:
        value = operand(frame)
        if type(value) is kind:
            return (value == constant) is wanted
        if type(value) is ErrorValue:
            return value
        return not wanted if kind_of(value) else no_overload("==", value, constant, span=span)

    return run


def _equality(left: Run, right: Run, wanted: bool, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        one = left(frame)
        if type(one) is ErrorValue:
            return one
        other = right(frame)
        if type(other) is ErrorValue:
            return other
        same, compared_values = equal(one, other)
        if compared_values > 1 and (exhausted := _too_costly(frame, compared_values, span)):
            return exhausted
        return same is wanted if same is not None else no_overload("==", one, other, span=span)

    return run


def _strings_of(node: syntax.ListLiteral) -> frozenset[str] | None:
    """The items of a list of string literals; None for any other list."""
    values = [item.value for item in node.items if isinstance(item, syntax.Literal)]
    strings = [value for value in values if isinstance(value, str)]
    return frozenset(strings) if len(strings) == len(node.items) else None


def _among_constants(operand: Run, constants: frozenset[str], span: Span) -> Run:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        if type(value) is str:
            return value in constants
        if type(value) is ErrorValue:
            return value
        return False if kind_of(value) else no_overload("in", value, span=span)

    return run


def _membership(element: Run, container: Run, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        value = element(frame)
        if type(value) is ErrorValue:
            return value
        values = container(frame)
        if type(values) is list:
            if type(value) is str:
                return value in values
            return _among(frame, value, values, span)
        if type(values) is dict and kind_of(value) in ("string", "bool", *NUMBERS):
            return lookup(values, value)[0]
        return values if type(values) is ErrorValue else no_overload("in", value, values, span=span)

    return run


def _among(frame: Frame, value: Any, values: list[Any], span: Span) -> Any:
    unknown = False
    for each in values:
        same, compared_values = equal(value, each)
        if exhausted := _too_costly(frame, compared_values, span):
            return exhausted
        if same:
            return True
        unknown = unknown or same is None
    return no_overload("in", value, values, span=span) if unknown else False


def _binary(
    operation: Callable[[str, Any, Any, Span], Any], name: str, left: Run, right: Run, span: Span
) -> Run:
    def run(frame: Frame) -> Any:
        one = left(frame)
        if type(one) is ErrorValue:
            return one
        other = right(frame)
        return other if type(other) is ErrorValue else operation(name, one, other, span)

    return run


def _logical(name: str, arms: list[tuple[Run, int]], span: Span) -> Run:
    """True or false as soon as one arm settles it; only when none does is an arm's error the answer."""
    settles = name == "||"

    def run(frame: Frame) -> Any:
        error = None
        for arm, slot in arms:
            frame[slot] = value = arm(frame)
            if value is settles:
                return settles
            if type(value) is not bool and error is None:
                error = value if type(value) is ErrorValue else no_overload(name, value, span=span)
        return not settles if error is None else error

    return run


def _conditional(condition: Run, accepted: Run, otherwise: Run, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        value = condition(frame)
        if type(value) is bool:
            return accepted(frame) if value else otherwise(frame)
        return value if type(value) is ErrorValue else no_overload("?:", value, span=span)

    return run


def _call(function: Callable[..., object], parts: list[Run], span: Span) -> Run:
    def run(frame: Frame) -> Any:
        values = []
        for part in parts:
            value = part(frame)
            if type(value) is ErrorValue:
                return value
            values.append(value)
        return function(span, *values)

    return run


def _matches(text: Run, pattern: Run, span: Span) -> Run:
    def run(frame: Frame) -> Any:
        subject = text(frame)
        if type(subject) is ErrorValue:
            return subject
        expression = pattern(frame)
        if type(expression) is ErrorValue:
            return expression
        if type(subject) is not str or type(expression) is not str:
            return no_overload("matches", subject, expression, span=span)
        try:
            found, work = compile_pattern(expression).search(subject, most_work=MOST_WORK - frame[WORK])
        except (InvalidPattern, PatternTooCostly) as reason:
            return ErrorValue(f"regular expression {quoted(expression)}: {reason}", span)
        frame[WORK] += work
        return found

    return run


def _too_costly(frame: Frame, cost: int, span: Span) -> ErrorValue | None:
    frame[WORK] += cost
    return ErrorValue("the evaluation takes too long", span) if frame[WORK] > MOST_WORK else None


def _quantifier(range_: Run, slot: int, predicate: Run, cost: int, *, stop: bool, span: Span) -> Run:
    """`exists` (stops at true) and `all` (stops at false); an error counts only when nothing stops it."""

    def run(frame: Frame) -> Any:
        values = range_(frame)
        if type(values) is not list and type(values) is not dict:
            return values if type(values) is ErrorValue else no_overload("macro", values, span=span)
        error = None
        for each in values:
            if exhausted := _too_costly(frame, cost, span):
                return exhausted
            frame[slot] = each
            value = predicate(frame)
            if value is stop:
                return stop
            if type(value) is not bool and error is None:
                error = value if type(value) is ErrorValue else no_overload("macro", value, span=span)
        return not stop if error is None else error

    return run


def _gathered(
    range_: Run, slot: int, predicate: Run | None, transform: Run | None, cost: int, span: Span
) -> Run:
    """The elements that `predicate` takes, as `transform` makes them; any error is the answer."""

    def run(frame: Frame) -> Any:
        values = range_(frame)
        if type(values) is not list and type(values) is not dict:
            return values if type(values) is ErrorValue else no_overload("macro", values, span=span)
        found = []
        for each in values:
            if exhausted := _too_costly(frame, cost, span):
                return exhausted
            frame[slot] = each
            value = True if predicate is None else predicate(frame)
            if type(value) is not bool:
                return value if type(value) is ErrorValue else no_overload("macro", value, span=span)
            if value:
                made = each if transform is None else transform(frame)
                if type(made) is ErrorValue:
                    return made
                found.append(made)
        return found

    return run


def _exactly_one(gathered: Run) -> Run:
    def run(frame: Frame) -> Any:
        found = gathered(frame)
        return found if type(found) is ErrorValue else len(found) == 1

    return run
