"""JSON that every reader reads alike: the I-JSON profile, with bounded nesting.

A signature fixes bytes, not what two parsers make of them. What leaves room for two
readings is refused: repeated names, numbers that a double cannot hold, NaN, lone surrogates.

Source: RFC 7493 (I-JSON); RFC 8259, sections 4, 6 and 8.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from .errors import quoted
from .rejections import DuplicateClaim, TokenMalformed

MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_json_object(data: bytes, *, what: str) -> dict[str, object]:
    """`data` is one JSON object in UTF-8, and this is it; `what` names it in a message.

    Lists and objects nest at most `MAX_DEPTH` deep, so that whoever walks the value may recurse.

    >>> parse_json_object(b'{"dbgstat": "enabled"}', what="payload")
    {'dbgstat': 'enabled'}

    Raises:
        DuplicateClaim: an object has two members of one name.
        TokenMalformed: anything else that is not I-JSON.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=members_once,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except UnicodeDecodeError:
        raise TokenMalformed(f"the {what} is not UTF-8") from None
    except RecursionError:
        raise TokenMalformed(f"the {what} nests too deep") from None
    except ValueError:
        raise TokenMalformed(f"the {what} is not JSON") from None
    if not isinstance(value, dict):
        raise TokenMalformed(f"the {what} is not a JSON object")
    _check(value, what)
    return value


def _check(top: dict[str, object], what: str) -> None:
    """Nothing in `top` nests too deep or holds half of a surrogate pair."""
    level: list[dict[str, object] | list[object]] = [top]
    for _ in range(MAX_DEPTH):
        below: list[dict[str, object] | list[object]] = []
        for container in level:
            members = (*container.keys(), *container.values()) if isinstance(container, dict) else container
            for member in members:
                if isinstance(member, dict | list):
                    below.append(member)
                elif isinstance(member, str) and _LONE_SURROGATE.search(member):
                    raise TokenMalformed(f"the {what} holds half of a surrogate pair")
        level = below
        if not level:
            return
    raise TokenMalformed(f"the {what} nests too deep")


def members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these members: for `json.loads`, as its `object_pairs_hook`.

    Raises:
        DuplicateClaim: two of them have one name, of which another reader might take the other.
    """
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise DuplicateClaim(f"{quoted(name)} stands twice in one object")
            seen.add(name)
    return members


def _integer(digits: str) -> int:
    number = int(digits)  # beyond 4,300 digits Python refuses, because reading them would take long
    if abs(number) > MAX_INTEGER:
        raise TokenMalformed("a number is too large to be read alike by all")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise TokenMalformed("a number is too large to be read alike by all")
    return number


def _constant(name: str) -> NoReturn:
    raise TokenMalformed(f"{quoted(name)} is not a JSON value")
