"""Regular expressions in RE2's syntax, read into a small tree.

What RE2 refuses is refused here: backreferences, lookaround, possessive and doubled repetition,
more than 1,000 repeats. Of what RE2 takes, four rarities are refused and named: `\\C`, scripts
such as `\\p{Greek}`, `(?i)` on letters beyond ASCII, and names of groups beyond ASCII.

Source: google/re2, wiki "Syntax"; re2/parse.cc for what is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from . import character_sets
from .character_sets import EVERYTHING, NOT_NEWLINE, Ranges

MOST_REPEATS: Final = 1000
_DEEPEST: Final = 50
# With a zero before it, or from 10⁹ on, a number is none to RE2, and the braces are characters.
_REPEAT = re.compile(r"\{(0|[1-9]\d{0,8})(?:(,)(0|[1-9]\d{0,8})?)?\}", re.ASCII)
_GROUP_NAME = re.compile(r"\(\?P?<(\w+)>", re.ASCII)
_ODD_GROUP_NAME = re.compile(r"\(\?P?<[^>]*[^\x00-\x7f>][^>]*>")
_FLAGS = re.compile(r"\(\?([imsU]*)(-[imsU]+)?([:)])")
_ESCAPED_CODE = re.compile(r"x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]+)\}|([1-7][0-7]{1,2}|0[0-7]{0,2})", re.ASCII)
_CONTROL: Final = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}


class InvalidPattern(ValueError):
    """Not a regular expression of RE2; the message says why, for people."""


class UnsupportedPattern(InvalidPattern):
    """RE2 may well read it, and this project does not: what it gives is not known here."""


@dataclass(frozen=True, slots=True)
class Characters:
    """One character of these."""

    ranges: Ranges


Where: TypeAlias = Literal["text-start", "text-end", "line-start", "line-end", "boundary", "no-boundary"]


@dataclass(frozen=True, slots=True)
class Assertion:
    """Nothing, at such a place."""

    where: Where


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other; of none, the empty text."""

    parts: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One of these."""

    choices: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """From `least` to `most` times; `most` None is without end."""

    part: Pattern
    least: int
    most: int | None


Pattern: TypeAlias = Characters | Assertion | Sequence | Alternatives | Repeat


@dataclass(frozen=True, slots=True)
class _Flags:
    ignore_case: bool = False
    multi_line: bool = False
    dot_all: bool = False


def parse_pattern(text: str) -> Pattern:
    """The tree of a regular expression.

    Raises:
        InvalidPattern: what RE2 would refuse.
        UnsupportedPattern: one of the rarities named above.
    """
    reader = _Reader(text)
    pattern = reader.alternatives(_Flags(), depth=0)
    if reader.position < len(text):
        raise InvalidPattern("a `)` closes nothing")
    return pattern


def may_name_a_category(text: str) -> bool:
    """Whether a class of Unicode, as `\\pL`, may be in it: which characters it has, a newer Unicode says."""
    return "\\p" in text or "\\P" in text


def _copies_left(pattern: Pattern, allowed: int) -> int:
    """How often more the most repeated part may be repeated, of `allowed` times; 0 is too often."""
    if isinstance(pattern, Repeat):
        times = pattern.least if pattern.most is None else pattern.most
        return _copies_left(pattern.part, allowed // times if times > 0 else allowed)
    if isinstance(pattern, Sequence):
        return min((_copies_left(part, allowed) for part in pattern.parts), default=allowed)
    if isinstance(pattern, Alternatives):
        return min(_copies_left(choice, allowed) for choice in pattern.choices)
    return allowed


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def _at(self, part: str) -> bool:
        return self.text.startswith(part, self.position)

    def _taken(self, part: str) -> bool:
        if not self._at(part):
            return False
        self.position += len(part)
        return True

    def alternatives(self, flags: _Flags, depth: int) -> Pattern:
        if depth > _DEEPEST:
            raise UnsupportedPattern(f"groups are nested more than {_DEEPEST} deep")
        choices: list[Pattern] = []
        parts: list[Pattern] = []
        while self.position < len(self.text) and not self._at(")"):
            if self._taken("|"):
                choices.append(Sequence(tuple(parts)))
                parts = []
            elif match := _FLAGS.match(self.text, self.position):
                self.position = match.end()
                changed = self._flags(match, flags)
                if match.group(3) == ":":
                    parts.append(self._repeated(self._group(changed, depth)))
                else:
                    flags = changed
            elif self._taken("\\Q"):
                parts += self._quotation(flags)
            elif parts and self._repetition_is_next():  # behind flags: it is of what stands before them
                parts[-1] = self._repeated(parts[-1])
            else:
                parts.append(self._repeated(self._atom(flags, depth)))
        choices.append(Sequence(tuple(parts)))
        return choices[0] if len(choices) == 1 else Alternatives(tuple(choices))

    def _flags(self, match: re.Match[str], flags: _Flags) -> _Flags:
        on, off = match.group(1), match.group(2) or ""

        def after(letter: str, before: bool) -> bool:
            return letter not in off and (before or letter in on)

        return _Flags(
            ignore_case=after("i", flags.ignore_case),
            multi_line=after("m", flags.multi_line),
            dot_all=after("s", flags.dot_all),
        )

    def _group(self, flags: _Flags, depth: int) -> Pattern:
        inside = self.alternatives(flags, depth + 1)
        if not self._taken(")"):
            raise InvalidPattern("a `(` is not closed")
        return inside

    def _quotation(self, flags: _Flags) -> list[Pattern]:
        """`…\\E`: the characters as they stand; a repetition behind it is of the last one."""
        stop = self.text.find("\\E", self.position)
        quoted = self.text[self.position : stop if stop >= 0 else len(self.text)]
        self.position = len(self.text) if stop < 0 else stop + 2
        parts: list[Pattern] = [self._character(ord(each), flags) for each in quoted]
        if parts:
            parts[-1] = self._repeated(parts[-1])
        return parts

    def _repeated(self, part: Pattern) -> Pattern:
        bounds = self._repetition()
        if bounds is None:
            return part
        self._taken("?")  # matching less first changes nothing about whether there is a match
        if self._repetition() is not None:
            raise InvalidPattern("a repetition is repeated, write it with `(?:…)`")
        least, most = bounds
        repeat = Repeat(part, least, most)
        if max(least, most or 0) > MOST_REPEATS or (most is not None and most < least):
            raise InvalidPattern(f"a repetition goes from fewer to more, at most {MOST_REPEATS:,}")
        if max(least, most or 0) >= 2 and _copies_left(repeat, MOST_REPEATS) == 0:
            raise InvalidPattern(f"nested repetitions make more than {MOST_REPEATS:,} copies")
        return repeat

    def _repetition_is_next(self) -> bool:
        return (
            self._at("*") or self._at("+") or self._at("?") or bool(_REPEAT.match(self.text, self.position))
        )

    def _repetition(self) -> tuple[int, int | None] | None:
        for symbol, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._taken(symbol):
                return bounds
        match = _REPEAT.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        least = int(match.group(1))
        if match.group(2) is None:
            return least, least
        return least, int(match.group(3)) if match.group(3) else None

    def _atom(self, flags: _Flags, depth: int) -> Pattern:
        if _ODD_GROUP_NAME.match(self.text, self.position):
            raise UnsupportedPattern("the name of a group is not of ASCII's letters")
        if self._at("(?") and not _GROUP_NAME.match(self.text, self.position):
            raise InvalidPattern("RE2 has no lookaround, backreferences or such groups")
        if match := _GROUP_NAME.match(self.text, self.position):
            self.position = match.end()
            return self._group(flags, depth)
        if self._taken("("):
            return self._group(flags, depth)
        if self._taken("["):
            return self._class(flags)
        if self._taken("\\"):
            return self._escape(flags)
        if self._repetition_is_next():
            raise InvalidPattern("a repetition has nothing before it")
        symbol = self.text[self.position]
        self.position += 1
        if symbol == ".":
            return Characters(EVERYTHING if flags.dot_all else NOT_NEWLINE)
        if symbol == "^":
            return Assertion("line-start" if flags.multi_line else "text-start")
        if symbol == "$":
            return Assertion("line-end" if flags.multi_line else "text-end")
        return self._character(ord(symbol), flags)

    def _character(self, code: int, flags: _Flags) -> Characters:
        return Characters(_cased(((code, code),), flags))

    def _escape(self, flags: _Flags) -> Pattern:
        places: dict[str, Where] = {
            "A": "text-start",
            "z": "text-end",
            "b": "boundary",
            "B": "no-boundary",
        }
        letter = self.text[self.position : self.position + 1]
        if letter in places:
            self.position += 1
            return Assertion(places[letter])
        if letter == "C":
            raise UnsupportedPattern("`\\C`, any byte, is not supported")
        named = self._named_class(flags)
        return Characters(named) if named is not None else self._character(self._code(), flags)

    def _named_class(self, flags: _Flags) -> Ranges | None:
        """The class that stands behind a backslash here: `d`, `W`, `pL`, `P{Lu}`."""
        letter = self.text[self.position : self.position + 1]
        if letter and letter.lower() in character_sets.PERL:
            self.position += 1
            ranges = _cased(character_sets.PERL[letter.lower()], flags)
            return character_sets.complement(ranges) if letter.isupper() else ranges
        if letter not in ("p", "P"):
            return None
        match = re.compile(r"[pP](?:\{(\^?)(\w+)\}|(\w))", re.ASCII).match(self.text, self.position)
        name = "" if match is None else match.group(2) or match.group(3)
        category = character_sets.category(name)
        if match is None or category is None:
            raise UnsupportedPattern("after `\\p` stands a Unicode category; scripts are not supported")
        self.position = match.end()
        ranges = _cased(category, flags)
        return character_sets.complement(ranges) if (letter == "P") != bool(match.group(1)) else ranges

    def _code(self) -> int:
        """The code point that stands behind a backslash here."""
        letter = self.text[self.position : self.position + 1]
        if match := _ESCAPED_CODE.match(self.text, self.position):
            digits = match.group(1) or match.group(2)
            code = int(digits, 16) if digits else int(match.group(3), 8)
            # `\1` is a backreference; RE2 reads `\12` as octal, as this does
            if code <= character_sets.LAST:
                self.position = match.end()
                return code
        elif letter in _CONTROL:
            self.position += 1
            return _CONTROL[letter]
        elif letter.isascii() and letter and not letter.isalnum():
            self.position += 1
            return ord(letter)
        raise InvalidPattern("RE2 does not have such an escape")

    def _class(self, flags: _Flags) -> Characters:
        negated = self._taken("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not self._at("]"):
            first = False
            if self.position >= len(self.text):
                raise InvalidPattern("a `[` is not closed")
            ranges += self._class_part(flags)
        self.position += 1
        found = _cased(character_sets.united(ranges), flags) if ranges else ()
        return Characters(character_sets.complement(found) if negated else found)

    def _class_part(self, flags: _Flags) -> Ranges:
        if match := re.compile(r"\[:(\^?)(\w+):\]").match(self.text, self.position):
            ranges = character_sets.POSIX.get(match.group(2))
            if ranges is None:
                raise InvalidPattern("no such class as `[:…:]`")
            self.position = match.end()
            ranges = _cased(ranges, flags)
            return character_sets.complement(ranges) if match.group(1) else ranges
        if self._at("\\"):
            self.position += 1
            named = self._named_class(flags)
            if named is not None:
                return named
            self.position -= 1
        low = self._class_character()
        if self._at("-") and not self._at("-]"):
            self.position += 1
            high = self._class_character()
            if high < low:
                raise InvalidPattern("a range in `[…]` runs backwards")
            return _cased(((low, high),), flags)
        return _cased(((low, low),), flags)

    def _class_character(self) -> int:
        if self._taken("\\"):
            return self._code()
        if self.position >= len(self.text):
            raise InvalidPattern("a `[` is not closed")
        self.position += 1
        return ord(self.text[self.position - 1])


def _cased(ranges: Ranges, flags: _Flags) -> Ranges:
    if not flags.ignore_case:
        return ranges
    folded = character_sets.either_case(ranges)
    if folded is None:
        raise UnsupportedPattern("`(?i)` on letters beyond ASCII is not supported")
    return folded
