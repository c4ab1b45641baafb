"""Sets of characters as sorted ranges of code points, and the classes that RE2 knows by name.

Source: google/re2, wiki "Syntax" (Perl and ASCII classes, Unicode general categories).
"""

from __future__ import annotations

import itertools
import sys
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

LAST: Final = sys.maxunicode
Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Inclusive, sorted, apart from each other."""

EVERYTHING: Final[Ranges] = ((0, LAST),)
NOT_NEWLINE: Final[Ranges] = ((0, 9), (11, LAST))


def united(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The same characters, sorted, with ranges that touch made one.

    >>> united([(98, 99), (97, 97)])
    ((97, 99),)
    """
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """Every character that is not in `ranges`."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in ranges:
        if start < low:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= LAST:
        gaps.append((start, LAST))
    return tuple(gaps)


def _of(*parts: str) -> Ranges:
    return united((ord(part[0]), ord(part[-1])) for part in parts)


_WORD: Final = _of("0-9", "A-Z", "a-z", "_")
PERL: Final = {
    "d": _of("0-9"),
    "s": _of("\t", "\n", "\f", "\r", " "),
    "w": _WORD,
}
POSIX: Final = {
    "alnum": _of("0-9", "A-Z", "a-z"),
    "alpha": _of("A-Z", "a-z"),
    "ascii": ((0, 0x7F),),
    "blank": _of("\t", " "),
    "cntrl": ((0, 0x1F), (0x7F, 0x7F)),
    "digit": _of("0-9"),
    "graph": _of("!-~"),
    "lower": _of("a-z"),
    "print": _of(" -~"),
    "punct": _of("!-/", ":-@", "[-`", "{-~"),
    "space": _of("\t-\r", " "),
    "upper": _of("A-Z"),
    "word": _WORD,
    "xdigit": _of("0-9", "A-F", "a-f"),
}
_UNASSIGNED: Final = "Cn"
_MAJOR: Final = "CLMNPSZ"
_CATEGORIES: Final = frozenset(
    [
        "Cc",
        "Cf",
        "Co",
        "Cs",
        "Ll",
        "Lm",
        "Lo",
        "Lt",
        "Lu",
        "Mc",
        "Me",
        "Mn",
        "Nd",
        "Nl",
        "No",
        "Pc",
        "Pd",
        "Pe",
        "Pf",
        "Pi",
        "Po",
        "Ps",
        "Sc",
        "Sk",
        "Sm",
        "So",
        "Zl",
        "Zp",
        "Zs",
    ]
)


@lru_cache(maxsize=64)
def category(name: str) -> Ranges | None:
    """The characters of a Unicode general category (`L`, `Lu`, `Any`); None when there is no such one.

    Scripts (`Greek`) are not known here: Python has no table of them.
    """
    if name == "Any":
        return EVERYTHING
    if name not in _CATEGORIES and (not name or name not in _MAJOR):
        return None
    return united(
        (low, high)
        for found, low, high in _categories()
        # RE2's C holds no unassigned characters, only control, format, private use and surrogates.
        if found.startswith(name) and found != _UNASSIGNED
    )


@lru_cache(maxsize=1)
def _categories() -> tuple[tuple[str, int, int], ...]:
    """Every character in order, in ranges of one category."""
    found = []
    low = 0
    for name, characters in itertools.groupby(map(unicodedata.category, map(chr, range(LAST + 1)))):
        end = low + sum(1 for _ in characters)
        found.append((name, low, end - 1))
        low = end
    return tuple(found)


def is_unassigned(character: str) -> bool:
    """Whether this Python's Unicode has no such character: Google's may, in whatever category."""
    return unicodedata.category(character) == _UNASSIGNED


@lru_cache(maxsize=1)
def unassigned_class() -> str:
    """The characters that are unassigned, as a class of a regular expression."""
    ranges = [(low, high) for name, low, high in _categories() if name == _UNASSIGNED]
    return "[" + "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in ranges) + "]"


def either_case(ranges: Ranges) -> Ranges | None:
    """`ranges` and the other case of each letter in them; None when that takes more than ASCII's letters.

    Two characters beyond ASCII are another case of an ASCII letter: the long s and the Kelvin sign.
    """
    beyond = united([*_STRANGERS, *((max(low, 0x80), high) for low, high in ranges if high > 0x7F)])
    if beyond not in (_STRANGERS, ((0x80, LAST),)):
        return None
    added: list[tuple[int, int]] = list(ranges)
    for low, high in ranges:
        for first, shift in ((ord("A"), 32), (ord("a"), -32)):
            start, stop = max(low, first), min(high, first + 25)
            if start <= stop:
                added.append((start + shift, stop + shift))
    for letter, stranger in (("s", 0x17F), ("k", 0x212A)):
        if any(low <= code <= high for low, high in added for code in (ord(letter), stranger)):
            added += [(code, code) for code in (ord(letter), ord(letter.upper()), stranger)]
    return united(added)


_STRANGERS: Final = ((0x17F, 0x17F), (0x212A, 0x212A))
