"""Tables of TOML whose keys are the fields of a dataclass: one description for reader, writer and page.

The metadata of a field (`key`) say which values it takes and what they mean; its default is the key's. A key
without a default has to be written, and a key that no field has is refused.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Protocol, TypeVar

from attestation.digests import Digest
from attestation.errors import Misconfigured, quoted

from .uris import parse_object_uri

_SHA256 = re.compile(r"[0-9a-f]{64}")

Table = TypeVar("Table")


class Kind(Protocol):
    """The values that a key takes, as TOML has them and as the program does."""

    @property
    def expected(self) -> str:
        """What to write, as a message and the reference page say it."""

    def read(self, value: Any, where: str) -> Any:
        """The program's value.

        Raises:
            ValueError: TOML's is none of the key's.
            Misconfigured: the same, with a reason of its own.
        """

    def render(self, value: Any) -> str:
        """TOML that `read` makes `value` of."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text that the pattern matches whole."""

    expected: str
    pattern: re.Pattern[str]

    def read(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or not self.pattern.fullmatch(value):
            raise ValueError
        return value

    def render(self, value: str) -> str:
        return _quoted_text(value)


@dataclass(frozen=True, slots=True)
class ObjectName:
    """An `ObjectUri`."""

    expected: str = "`gs://bucket/object`"

    def read(self, value: Any, where: str) -> Any:
        if not isinstance(value, str):
            raise ValueError
        return parse_object_uri(value, where=where)

    def render(self, value: object) -> str:
        return _quoted_text(str(value))


@dataclass(frozen=True, slots=True)
class Sha256:
    """A `Digest`, written without the name of its algorithm."""

    expected: str = "64 lower-case hex digits"

    def read(self, value: Any, where: str) -> Digest:
        if not isinstance(value, str) or not _SHA256.fullmatch(value):
            raise ValueError
        return Digest("sha256:" + value)

    def render(self, value: Digest) -> str:
        return _quoted_text(value.removeprefix("sha256:"))


class Sha256s:
    """Some `Digest`s, each once, written as `Sha256` writes one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._one = Sha256()
        self.expected = f"a list of 1 to {most} times {self._one.expected}"

    def read(self, value: Any, where: str) -> tuple[Digest, ...]:
        if not isinstance(value, list) or not 0 < len(value) <= self._most:
            raise ValueError
        digests = tuple(self._one.read(each, where) for each in value)
        if len(set(digests)) < len(digests):
            raise ValueError
        return digests

    def render(self, value: tuple[Digest, ...]) -> str:
        return f"[{', '.join(map(self._one.render, value))}]"


class Choice:
    """One of some words."""

    def __init__(self, *choices: str) -> None:
        self._choices = choices
        self.expected = " or ".join(f"`{choice}`" for choice in choices)

    def read(self, value: Any, where: str) -> str:
        if value not in self._choices:
            raise ValueError
        return str(value)

    def render(self, value: str) -> str:
        return _quoted_text(value)


@dataclass(frozen=True, slots=True)
class Flag:
    expected: str = "`true` or `false`"

    def read(self, value: Any, where: str) -> bool:
        if not isinstance(value, bool):
            raise ValueError
        return value

    def render(self, value: bool) -> str:
        return "true" if value else "false"


class Whole:
    """A whole number within bounds, both included."""

    def __init__(self, low: int, high: int) -> None:
        self._low, self._high = low, high
        self.expected = f"a whole number from {low} to {high}"

    def read(self, value: Any, where: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not self._low <= value <= self._high:
            raise ValueError
        return value

    def render(self, value: int) -> str:
        return str(value)


class Number:
    """A finite number within bounds, both included."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high
        self.expected = f"a number from {low:g} to {high:g}"

    def read(self, value: Any, where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        if not self._low <= value <= self._high:  # which no NaN is
            raise ValueError
        return float(value)

    def render(self, value: float) -> str:
        return repr(float(value))


class ThreeNumbers:
    """A number for each channel of a picture: red, green, blue."""

    def __init__(self, low: float, high: float) -> None:
        self._number = Number(low, high)
        self.expected = f"three numbers from {low:g} to {high:g}: red, green, blue"

    def read(self, value: Any, where: str) -> tuple[float, float, float]:
        if not isinstance(value, list) or len(value) != 3:
            raise ValueError
        red, green, blue = (self._number.read(each, where) for each in value)
        return red, green, blue

    def render(self, value: tuple[float, float, float]) -> str:
        return f"[{', '.join(map(self._number.render, value))}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a table; `default` is None where another key, or the machine, decides."""

    name: str
    kind: Kind
    meaning: str
    unit: str
    required: bool
    default: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """How the tables' document is called in a message, and what to do about one."""

    what: str
    hint: str


def key(kind: Kind, meaning: str, *, unit: str = "") -> Mapping[str, Any]:
    """The metadata of a field that is a key: its values, and what they mean for whoever reads results."""
    return {"kind": kind, "meaning": meaning, "unit": unit}


def keys_of(table: type) -> Iterator[Key]:
    """The keys of a table, in the order of writing."""
    for each in fields(table):
        required = each.default is MISSING
        default = None if required else each.default
        yield Key(name=each.name, required=required, default=default, **each.metadata)


def refuse_unknown(document: Document, values: Mapping[str, Any], known: list[str], where: str = "") -> None:
    """Every key is known.

    Raises:
        Misconfigured: one is not.
    """
    for name in values:
        if name not in known:
            raise Misconfigured(
                f"{document.what} have an unknown key {quoted(where + name)}",
                hint=f"known are: {', '.join(known)}",
            )


def read_table(document: Document, name: str, values: object, table: type[Table]) -> Table:
    """The table `name` of the document, from what TOML has below it.

    Raises:
        Misconfigured: it is no table, a key is missing or unknown, or a value is none of its key's.
    """
    if not isinstance(values, dict):
        raise Misconfigured(f"`{name}` in {document.what} is no table", hint=f"write `[{name}]`")
    keys = list(keys_of(table))
    refuse_unknown(document, values, [each.name for each in keys], f"{name}.")
    read = {}
    for each in keys:
        where = f"{name}.{each.name}"
        if each.name in values:
            read[each.name] = _read(document, each.kind, values[each.name], where)
        elif each.required:
            raise Misconfigured(f"{document.what} do not say `{where}`", hint=document.hint)
    return table(**read)


def _read(document: Document, kind: Kind, value: Any, where: str) -> Any:
    try:
        return kind.read(value, where)
    except ValueError:
        raise Misconfigured(
            f"`{where}` in {document.what} is {quoted(str(value))}, not {kind.expected}", hint=document.hint
        ) from None


def render_table(name: str, table: Any, *, commented: bool = False) -> str:
    """The lines of the table `name`, every key that has a value spelled out; empty where none has.

    `commented`: above each stand its meaning, the values that it takes and their unit.
    """
    lines = [
        f"{_comment(each) if commented else ''}{each.name} = {each.kind.render(value)}\n"
        for each in keys_of(type(table))
        if (value := getattr(table, each.name)) is not None
    ]
    return f"[{name}]\n{''.join(lines)}" if lines else ""


def _comment(said: Key) -> str:
    unit = f" ({said.unit})" if said.unit else ""
    words = f"{said.meaning}; {said.kind.expected}{unit}"
    lines = textwrap.wrap(words, 96, break_on_hyphens=False, break_long_words=False)
    return textwrap.indent("\n".join(lines), "# ") + "\n"


def _quoted_text(text: str) -> str:
    """A basic string of TOML: JSON's, but for DEL; halves of surrogate pairs are in no text that was read."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
