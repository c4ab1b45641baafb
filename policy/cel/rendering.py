"""Constants as CEL text."""

from __future__ import annotations

import re
from typing import Final

from attestation.errors import Misconfigured

from ..wording import escaped_in_string, quoted

_NOT_PLAIN: Final = re.compile(r"[^ !#-\[\]-~]")
"""What is looked at one by one: all but what ASCII has to show, and of that the quote and the backslash."""


def render_constant(value: object) -> str:
    """A string, a boolean, an int, or a list of them, as CEL.

    >>> render_constant(["a", 'say "b"', True])
    '["a", "say \\\\"b\\\\"", true]'

    Raises:
        Misconfigured: a string that CEL cannot hold.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f'"{_NOT_PLAIN.sub(_escaped, value)}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(render_constant, value)) + "]"
    raise TypeError(type(value))


def _escaped(found: re.Match[str]) -> str:
    character = found.group()
    if 0xD800 <= ord(character) <= 0xDFFF:
        raise Misconfigured(f"{quoted(character)} is a lone surrogate, no character")
    return escaped_in_string(character)
