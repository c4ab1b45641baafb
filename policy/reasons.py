"""Words for a clause: why it is what it is, and the smallest change that would make it true.

Nothing here evaluates. Every value comes out of the frame of the evaluation that decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from . import schema
from .cel import syntax
from .cel.check import Misfit, check
from .cel.closures import UNREAD, Frame
from .cel.condition import CompiledClause, Condition, paths_in
from .cel.paths import Path, path_of
from .cel.syntax import Node
from .cel.templates import NO_CONSTANT, constant_of
from .cel.values import ErrorValue, is_unknown, kind_of
from .shapes import either_shape, shapes_asked
from .wording import listed, quoted, rendered, with_moment

_MOST_CHOICES: Final = 4
_TIMES: Final = (("exp",), ("iat",), ("nbf",))
_METHODS: Final = {
    "startsWith": ("start with", "starting with"),
    "endsWith": ("end with", "ending with"),
    "contains": ("contain", "containing"),
    "matches": ("match", "matching"),
}
# Whose workload and whose machine it is: here the owner may as well mean the one that came.
_IDENTITY: Final = frozenset(
    (
        ("submods", "container", "image_digest"),
        ("submods", "container", "image_reference"),
        ("submods", "gce", "project_id"),
        ("submods", "gce", "project_number"),
        ("google_service_accounts",),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a clause asks of one claim: `must` as a phrase, `wanted` as what a remedy may name."""

    path: Path
    must: str
    wanted: str


class Wording:
    """The words for one clause of one evaluation."""

    def __init__(
        self, condition: Condition, clause: CompiledClause, frame: Frame, *, vocabulary: bool = True
    ) -> None:
        self._vocabulary = vocabulary
        self._condition = condition
        self._clause = clause
        self._frame = frame
        self._slots = {path: slot for path, _, slot in clause.paths}

    def reason(self, result: Any) -> str:
        """Why the clause is `result`, in one line."""
        if result is True:
            return self._claims_read(self._clause.node) or "always true"
        misfits = [misfit.message for misfit in self._misfits()]
        return "; ".join([self._failure(self._clause.node, result), *misfits])

    def fix(self, result: Any) -> str:
        """Who would have to change what for the clause to be true; "" when it is."""
        if result is True:
            return ""
        if is_unknown(result):
            return "owner: write it such that this project can evaluate it, or try it on Google's own"
        hints = [f"owner: {misfit.hint}" for misfit in self._misfits() if misfit.hint]
        if not hints and type(result) not in (bool, ErrorValue):
            return "owner: compare it with something, so that it is true or false"
        fixes = hints or list(dict.fromkeys(self._fixes(self._clause.node)))
        text = "; or ".join(fix for fix in fixes if fix)
        if not text and not self._vocabulary:
            return "owner: change this clause, or ask the token's issuer what its claims are"
        return text or "owner: change this clause, no launch makes it true"

    def _misfits(self) -> list[Misfit]:
        """What is wrong with the clause itself, whatever the token."""
        return [
            misfit
            for misfit in _checked(self._condition, self._vocabulary)
            if self._clause.node.span.start <= misfit.span.start
            and misfit.span.end <= self._clause.node.span.end
        ]

    def _claims_read(self, node: Node) -> str:
        """The claims of `node` that were read, with their values."""
        read = [path for path in paths_in(node) if self._frame[self._slots[path]] is not UNREAD]
        return " and ".join(dict.fromkeys(map(self._shown, read)))

    def _shown(self, path: Path) -> str:
        value = self._frame[self._slots[path]]
        name = quoted(path.text)
        if type(value) is not ErrorValue:
            return f"{name} is {_value_of(path, value)}"
        if not value.absent:
            return f"{name} cannot be read, {value.message}"
        return f"{name} is absent{_absence(path) if self._vocabulary else ''}"

    def _failure(self, node: Node, result: Any) -> str:
        """Why `node`, which is `result`, is not true."""
        if isinstance(node, syntax.Logical):
            return self._failed_arms(node)
        expectation = None if is_unknown(result) else expectation_of(node)
        if expectation is not None and (type(result) is bool or self._is_absent(expectation.path)):
            return f"{self._shown(expectation.path)}, {expectation.must}"
        read = self._claims_read(node)
        if is_unknown(result):
            known = f"not known what Google makes of it: {result.message}"
            return f"{read}: {known}" if read else known
        if type(result) is ErrorValue:
            said = any(path.text == result.absent for path in self._slots)
            return read if said else ": ".join(filter(None, (read, result.message)))
        if type(result) is not bool:
            return f"{_of_kind(result)}, and only `true` admits"
        must = f"must satisfy {quoted(self._text(node), most_characters=160)}"
        return f"{read}, {must}" if read else f"always false, {must}"

    def _failed_arms(self, node: syntax.Logical) -> str:
        failures = [self._failure(arm, result) for arm, result in self._failing(node)]
        if node.operator == "&&":
            return " and ".join(failures)
        numbered = [f"({number}) {failure}" for number, failure in enumerate(failures, 1)]
        return f"none of {len(numbered)} alternatives is true: {'; '.join(numbered)}"

    def _failing(self, node: syntax.Logical) -> list[tuple[Node, Any]]:
        """The arms that were evaluated and are not true, with what they are."""
        results = ((arm, self._frame[self._condition.arms[id(arm)]]) for arm in node.operands)
        return [(arm, result) for arm, result in results if result is not True and result is not UNREAD]

    def _is_absent(self, path: Path) -> bool:
        value = self._frame[self._slots[path]]
        return type(value) is ErrorValue and bool(value.absent)

    def _text(self, node: Node) -> str:
        return self._condition.text[node.span.start : node.span.end]

    def _fixes(self, node: Node) -> list[str]:
        if isinstance(node, syntax.Logical):
            failed = [arm for arm, _ in self._failing(node)]
            fixes = [self._fixes(arm) for arm in failed]
            if node.operator == "||":
                return [fix for alternatives in fixes for fix in alternatives]
            return [" and ".join(alternatives[0] for alternatives in fixes)] if all(fixes) else []
        other_shape = self._other_shape(node)
        if other_shape:
            return [other_shape]
        expectation = expectation_of(node)
        if expectation is not None:
            return self._remedies(expectation)
        asked = quoted(self._text(node), most_characters=160)
        must, wanted = f"must satisfy {asked}", f"such that {asked}"
        expectations = [
            Expectation(path=path, must=must, wanted=wanted) for path in dict.fromkeys(paths_in(node))
        ]
        return [fix for expectation in expectations for fix in self._remedies(expectation)]

    def _other_shape(self, node: Node) -> str:
        """What the owner is to write where a claim came in the shape that `node` does not ask for."""
        for asked in shapes_asked(node):
            value = self._frame[self._slots[asked.path]] if asked.path in self._slots else UNREAD
            came = "list" if isinstance(value, list) else "string" if isinstance(value, str) else ""
            if came and came != asked.shape:
                both = either_shape(f"assertion.{asked.path.text}", asked.wanted or "…")
                return f"owner: {quoted(asked.path.text)} is a string or a list, ask for both: `{both}`"
        return ""

    def _remedies(self, expectation: Expectation) -> list[str]:
        path = expectation.path
        if path.root != "assertion":
            return [f"owner: the mapping decides what {quoted(path.text)} is"]
        claim = schema.claim_at(path.root, path.keys)
        if claim is None or not self._vocabulary:
            return []
        fixes = []
        remedy = claim.remedies.get(expectation.wanted, "")
        if not remedy and expectation.wanted not in ("absent", "present", "empty"):
            remedy = claim.remedy.format(expected=expectation.wanted)
        if not remedy and claim.set_by != "google":
            remedy = f"{quoted(path.text)} {expectation.must}"
        if remedy:
            fixes.append(f"{claim.set_by}: {remedy}")
        value = self._frame[self._slots[path]]
        if path.keys in _IDENTITY and type(value) in (str, list):
            fixes.append(f"owner: admit {rendered(value)} too, if it is meant")
        return fixes


def _value_of(path: Path, value: object) -> str:
    """The value of a claim, or what it is compared with; of a claim that is a time, the moment too."""
    return with_moment(value) if path.root == "assertion" and path.keys in _TIMES else rendered(value)


@lru_cache(maxsize=64)
def _checked(condition: Condition, vocabulary: bool) -> tuple[Misfit, ...]:
    found = (check(clause.node, vocabulary=vocabulary) for clause in condition.clauses)
    return tuple(misfit for each in found for misfit in each)


def _of_kind(result: object) -> str:
    """What a clause is that is no Boolean."""
    if result is None:
        return "the clause is null"
    kind = kind_of(result)
    if not kind or kind == "type":
        return "the clause is a value that JSON does not have"
    return f"the clause is {'an' if kind == 'int' else 'a'} {kind}, {rendered(result)}"


def _absence(path: Path) -> str:
    """What it means that the claim is not there, when it means something."""
    for length in range(len(path.keys), 0, -1):
        claim = schema.claim_at(path.root, path.keys[:length])
        if claim is not None and claim.absence:
            return f" ({claim.absence})"
    return ""


def expectation_of(node: Node) -> Expectation | None:
    """What `node` asks of one claim, when that is all it asks."""
    match node:
        case syntax.Binary():
            return _of_comparison(node)
        case syntax.Has():
            return _of_path(node, "must be present", "present")
        case syntax.Unary(operator="!", operand=syntax.Has() as presence):
            return _of_path(presence, "must be absent", "absent")
        case syntax.Unary(operator="!", operand=operand):
            return _of_path(operand, "must be false", "false")
        case syntax.Call(target=target, arguments=(syntax.Literal() as literal,)) if target is not None:
            if node.function in _METHODS:
                verb, participle = _METHODS[node.function]
                value = rendered(literal.value)
                return _of_path(target, f"must {verb} {value}", f"{participle} {value}")
            return None
        case syntax.Comprehension():
            return _of_quantifier(node)
        case _:
            return _of_path(node, "must be true", "true")


def _of_path(node: Node, must: str, wanted: str) -> Expectation | None:
    path = path_of(node)
    return None if path is None else Expectation(path=path, must=must, wanted=wanted)


def _of_comparison(node: syntax.Binary) -> Expectation | None:
    right = constant_of(node.right)
    if node.operator == "in":
        if isinstance(right, list):
            return _of_path(node.left, f"must be {_choices(right)}", _choices(right))
        left = constant_of(node.left)
        if left is NO_CONSTANT:
            return None
        return _of_path(node.right, f"must contain {rendered(left)}", rendered(left))
    if right is NO_CONSTANT:
        return None
    size = _sized(node.left)
    if size is not None:
        if node.operator == "==" and right == 0:
            return _of_path(size, "must be empty", "empty")
        sized = f"of size {node.operator} {rendered(right)}"
        return _of_path(size, f"must be {sized}", sized)
    read = path_of(node.left)
    value = rendered(right) if read is None else _value_of(read, right)
    if node.operator == "==":
        return _of_path(node.left, f"must be {value}", value)
    if node.operator == "!=":
        return _of_path(node.left, f"must not be {value}", f"other than {value}")
    if node.operator in ("<", "<=", ">", ">="):
        return _of_path(node.left, f"must be {node.operator} {value}", f"{node.operator} {value}")
    return None


def _sized(node: Node) -> Node | None:
    """What `size(…)` or `….size()` is the size of."""
    if not isinstance(node, syntax.Call) or node.function != "size":
        return None
    return node.target if node.target is not None else node.arguments[0]


def _of_quantifier(node: syntax.Comprehension) -> Expectation | None:
    predicate = node.predicate
    if node.macro not in ("all", "exists") or not isinstance(predicate, syntax.Binary):
        return None
    each = predicate.left
    wanted = constant_of(predicate.right)
    if not isinstance(each, syntax.Identifier) or each.name != node.variable or wanted is NO_CONSTANT:
        return None
    if predicate.operator == "==":
        wanted = [wanted]
    elif predicate.operator != "in" or not isinstance(wanted, list):
        return None
    whose = "must hold only" if node.macro == "all" else "must hold"
    return _of_path(node.range, f"{whose} {_choices(wanted)}", _choices(wanted))


def _choices(values: list[Any]) -> str:
    if not values:
        return "nothing"
    shown = [rendered(value) for value in values[:_MOST_CHOICES]]
    if len(values) > _MOST_CHOICES:
        return f"{', '.join(shown)} or one of {len(values) - _MOST_CHOICES} others"
    return listed(shown)
