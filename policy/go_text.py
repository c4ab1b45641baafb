"""How Go's standard library reads and prints values, where the real launcher's words depend on it.

Source: Go's documentation of `strconv.ParseBool`, `strconv.ParseUint`, `encoding/json` and `fmt`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_LARGEST_UINT64 = 2**64 - 1


class GoError(Exception):
    """An error whose text is the one that Go's function gives."""


def parse_bool(text: str) -> bool:
    """What `strconv.ParseBool` makes of `text`.

    >>> parse_bool("T"), parse_bool("0")
    (True, False)

    Raises:
        GoError: anything but the twelve spellings.
    """
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise GoError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def parse_uint(text: str) -> int:
    """What `strconv.ParseUint(text, 10, 64)` makes of `text`.

    Raises:
        GoError: signs, spaces, other digits than ASCII, and numbers beyond 64 bits.
    """
    if not (text.isascii() and text.isdigit()):
        raise GoError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if int(text) > _LARGEST_UINT64:
        raise GoError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)


def parse_string_array(text: str) -> tuple[str, ...]:
    """What `json.Unmarshal` into `[]string` makes of `text`; `null` is no strings.

    Raises:
        GoError: in Go's words where the first character is to blame or a type does not fit;
            syntax errors further on are all called an unexpected end.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise GoError(json_syntax(text, error)) from None
    if value is None:
        return ()
    if not isinstance(value, list):
        raise GoError(f"json: cannot unmarshal {json_kind(value)} into Go value of type []string")
    for item in value:
        if not isinstance(item, str):
            raise GoError(f"json: cannot unmarshal {json_kind(item)} into Go value of type string")
    return tuple(value)


def json_syntax(text: str, error: json.JSONDecodeError) -> str:
    """Go's words for a syntax error; an empty text is `EOF` to a decoder."""
    if not text.strip():
        return "EOF"
    if error.pos == len(text) - len(text.lstrip()):
        return f"invalid character {text.lstrip()[0]!r} looking for beginning of value"
    return "unexpected end of JSON input"


def json_kind(value: object) -> str:
    """What Go's JSON errors call the kind of a value: `string`, `number`, `bool`, `object`, `array`."""
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "null"


def print_strings(items: Iterable[str]) -> str:
    """A slice of strings as `%v` prints it.

    >>> print_strings(["a", "b"])
    '[a b]'
    """
    return "[" + " ".join(items) + "]"
