"""Text becomes tokens with spans.

Source: google/cel-spec, doc/langdef.md, "Syntax" (lexis), "String and Bytes Values".
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from typing import Literal as OneOf

from ..wording import quoted
from .syntax import InvalidExpression, LiteralValue, Span

TokenKind = OneOf["name", "quoted-name", "number", "string", "bytes", "symbol", "end"]

_LEXEME: Final = r"""
    (?P<space>[ \t\r\n\f]+ | //[^\n]*)
    | (?P<quote>(?:[rR] | [bB][rR]?)?(?:\"\"\"|'''|"|'))
    | (?P<number>0x[0-9a-fA-F]+[uU]? | [0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?
        | [0-9]+[eE][+-]?[0-9]+ | [0-9]+[uU]?)
    | (?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
    | `(?P<quoted_name>[A-Za-z0-9_.\-/\ ]+)`
    | (?P<symbol>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])
    """
_ESCAPE: Final = (
    r"\\(?: (?P<plain>[abfnrtv\\?\"'`]) | [xX](?P<hex>[0-9a-fA-F]{2}) | (?P<octal>[0-3][0-7]{2})"
    r" | u(?P<short>[0-9a-fA-F]{4}) | U(?P<long>[0-9a-fA-F]{8}) )"
)
_ORDINARY: Final = r"""[^"'\\\r\n\ud800-\udfff]+"""
"""What stands in a string literal for itself."""
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_KINDS: dict[str, TokenKind] = {"name": "name", "number": "number", "symbol": "symbol"}


class Token(NamedTuple):
    """`text` as it is written; `value` is what a string or bytes literal means."""

    kind: TokenKind
    text: str
    span: Span
    value: LiteralValue = None


def tokenize(text: str) -> list[Token]:
    """The tokens of `text`, spaces and comments left out, closed by one of kind `end`.

    Raises:
        InvalidExpression: a character or a literal that CEL does not have.
    """
    lexeme = re.compile(_LEXEME, re.VERBOSE)  # not at import: it takes a tenth of that
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = lexeme.match(text, position)
        if match is None:
            raise _unexpected(text, position)
        span = Span(position, match.end())
        if match.lastgroup == "quote":
            tokens.append(_string(text, position, match.group()))
            span = tokens[-1].span
        elif match.lastgroup == "quoted_name":
            tokens.append(Token(kind="quoted-name", text=match.group("quoted_name"), span=span))
        elif match.lastgroup != "space":
            tokens.append(Token(kind=_KINDS[match.lastgroup or ""], text=match.group(), span=span))
        position = span.end
    tokens.append(Token(kind="end", text="", span=Span(len(text), len(text))))
    return tokens


def _unexpected(text: str, position: int) -> InvalidExpression:
    character = text[position]
    from .hints import of_character  # only who needs a hint waits for the vocabulary

    span = Span(position, position + 1)
    problem = f"unexpected character {quoted(character)}"
    return InvalidExpression(problem, text=text, span=span, hint=of_character(character))


def _string(text: str, start: int, opening: str) -> Token:
    prefix = opening.rstrip("\"'").lower()
    quote = opening[len(prefix) :]
    raw, is_bytes = "r" in prefix, "b" in prefix
    ordinary = re.compile(_ORDINARY)
    pieces: list[bytes] = []
    position = start + len(opening)
    while not text.startswith(quote, position):
        if run := ordinary.match(text, position):
            piece, position = run.group().encode(), run.end()
        elif position >= len(text) or (len(quote) == 1 and text[position] in "\r\n"):
            span = Span(start, position)
            raise InvalidExpression("the string is not closed", text=text, span=span)
        elif text[position] == "\\" and not raw:
            piece, position = _escape(text, position, is_bytes)
        elif text[position] == "\r":  # a line ends with a line feed, however the file writes it
            piece, position = b"\n", position + (2 if text.startswith("\r\n", position) else 1)
        else:
            piece, position = _encoded(text[position], text, position), position + 1
        pieces.append(piece)
    span = Span(start, position + len(quote))
    content = b"".join(pieces)
    if is_bytes:
        return Token(kind="bytes", text=text[span.start : span.end], span=span, value=content)
    return Token(kind="string", text=text[span.start : span.end], span=span, value=content.decode())


def _encoded(character: str, text: str, position: int) -> bytes:
    try:
        return character.encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form
        span = Span(position, position + 1)
        raise InvalidExpression("a lone surrogate is not a character", text=text, span=span) from None


def _escape(text: str, position: int, is_bytes: bool) -> tuple[bytes, int]:
    match = re.compile(_ESCAPE, re.VERBOSE).match(text, position)
    if match is None:
        span = Span(position, min(position + 2, len(text)))
        hint = "write `\\\\` for a backslash, or a raw string `r'…'`"
        raise InvalidExpression("not an escape sequence of CEL", text=text, span=span, hint=hint)
    plain, hexadecimal, octal, short, long = match.groups()
    span = Span(position, match.end())
    if plain is not None:
        return _PLAIN.get(plain, plain).encode(), match.end()
    if is_bytes:
        if hexadecimal is None and octal is None:
            raise InvalidExpression("a bytes literal has no `\\u` escape", text=text, span=span)
        return bytes([int(hexadecimal, 16) if hexadecimal else int(octal, 8)]), match.end()
    code = int(octal, 8) if octal else int(hexadecimal or short or long, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise InvalidExpression("no character has this code point", text=text, span=span)
    return chr(code).encode(), match.end()
