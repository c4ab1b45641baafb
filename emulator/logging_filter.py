"""The query language of Cloud Logging, as far as people type it to read one run.

Comparisons of a field with a value, words to look for anywhere, `AND` (which may be left out), `OR`, `NOT`
or `-`, and parentheses. Absent: functions such as `log_id(…)` and `sample(…)`, and `SEARCH`.

Source: Cloud Logging documentation, "Logging query language".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from .errors import not_emulated

Entry = dict[str, Any]
Matches = Callable[[Entry], bool]

SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
_TOKEN = re.compile(
    r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<op>=~|!~|!=|>=|<=|[=><:()])|(?P<minus>-(?=\S))|(?P<call>\w+\()|(?P<word>[^\s=><:()!"]+))'
)
_OPERATORS = ("=", "!=", ">", "<", ">=", "<=", ":", "=~", "!~")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": eq,
    "!=": ne,
    ">": gt,
    "<": lt,
    ">=": ge,
    "<=": le,
}
_DEEPEST = 50


def parse_filter(text: str) -> Matches:
    """Whether an entry is one that `text` asks for; an empty text asks for all.

    Raises:
        GoogleError: 400 for what is not understood.
    """
    parser = _Parser(text)
    return parser.whole() if text.strip() else lambda _entry: True


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> Matches:
        matches = self._any_of()
        if self._at < len(self._tokens):
            raise self._not_understood()
        return matches

    def _split(self, text: str) -> Iterator[tuple[str, str]]:
        at, text = 0, text.strip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise self._not_understood()
            yield match.lastgroup, match[match.lastgroup]
            at = match.end()

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _any_of(self) -> Matches:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._not_understood()
        options = [self._all_of()]
        while self._peek() == ("word", "OR"):
            self._take()
            options.append(self._all_of())
        self._depth -= 1
        return lambda entry: any(option(entry) for option in options)

    def _all_of(self) -> Matches:
        parts = [self._one()]
        while self._peek()[0] != "end" and self._peek() not in (("word", "OR"), ("op", ")")):
            if self._peek() == ("word", "AND"):
                self._take()
            parts.append(self._one())
        return lambda entry: all(part(entry) for part in parts)

    def _one(self) -> Matches:
        kind, text = self._take()
        if kind == "minus" or (kind, text) == ("word", "NOT"):
            inner = self._one()
            return lambda entry: not inner(entry)
        if (kind, text) == ("op", "("):
            inner = self._any_of()
            if self._take() != ("op", ")"):
                raise self._not_understood()
            return inner
        if kind not in ("word", "quoted") or text in ("AND", "OR"):
            raise self._not_understood()
        if self._peek()[0] == "op" and self._peek()[1] in _OPERATORS:
            return self._comparison(_unquoted(text), self._take()[1])
        wanted = _unquoted(text).lower()
        return lambda entry: any(wanted in each.lower() for each in _texts(entry))

    def _comparison(self, field: str, operator: str) -> Matches:
        kind, text = self._take()
        while kind == "word" and self._peek() == ("op", ":"):  # a time without quotes
            text += self._take()[1] + self._take()[1]
        if kind not in ("word", "quoted"):
            raise self._not_understood()
        wanted = _unquoted(text)
        if operator in ("=~", "!~"):
            try:
                pattern = re.compile(wanted)
            except re.error:
                raise self._not_understood() from None
            found = operator == "=~"
            return lambda entry: (pattern.search(_text(entry, field)) is not None) is found
        return lambda entry: _compare(entry, field, operator, wanted)

    def _not_understood(self) -> Exception:
        return not_emulated(f"the emulator does not have the filter `{self._text[:100]}`")


def _compare(entry: Entry, field: str, operator: str, wanted: str) -> bool:
    value = _value(entry, field)
    if value is None:
        return operator == "!="
    if operator == ":":
        return wanted == "*" or wanted.lower() in _text(entry, field).lower()
    return _COMPARISONS[operator](_key(field, str(value)), _key(field, wanted))


def _key(field: str, text: str) -> Any:
    """What compares as the field does: times as times, severities by their rank, all else as texts."""
    if field == "severity":
        return SEVERITIES.index(text.upper()) if text.upper() in SEVERITIES else -1
    if field in ("timestamp", "receiveTimestamp"):
        try:
            return datetime.fromisoformat(text).timestamp()
        except ValueError:
            raise not_emulated(f"the emulator does not have the time `{text[:40]}`") from None
    return text.lower()


def _value(entry: Entry, field: str) -> Any:
    value: Any = entry
    for part in field.split("."):
        value = value.get(part.strip('"')) if isinstance(value, dict) else None
    return value


def _text(entry: Entry, field: str) -> str:
    return "\n".join(_texts(_value(entry, field)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif value is not None:
        yield str(value)


def _unquoted(text: str) -> str:
    return re.sub(r"\\([\"\\])", r"\1", text[1:-1]) if text.startswith('"') else text
