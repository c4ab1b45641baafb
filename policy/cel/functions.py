"""The functions of a condition: CEL's standard ones, and `extract`, `split`, `join` and `lowerAscii`.

Source: google/cel-spec, doc/langdef.md, "List of Standard Definitions"; IAM, "Attribute mapping"
(those that Google adds; `lowerAscii` is in conditions of public providers as well). Where the
specification leaves a conversion open (a space before a number, `t` for true) Google's own runtime,
cel-cpp, decides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ..wording import quoted
from .arithmetic import LARGEST, no_overload, too_large
from .syntax import Span, UInt
from .values import INT_END, INT_MIN, TYPES, UINT_END, ErrorValue, kind_of, unknown_value

_INTEGER: Final = r"[ \t\n\v\f\r]*([+-]?)([0-9]+)[ \t\n\v\f\r]*"
_MOST_DIGITS: Final = 20
_LONGEST_DOUBLE: Final = 1000
_DOUBLE: Final = (
    r"[ \t\n\v\f\r]*([+-]?(?:[0-9]+\.?[0-9]*(?:e[+-]?[0-9]+)?|\.[0-9]+(?:e[+-]?[0-9]+)?|inf(?:inity)?"
    r"|nan(?:\([0-9a-z_]*\))?|(0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?)))"
    r"[ \t\n\v\f\r]*"
)
_LOWERED: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_BOOLS: Final = {
    **dict.fromkeys(("true", "True", "TRUE", "t", "1"), True),
    **dict.fromkeys(("false", "False", "FALSE", "f", "0"), False),
}


class Function(NamedTuple):
    """`run(span, *values)` gives a value or an ErrorValue; `counts` are the numbers of values it takes.

    A method's target is its first value.
    """

    run: Callable[..., object]
    counts: frozenset[int]


def size(span: Span, value: Any) -> object:
    """Code points of a string, octets of bytes, elements of a list, entries of a map."""
    if type(value) in (str, bytes, list, dict):
        return len(value)
    return no_overload("size", value, span=span)


def starts_with(span: Span, text: Any, prefix: Any) -> object:
    if type(text) is str and type(prefix) is str:
        return text.startswith(prefix)
    return no_overload("startsWith", text, prefix, span=span)


def ends_with(span: Span, text: Any, suffix: Any) -> object:
    if type(text) is str and type(suffix) is str:
        return text.endswith(suffix)
    return no_overload("endsWith", text, suffix, span=span)


def contains(span: Span, text: Any, part: Any) -> object:
    if type(text) is str and type(part) is str:
        return part in text
    return no_overload("contains", text, part, span=span)


def extract(span: Span, text: Any, template: Any) -> object:
    """The part of `text` that `{name}` of the template stands for; "" when there is none."""
    if type(text) is not str or type(template) is not str:
        return no_overload("extract", text, template, span=span)
    match = re.fullmatch(r"([^{}]*)\{[^{}]*\}([^{}]*)", template)
    if match is None:
        return unknown_value(f"{quoted(template)} is no template: it has one `{{name}}`", span)
    prefix, suffix = match.groups()
    found = text.find(prefix)
    if found < 0:
        return ""
    start = found + len(prefix)
    stop = text.find(suffix, start) if suffix else len(text)
    return text[start:stop] if stop >= 0 else ""


def split(span: Span, text: Any, separator: Any, limit: Any = -1) -> object:
    if type(text) is not str or type(separator) is not str or kind_of(limit) != "int":
        return no_overload("split", text, separator, limit, span=span)
    if limit == 0:
        return []
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    if not text:
        return [""]
    if limit < 0 or limit >= len(text):
        return list(text)
    return [*text[: limit - 1], text[limit - 1 :]]


def join(span: Span, parts: Any, separator: Any = "") -> object:
    if type(parts) is list and type(separator) is str and all(type(part) is str for part in parts):
        if sum(map(len, parts)) + len(separator) * len(parts) > LARGEST:
            return too_large(span)
        return separator.join(parts)
    return no_overload("join", parts, separator, span=span)


def lower_ascii(span: Span, text: Any) -> object:
    """The text with `A` to `Z` as small letters; other characters are as they were."""
    if type(text) is str:
        return text.translate(_LOWERED)
    return no_overload("lowerAscii", text, span=span)


def to_int(span: Span, value: Any) -> object:
    kind = kind_of(value)
    if kind in ("bool", "int", "uint"):
        number = int(value)
    elif kind == "double" and math.isfinite(value):
        number = int(value)
        if number <= INT_MIN:  # the nearest double to the smallest int is refused, as the largest is
            return ErrorValue("integer overflow", span)
    elif kind == "string":
        match = re.fullmatch(_INTEGER, value)
        if match is None:
            return ErrorValue("the string is not an integer", span)
        number = _integer(match)
    elif kind == "double":
        return ErrorValue("integer overflow", span)
    else:
        return no_overload("int", value, span=span)
    return number if INT_MIN <= number < INT_END else ErrorValue("integer overflow", span)


def to_uint(span: Span, value: Any) -> object:
    kind = kind_of(value)
    if kind in ("int", "uint"):
        number = int(value)
    elif kind == "double" and math.isfinite(value):
        number = int(value) if value >= 0 else -1
    elif kind == "string":
        match = re.fullmatch(_INTEGER, value)
        if match is None or match.group(1) == "-":
            return ErrorValue("the string is not an unsigned integer", span)
        number = _integer(match)
    elif kind == "double":
        return ErrorValue("unsigned integer overflow", span)
    else:
        return no_overload("uint", value, span=span)
    return UInt(number) if 0 <= number < UINT_END else ErrorValue("unsigned integer overflow", span)


def to_double(span: Span, value: Any) -> object:
    kind = kind_of(value)
    if kind in ("int", "uint", "double"):
        return float(value)
    if kind == "string":
        if len(value) >= _LONGEST_DOUBLE:
            return unknown_value(f"a number of {_LONGEST_DOUBLE:,} characters or more", span)
        match = re.fullmatch(_DOUBLE, value, re.ASCII | re.IGNORECASE)
        return _number(match) if match else ErrorValue("the string is not a number", span)
    return no_overload("double", value, span=span)


def _integer(match: re.Match[str]) -> int:
    """What the digits of `_INTEGER` mean; more of them than 64 bits take are one number too large."""
    sign, digits = match.groups()
    digits = digits.lstrip("0")
    return int(sign + (digits or "0")) if len(digits) <= _MOST_DIGITS else int(f"{sign}1{'0' * _MOST_DIGITS}")


def _number(match: re.Match[str]) -> float:
    """What a string of `_DOUBLE` means; Google's runtime reads hexadecimal ones too."""
    text = match.group(1).partition("(")[0]
    if match.group(2) is None:
        return float(text)
    try:
        return float.fromhex(text)
    except OverflowError:
        return -math.inf if text.startswith("-") else math.inf


def to_bool(span: Span, value: Any) -> object:
    if type(value) is bool:
        return value
    if type(value) is str:
        return _BOOLS.get(value, ErrorValue("the string is not a boolean", span))
    return no_overload("bool", value, span=span)


def to_bytes(span: Span, value: Any) -> object:
    if type(value) is bytes:
        return value
    if type(value) is not str:
        return no_overload("bytes", value, span=span)
    try:
        return value.encode()
    except UnicodeEncodeError:
        return unknown_value("the string holds a lone surrogate", span)


def to_string(span: Span, value: Any) -> object:
    kind = kind_of(value)
    if kind == "string":
        return value
    if kind == "bool":
        return "true" if value else "false"
    if kind in ("int", "uint"):
        return str(int(value))
    if kind == "double":
        if math.isnan(value):  # `0.0 / 0.0` is "-nan" on one processor and "nan" on another
            return unknown_value("the text of NaN, whose sign is the processor's", span)
        return _double_text(value)
    if kind == "bytes":
        try:
            return value.decode()
        except UnicodeDecodeError:
            return ErrorValue("the bytes are not UTF-8", span)
    return no_overload("string", value, span=span)


def _double_text(value: float) -> str:
    """The fewest digits that mean this double, which is no NaN; an exponent below 1e-4 and from 1e+6 on.

    >>> _double_text(1234567.0), _double_text(0.5), _double_text(100000.0)
    ('1.234567e+06', '0.5', '100000')
    """
    if not math.isfinite(value):
        return "inf" if value > 0 else "-inf"
    from decimal import Decimal

    shortest = Decimal(repr(value))
    sign, figures, _ = shortest.as_tuple()
    digits = "".join(map(str, figures)).rstrip("0") or "0"
    power = shortest.adjusted() if value else 0
    minus = "-" if sign else ""
    if power < -4 or power >= 6:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{minus}{digits[0]}{fraction}e{power:+03d}"
    if power < 0:
        return f"{minus}0.{'0' * (-power - 1)}{digits}"
    whole, fraction = digits[: power + 1].ljust(power + 1, "0"), digits[power + 1 :]
    return f"{minus}{whole}.{fraction}" if fraction else f"{minus}{whole}"


def type_of(span: Span, value: Any) -> object:
    kind = kind_of(value)
    return TYPES[kind] if kind else no_overload("type", value, span=span)


def dyn(_span: Span, value: object) -> object:
    return value


def _takes(run: Callable[..., object], *counts: int) -> Function:
    return Function(run, frozenset(counts))


def _not_known(name: str, *counts: int) -> Function:
    def run(span: Span, *_values: object) -> object:
        return unknown_value(f"it is not known whether Google takes {quoted(name)}", span)

    return _takes(run, *counts)


def _of_time(name: str, *counts: int) -> Function:
    def run(span: Span, *_values: object) -> object:
        return unknown_value(f"times, as of {quoted(name)}, are not computed here", span)

    return _takes(run, *counts)


FUNCTIONS: Final = {
    "size": _takes(size, 1),
    "int": _takes(to_int, 1),
    "uint": _takes(to_uint, 1),
    "double": _takes(to_double, 1),
    "string": _takes(to_string, 1),
    "bool": _takes(to_bool, 1),
    "bytes": _takes(to_bytes, 1),
    "type": _takes(type_of, 1),
    "dyn": _takes(dyn, 1),
}
METHODS: Final = {
    "size": _takes(size, 1),
    "startsWith": _takes(starts_with, 2),
    "endsWith": _takes(ends_with, 2),
    "contains": _takes(contains, 2),
    "extract": _takes(extract, 2),
    "split": _takes(split, 2, 3),
    "join": _takes(join, 1, 2),
    "lowerAscii": _takes(lower_ascii, 1),
}
# The rest of CEL's extension for strings: we found it in no document of Google's about providers, and
# in no public provider. Source: google/cel-go, ext/strings.go, for the names.
UNKNOWN_METHODS: Final = {
    "charAt": _not_known("charAt", 2),
    "format": _not_known("format", 2),
    "indexOf": _not_known("indexOf", 2, 3),
    "lastIndexOf": _not_known("lastIndexOf", 2, 3),
    "quote": _not_known("strings.quote", 1),
    "replace": _not_known("replace", 3, 4),
    "reverse": _not_known("reverse", 1),
    "substring": _not_known("substring", 2, 3),
    "trim": _not_known("trim", 1),
    "upperAscii": _not_known("upperAscii", 1),
}
# Standard definitions of CEL that no claim of a token needs: Google computes them, and nothing here does.
_FIELDS_OF_TIME: Final = (
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
)
TIME_FUNCTIONS: Final = {name: _of_time(name, 1) for name in ("timestamp", "duration")}
TIME_METHODS: Final = {name: _of_time(name, 1, 2) for name in _FIELDS_OF_TIME}
