"""What the operator is told of a token that was refused: its claims, and never the token.

With the claims, `symbolon auditor explain` says which clause of the owner's condition said no. They are
about the operator's own machine and an image that the operator can pull, and nobody signed them: they open
nothing. But a variable's value may be a secret of whoever set it, and the launcher's own log shows none: so
of variables that this program does not know, the value is left out. What is longer than `MOST_BYTES` is not
told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from .environment import OF_THE_IMAGE, OF_THE_OPERATOR

MOST_BYTES: Final = 64 * 1024
REDACTED: Final = "[REDACTED]"
"""In the place of a value, as in the launcher's log."""
_KNOWN: Final = frozenset({*OF_THE_IMAGE, *OF_THE_OPERATOR, "HOSTNAME"})


class Presented(Exception):
    """The cause of a refusal: a token with these claims was shown to STS, and to IAM behind it."""

    def __init__(self, claims: Mapping[str, Any]) -> None:
        super().__init__("a token was refused")
        self.claims = claims


def claims_of(failure: BaseException) -> Mapping[str, Any] | None:
    """What may be told of the token that was refused; None where none was, or too much would be."""
    if not isinstance(failure.__cause__, Presented):
        return None
    claims = _without_values(failure.__cause__.claims)
    return claims if len(json.dumps(claims).encode()) <= MOST_BYTES else None


def _without_values(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    submods = claims.get("submods")
    container = submods.get("container") if isinstance(submods, dict) else None
    if not isinstance(submods, dict) or not isinstance(container, dict):
        return claims
    shown = {
        name: {key: each if key in _KNOWN else REDACTED for key, each in value.items()}
        for name, value in container.items()
        if name in ("env", "env_override") and isinstance(value, dict)
    }
    return {**claims, "submods": {**submods, "container": {**container, **shown}}}
