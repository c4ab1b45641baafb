"""How input and claims are shown to people: one line, bounded, nothing that a terminal would obey."""

from __future__ import annotations

from collections.abc import Iterable

from attestation.errors import quoted

__all__ = ["did_you_mean", "escaped_in_string", "listed", "quoted", "rendered", "with_moment"]

_WIDEST_TEXT = 160
_MOST_ITEMS = 8
_DEEPEST = 4
_SHORT_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def rendered(value: object, *, depth: int = 0) -> str:
    """A claim's value as JSON would write it, cut where it grows long or deep.

    >>> rendered(["STABLE", True, None])
    '["STABLE", true, null]'
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f'"{"".join(map(escaped_in_string, _shortened(value)))}"'
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
    return "".join(map(_visible, _shortened(str(value))))


def with_moment(value: object) -> str:
    """A number of seconds since the epoch, with the moment that it is; another value as it is.

    >>> with_moment(1757060250)
    '1757060250 (2025-09-05T08:17:30Z)'
    """
    shown = rendered(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return shown
    from datetime import UTC, datetime

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


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """A hint that names the nearest of `known`, or no hint; `cutoff` is how near, 1 for the same.

    >>> did_you_mean("hwmodl", ["hwmodel", "swname"])
    'did you mean `hwmodel`?'
    """
    import difflib  # only whoever mistypes waits for it: it takes as long as the parser of CEL

    near = difflib.get_close_matches(word[:80], list(known), 1, cutoff)
    return f"did you mean {quoted(near[0])}?" if near else ""


def escaped_in_string(character: str) -> str:
    """`character` as it stands between the double quotes of JSON and of CEL, and as one can read it."""
    return _SHORT_ESCAPES.get(character) or _visible(character)


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST_TEXT else text[: _WIDEST_TEXT - 1] + "…"


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
