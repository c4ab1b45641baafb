"""Constants as CEL text."""

from __future__ import annotations

from attestation.errors import Misconfigured

from ..wording import escaped_in_string, quoted


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
        return '"' + "".join(map(_escaped, value)) + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(render_constant, value)) + "]"
    raise TypeError(type(value))


def _escaped(character: str) -> str:
    if 0xD800 <= ord(character) <= 0xDFFF:
        raise Misconfigured(f"{quoted(character)} is a lone surrogate, no character")
    return escaped_in_string(character)
