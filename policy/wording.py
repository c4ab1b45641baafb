"""How input and claims are shown to people: one line, bounded, nothing that a terminal would obey."""

from __future__ import annotations

from datetime import UTC, datetime

_WIDEST_TEXT = 160
_MOST_ITEMS = 8
_DEEPEST = 4
_SHORT_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str, *, widest: int = 80) -> str:
    """`text` in backticks, cut to `widest` characters, control characters escaped.

    >>> quoted("a\\x00b")
    '`a\\\\u0000b`'
    """
    return f"`{_shortened(text, widest)}`"


def rendered(value: object, *, depth: int = 0) -> str:
    """A claim's value as JSON would write it, cut where it grows long or deep.

    >>> rendered(["STABLE", True, None])
    '["STABLE", true, null]'
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f'"{_shortened(value, _WIDEST_TEXT, _SHORT_ESCAPES)}"'
    if isinstance(value, list):
        if depth == _DEEPEST:
            return "[…]" if value else "[]"
        items = [rendered(item, depth=depth + 1) for item in value[:_MOST_ITEMS]]
        return "[" + ", ".join(items + ["…"] * (len(value) > _MOST_ITEMS)) + "]"
    if isinstance(value, dict):
        if depth == _DEEPEST:
            return "{…}" if value else "{}"
        entries = [
            f"{rendered(key, depth=depth + 1)}: {rendered(item, depth=depth + 1)}"
            for key, item in list(value.items())[:_MOST_ITEMS]
        ]
        return "{" + ", ".join(entries + ["…"] * (len(value) > _MOST_ITEMS)) + "}"
    return _shortened(str(value), _WIDEST_TEXT)


def with_moment(value: object) -> str:
    """A number of seconds since the epoch, with the moment that it is; another value as it is.

    >>> with_moment(1757060250)
    '1757060250 (2025-09-05T08:17:30Z)'
    """
    shown = rendered(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return shown
    try:
        moment = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return shown
    return f"{shown} ({moment.isoformat(timespec='seconds').replace('+00:00', 'Z')})"


def listed(choices: list[str], word: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`.

    >>> listed(["a", "b", "c"])
    'a, b or c'
    """
    if len(choices) < 2:
        return "".join(choices)
    return f"{', '.join(choices[:-1])} {word} {choices[-1]}"


def _shortened(text: str, widest: int, escapes: dict[str, str] | None = None) -> str:
    cut = text if len(text) <= widest else text[: widest - 1] + "…"
    return "".join((escapes or {}).get(each) or _visible(each) for each in cut)


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
