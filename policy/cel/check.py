"""What a condition's types say against it, before any token is seen.

A misfit never changes a decision: the evaluator decides, and where a misfit is right the evaluator
denies or says nothing. Misfits are hints for explanations, and for whoever lints.

Source: policy/schema.py for the vocabulary; google/cel-spec, doc/langdef.md, "Gradual Type Checking".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .. import claim_types, schema
from ..claim_types import BOOL, INT, STRING, ListOf, MapOf, Object, OneOf, Scalar, Type, without_null
from ..wording import did_you_mean, listed, quoted, rendered
from . import syntax
from .paths import path_of
from .patterns import InvalidPattern, UnsupportedPattern, parse_pattern
from .syntax import Node, Span

DYN: Final = Scalar("dyn")
_LITERALS: Final[dict[syntax.Kind, Type]] = {
    "string": STRING,
    "bytes": Scalar("bytes"),
    "bool": BOOL,
    "int": INT,
    "uint": Scalar("uint"),
    "double": Scalar("double"),
    "null_type": claim_types.NULL,
}
_RESULTS: Final[dict[str, Type]] = {
    **dict.fromkeys(("startsWith", "endsWith", "contains", "matches", "bool"), BOOL),
    **dict.fromkeys(("string", "extract", "join", "lowerAscii"), STRING),
    **dict.fromkeys(("size", "int"), INT),
    "uint": Scalar("uint"),
    "double": Scalar("double"),
    "bytes": Scalar("bytes"),
    "type": Scalar("type"),
    "split": ListOf(STRING),
}
_ON_STRINGS: Final = frozenset(
    ("startsWith", "endsWith", "contains", "matches", "extract", "split", "lowerAscii")
)
_NUMBERS: Final = frozenset(("int", "uint", "double"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """`rule` is the slug that names it everywhere; `hint` what to write instead, "" when unsure."""

    rule: str
    message: str
    hint: str
    span: Span


def check(node: Node, *, vocabulary: bool = True) -> tuple[Misfit, ...]:
    """What is wrong with the types of this condition, in the order it is written.

    Without the `vocabulary`, as for the tokens of another issuer, a claim may be of any name and type.
    """
    checker = _Checker(vocabulary)
    result = checker.type_of(node, {})
    if not _is(result, "bool"):
        hint = ""
        if isinstance(node, syntax.Literal) and isinstance(node.value, str):
            hint = "take the comparison out of its quotes"
        checker.add("not-boolean", f"the condition is {_named(result)}, never true", hint, node)
    return tuple(sorted(checker.misfits, key=lambda misfit: misfit.span))


def may_be_a_string(node: Node, *, vocabulary: bool = True) -> bool:
    """Whether the expression may give a string; with the `vocabulary`, as far as claims are as documented."""
    return _is(_Checker(vocabulary).type_of(node, {}), "string")


@dataclass(slots=True)
class _Checker:
    vocabulary: bool
    misfits: list[Misfit] = field(default_factory=list)

    def add(self, rule: str, message: str, hint: str, node: Node) -> None:
        self.misfits.append(Misfit(rule=rule, message=message, hint=hint, span=node.span))

    def type_of(self, node: Node, variables: Mapping[str, Type]) -> Type:
        match node:
            case syntax.Literal():
                return _LITERALS[node.kind]
            case syntax.Identifier():
                if node.name in variables and not node.outermost:
                    return variables[node.name]
                if node.name == "assertion" and not self.vocabulary:
                    return DYN
                return schema.ROOTS.get(node.name, DYN)
            case syntax.Select() | syntax.Has():
                of_field = self._field(node, variables)
                return BOOL if isinstance(node, syntax.Has) else of_field
            case syntax.Index():
                return self._element(node, variables)
            case syntax.ListLiteral():
                types = [self.type_of(item, variables) for item in node.items]
                return ListOf(types[0] if types and all(each == types[0] for each in types) else DYN)
            case syntax.MapLiteral():
                for part in syntax.children(node):
                    self.type_of(part, variables)
                return MapOf(DYN)
            case syntax.Message():
                for part in syntax.children(node):
                    self.type_of(part, variables)
                return DYN
            case syntax.Unary():
                operand = self.type_of(node.operand, variables)
                if node.operator == "!":
                    self._require_bool(node.operand, operand)
                    return BOOL
                return operand
            case syntax.Binary():
                return self._binary(node, variables)
            case syntax.Logical():
                for arm in node.operands:
                    self._require_bool(arm, self.type_of(arm, variables))
                return BOOL
            case syntax.Conditional():
                types = [self.type_of(part, variables) for part in syntax.children(node)]
                self._require_bool(node.condition, types[0])
                return types[1] if types[1] == types[2] else DYN
            case syntax.Call():
                return self._call(node, variables)
            case syntax.Comprehension():
                return self._comprehension(node, variables)
            case _:
                raise AssertionError(node)

    def _require_bool(self, node: Node, found: Type) -> None:
        if not _is(found, "bool"):
            message = f"{_named(found)} stands where true or false must{_as_documented(node)}"
            self.add("wrong-type", message, "", node)

    def _field(self, node: syntax.Select | syntax.Has, variables: Mapping[str, Type]) -> Type:
        operand = without_null(self.type_of(node.operand, variables))
        if isinstance(operand, Object):
            if node.field in operand.fields:
                return operand.fields[node.field].type
            hint = did_you_mean(node.field, operand.fields)
            path = path_of(node)
            name = quoted(path.text if path else node.field)
            self.add("unknown-claim", f"{name} is no documented claim of the token", hint, node)
        elif isinstance(operand, MapOf):
            return operand.value
        elif operand != DYN and not isinstance(operand, OneOf):
            self.add("wrong-type", f"{_named(operand)} has no field {quoted(node.field)}", "", node)
        return DYN

    def _element(self, node: syntax.Index, variables: Mapping[str, Type]) -> Type:
        operand = without_null(self.type_of(node.operand, variables))
        key = self.type_of(node.key, variables)
        if isinstance(operand, ListOf):
            if not _is(key, *_NUMBERS):
                self.add("wrong-type", f"{_named(key)} is no position in a list", "", node.key)
            return operand.element
        if isinstance(operand, MapOf):
            return operand.value
        if isinstance(operand, Object) and isinstance(node.key, syntax.Literal) and node.key.kind == "string":
            name = str(node.key.value)
            if name in operand.fields:
                return operand.fields[name].type
            hint = did_you_mean(name, operand.fields)
            self.add("unknown-claim", f"{quoted(name)} is no documented claim of the token", hint, node)
        return DYN

    def _binary(self, node: syntax.Binary, variables: Mapping[str, Type]) -> Type:
        left, right = self.type_of(node.left, variables), self.type_of(node.right, variables)
        if node.operator in ("==", "!="):
            if not _comparable(left, right):
                always = "never" if node.operator == "==" else "always"
                message = f"{_named(left)} and {_named(right)} are never equal{_as_documented(node)}"
                self.add("wrong-type", f"{message}: the comparison is {always} true", "", node)
            else:
                self._check_value(node.left, node.right)
                self._check_value(node.right, node.left)
            return BOOL
        if node.operator == "in":
            self._check_membership(node, left, right)
            return BOOL
        if node.operator in ("<", "<=", ">", ">="):
            if not _comparable(left, right):
                message = f"{_named(left)} and {_named(right)} have no order{_as_documented(node)}"
                self.add("wrong-type", message, "", node)
            return BOOL
        if left != right and DYN not in (left, right):
            message = f"`{node.operator}` takes two of one type, not {_named(left)} and {_named(right)}"
            message += _as_documented(node)
            self.add("wrong-type", message, "", node)
            return DYN
        return left

    def _check_membership(self, node: syntax.Binary, left: Type, right: Type) -> None:
        container = without_null(right)
        if container == STRING:
            hint = "write `==`, or `.contains(…)`"
            self.add("in-on-a-string", "`in` looks into a list or a map, not into a string", hint, node)
        elif isinstance(container, ListOf):
            if not _comparable(left, container.element):
                message = (
                    f"{_named(left)} is never in a list whose elements are each {_named(container.element)}"
                    f"{_as_documented(node)}"
                )
                self.add("wrong-type", message, "", node)
            self._check_value(node.right, node.left)
            if isinstance(node.right, syntax.ListLiteral):
                for item in node.right.items:
                    self._check_value(node.left, item)
        elif not isinstance(container, MapOf | Object | OneOf) and container != DYN:
            self.add("wrong-type", f"`in` looks into a list or a map, not into {_named(right)}", "", node)

    def _check_value(self, claim_node: Node, literal: Node) -> None:
        """A constant that no document names for the claim, or that is no digest where it is one."""
        path = path_of(claim_node) if self.vocabulary else None
        if path is None or not isinstance(literal, syntax.Literal) or not isinstance(literal.value, str):
            return
        claim = schema.claim_at(path.root, path.keys)
        if claim is None or isinstance(claim.type, Object):
            return
        value = literal.value
        if claim.values and value not in claim.values:
            hint = did_you_mean(value, claim.values, cutoff=0.4)
            known = listed([quoted(each) for each in claim.values], "and")
            verb = "are" if len(claim.values) > 1 else "is"
            message = f"{rendered(value)} is not documented for `{path.text}`, where {known} {verb} known"
            self.add("value-outside-vocabulary", message, hint, literal)
        elif claim.pattern == schema.DIGEST_PATTERN and not re.fullmatch(claim.pattern, value):
            hint = "write `sha256:` and 64 lower-case hex digits"
            self.add("malformed-digest", f"{rendered(value)} is not a digest", hint, literal)

    def _call(self, node: syntax.Call, variables: Mapping[str, Type]) -> Type:
        target = None if node.target is None else self.type_of(node.target, variables)
        arguments = [self.type_of(argument, variables) for argument in node.arguments]
        subject = target if target is not None else arguments[0] if arguments else DYN
        if node.function in _ON_STRINGS and not _is(subject, "string"):
            in_a_list = node.function == "contains" and isinstance(without_null(subject), ListOf)
            hint = "write `… in …`" if in_a_list else ""
            self.add("wrong-type", f"`{node.function}` is for strings, not for {_named(subject)}", hint, node)
        has_size = not isinstance(without_null(subject), Scalar) or _is(subject, "string", "bytes")
        if node.function == "size" and not has_size:
            self.add("wrong-type", f"{_named(subject)} has no size", "", node)
        if node.function == "matches" and node.arguments:
            self._check_pattern(node.arguments[-1])
        return _RESULTS.get(node.function, DYN)

    def _check_pattern(self, node: Node) -> None:
        if isinstance(node, syntax.Literal) and isinstance(node.value, str):
            try:
                parse_pattern(node.value)
            except UnsupportedPattern:
                return  # RE2 may read it: the rule unknown-evaluation says so
            except InvalidPattern as reason:
                self.add("invalid-pattern", f"not a regular expression of RE2: {reason}", "", node)

    def _comprehension(self, node: syntax.Comprehension, variables: Mapping[str, Type]) -> Type:
        range_ = without_null(self.type_of(node.range, variables))
        element: Type = DYN
        if isinstance(range_, ListOf):
            element = range_.element
        elif isinstance(range_, MapOf | Object):
            element = STRING
        elif range_ != DYN and not isinstance(range_, OneOf):
            message = f"`{node.macro}` goes through a list or a map, not through {_named(range_)}"
            self.add("wrong-type", message, "", node.range)
        inner = {**variables, node.variable: element}
        if node.predicate is not None:
            self._require_bool(node.predicate, self.type_of(node.predicate, inner))
        if node.transform is not None:
            return ListOf(self.type_of(node.transform, inner))
        return ListOf(element) if node.macro == "filter" else BOOL


def _is(type_: Type, *kinds: str) -> bool:
    """Whether a value of this type may be of one of these kinds."""
    if isinstance(type_, OneOf):
        return any(_is(each, *kinds) for each in type_.types)
    return isinstance(type_, Scalar) and type_.kind in ("dyn", *kinds)


def _comparable(left: Type, right: Type) -> bool:
    """Whether values of these types may ever be equal."""
    if isinstance(left, OneOf):
        return any(_comparable(each, right) for each in left.types)
    if isinstance(right, OneOf):
        return any(_comparable(left, each) for each in right.types)
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        both = {left.kind, right.kind}
        return len(both) == 1 or "dyn" in both or both <= _NUMBERS
    if isinstance(left, ListOf) and isinstance(right, ListOf):
        return _comparable(left.element, right.element)
    if DYN in (left, right):
        return True
    return isinstance(left, MapOf | Object) and isinstance(right, MapOf | Object)


def _as_documented(node: Node) -> str:
    """Where a type is a claim's, it is only what documents say; between constants it is sure."""
    reads = any(isinstance(each, syntax.Identifier) for each, _ in syntax.walk(node))
    return ", by the documents" if reads else ""


def _named(type_: Type) -> str:
    match type_:
        case Scalar():
            return {"dyn": "a value", "int": "an int", "null": "null"}.get(type_.kind, f"a {type_.kind}")
        case ListOf():
            return "a list"
        case MapOf() | Object():
            return "a map"
        case OneOf():
            return listed([_named(each) for each in type_.types])
