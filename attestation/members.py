"""Reading a JSON object member by member, each with its type, and losing none of the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from .rejections import ClaimMalformed, ClaimMissing

T = TypeVar("T")

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def required(path: str, value: T | None) -> T:
    """`value`, which is there.

    Raises:
        ClaimMissing: it is not.
    """
    if value is None:
        raise ClaimMissing(f"claim `{path}` is absent")
    return value


class Members:
    """The members of the object at `path`; those that nobody asks for stay in `unknown`.

    Each method reads one member: it answers None where the member is absent, and raises
    `ClaimMalformed` where it has another type. Null is a type of its own, and no absence,
    but where the platform has sent it for one (`null_is_absent`).
    """

    def __init__(self, path: str, value: object, unknown: dict[str, object]) -> None:
        self._path = path
        self._members = _members(path, value)
        self._unknown = unknown
        unknown.update({_join(path, name): member for name, member in self._members.items()})

    def text(self, name: str) -> str | None:
        """A string."""
        return self._read(name, _text)

    def integer(self, name: str) -> int | None:
        """A number that is written without fraction and exponent."""
        return self._read(name, _integer)

    def boolean(self, name: str) -> bool | None:
        """True or false."""
        return self._read(name, _boolean)

    def texts(self, name: str, *, null_is_absent: bool = False) -> tuple[str, ...] | None:
        """A list of strings."""
        return self._read(name, _texts, null_is_absent=null_is_absent)

    def text_or_texts(self, name: str) -> tuple[str, ...] | None:
        """A list of strings, or the only one of them."""
        return self._read(name, _text_or_texts)

    def text_by_name(self, name: str, *, null_is_absent: bool = False) -> Mapping[str, str] | None:
        """An object whose members are strings, under any names."""
        return self._read(name, _text_by_name, null_is_absent=null_is_absent)

    def nested(self, name: str, make: Callable[[Members], T]) -> T | None:
        """An object, out of which `make` makes a type."""
        return self._read(name, lambda path, value: make(Members(path, value, self._unknown)))

    def nested_list(self, name: str, make: Callable[[Members], T]) -> tuple[T, ...] | None:
        """A list of objects, out of each of which `make` makes a type."""
        return self._read(
            name,
            lambda path, value: tuple(
                make(Members(f"{path}[{index}]", one, self._unknown))
                for index, one in enumerate(_list(path, value))
            ),
        )

    def nested_or_list(self, name: str, make: Callable[[Members], T]) -> tuple[T, ...] | None:
        """A list of objects, or the only one of them."""
        if isinstance(self._members.get(name), list):
            return self.nested_list(name, make)
        only = self.nested(name, make)
        return None if only is None else (only,)

    def _read(self, name: str, read: Callable[[str, object], T], *, null_is_absent: bool = False) -> T | None:
        path = _join(self._path, name)
        self._unknown.pop(path, None)
        if name not in self._members or (null_is_absent and self._members[name] is None):
            return None
        return read(path, self._members[name])


def _text(path: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type(path, "a string")
    return value


def _integer(path: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(path, "an integer")
    return value


def _boolean(path: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong_type(path, "a boolean")
    return value


def _list(path: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise _wrong_type(path, "a list")
    return value


def _members(path: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _wrong_type(path, "an object")
    return value


def _texts(path: str, value: object) -> tuple[str, ...]:
    return tuple(_text(f"{path}[{index}]", one) for index, one in enumerate(_list(path, value)))


def _text_or_texts(path: str, value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else _texts(path, value)


def _text_by_name(path: str, value: object) -> Mapping[str, str]:
    return {name: _text(_join(path, name), one) for name, one in _members(path, value).items()}


def _wrong_type(path: str, expected: str) -> ClaimMalformed:
    return ClaimMalformed(f"claim `{path}` is not {expected}")


def _join(path: str, name: str) -> str:
    """The path of the member `name` of the object at `path`, as CEL would write it.

    >>> _join("submods.gce", "zone"), _join("", "https://aws.amazon.com/tags")
    ('submods.gce.zone', '["https://aws.amazon.com/tags"]')
    """
    if not _WORD.fullmatch(name):
        return f"{path}[{json.dumps(name)}]"
    return f"{path}.{name}" if path else name
