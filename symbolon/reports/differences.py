"""The claims of a token that a reader has to see: where it differs from a token that is unremarkable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.proving.smt.tokens import SAMPLE
from policy.wording import listed, rendered, with_moment

_MOST: Final = 8
_TIMES: Final = ("iat", "nbf", "exp")
_FIRST_INEXACT: Final = 2**53
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def claims_that_matter(
    token: Mapping[str, object], near: Mapping[str, object] | None = None, *, times: bool = False
) -> tuple[tuple[str, str], ...]:
    """Path and value of the claims in which `token` differs from `near`, else from the sample.

    When a token was made matters only to `times`: any two differ in it.

    >>> claims_that_matter({**SAMPLE, "dbgstat": "enabled"})
    (('dbgstat', '"enabled"'),)
    """
    different = list(_differences(token, near, times=times)) if near is not None else []
    different = different or list(_differences(token, SAMPLE, times=times))
    if len(different) > _MOST:
        return (*different[:_MOST], ("…", f"{len(different) - _MOST} more"))
    return tuple(different)


def inexact_paths(token: Mapping[str, Any]) -> tuple[str, ...]:
    """The claims whose integers a reader of JSON that computes with doubles takes for other numbers.

    No such token can be handed in here: a number from 2⁵³ on is refused when a token is read.

    >>> inexact_paths({"iat": 2**53 + 1, "exp": 2**53 - 1, "a": {"b": [-(2**60)]}})
    ('iat', 'a.b')
    """
    return tuple(dict.fromkeys(_inexact(token, "")))


def notes_on_numbers(token: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The note of an entry that shows a token with such numbers, if it has any."""
    if not (paths := inexact_paths(token)):
        return ()
    named = listed([f"`{path}`" for path in paths], "and")
    return (("note", f"the number of {named} is beyond 2⁵³: not every reader of JSON reads it exactly"),)


def _inexact(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _inexact(inner, _below(path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _inexact(inner, path)
    elif isinstance(value, int) and abs(value) >= _FIRST_INEXACT:
        yield path


def _differences(
    token: Mapping[str, Any], near: Mapping[str, Any], path: str = "", *, times: bool
) -> Iterator[tuple[str, str]]:
    for name in (*token, *(name for name in near if name not in token)):
        at = _below(path, name)
        is_time = path == "" and name in _TIMES
        if is_time and not times:
            continue
        if name not in token:
            yield at, "not there"
        elif isinstance(token[name], dict) and isinstance(near.get(name, {}), dict) and token[name]:
            yield from _differences(token[name], near.get(name, {}), at, times=times)
        elif name not in near or not _same(token[name], near[name]):
            yield at, with_moment(token[name]) if is_time else rendered(token[name])


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _below(path: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        return f"{path}[{rendered(name)}]"
    return f"{path}.{name}" if path else name
