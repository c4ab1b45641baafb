"""The types that a claim can have, and what a vocabulary says of one claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

SetBy: TypeAlias = Literal["google", "operator", "publisher"]
"""Who can make the claim another: the platform, whoever launches, whoever makes the image."""


@dataclass(frozen=True, slots=True)
class Scalar:
    kind: Literal["string", "bool", "int", "uint", "double", "bytes", "null", "type", "dyn"]


@dataclass(frozen=True, slots=True)
class ListOf:
    element: Type


@dataclass(frozen=True, slots=True)
class MapOf:
    """Any string to `value`."""

    value: Type


@dataclass(frozen=True, slots=True)
class Object:
    """These fields, and in a later token perhaps more."""

    fields: Mapping[str, Claim]


@dataclass(frozen=True, slots=True)
class OneOf:
    types: tuple[Type, ...]


Type: TypeAlias = Scalar | ListOf | MapOf | Object | OneOf

STRING: Final = Scalar("string")
BOOL: Final = Scalar("bool")
INT: Final = Scalar("int")
NULL: Final = Scalar("null")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A field of the token.

    `values` are the only strings that it, or each of its elements, is documented to be, so there may be
    others, unless it is `verified`: no token with another is admitted. `pattern` is what they
    look like, in RE2's syntax; empty is anything. `remedy` says to whoever launches how to make it
    `{expected}`, and `remedies` how to make it one certain thing: a value as JSON, `absent`, `empty`.
    `absence` says when it is not there.
    """

    type: Type
    required: bool = True
    values: tuple[str, ...] = ()
    verified: bool = False
    pattern: str = ""
    set_by: SetBy = "google"
    summary: str
    remedy: str = ""
    remedies: Mapping[str, str] = field(default_factory=dict)
    absence: str = ""


def without_null(type_: Type) -> Type:
    """`type_`, where it may also be null: what it is otherwise."""
    if isinstance(type_, OneOf):
        others = [each for each in type_.types if each != NULL]
        return others[0] if len(others) == 1 else type_
    return type_
