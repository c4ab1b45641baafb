"""Constants as CEL text."""

from __future__ import annotations

from attestation.errors import Misconfigured

from ..wording import quoted

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


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
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        raise Misconfigured(f"{quoted(character)} is a lone surrogate, no character")
    if character.isprintable():
        return character
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
