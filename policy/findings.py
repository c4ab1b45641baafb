"""What a rule found, as data: reporters print it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from .waivers import Waiver


class Severity(IntEnum):
    """How bad it is that a policy is so; a larger one is worse."""

    INFO = 0
    WARNING = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that one rule says of one provider, or of the bindings or the image beside it.

    `span` are character offsets, the second one behind the end, into the text that `place` names:
    the condition, the expression of a mapping (`mapping google.subject`), the member of a binding or
    its condition (`bindings`), a label of the image (`image`), or a waiver (`waivers`, its rule's
    slug); None for the whole. `token` are the claims of a token that shows it: this provider admits
    them. `hint` is what to write instead, "" when that is not for a rule to say.
    `decided` is False where nothing could be proved either way: then `message` says why.
    """

    rule: str
    severity: Severity
    message: str
    hint: str = ""
    provider: str = ""
    place: str = "condition"
    span: tuple[int, int] | None = None
    excerpt: str = ""
    token: Mapping[str, object] | None = None
    decided: bool = True
    waiver: Waiver | None = None

    def document(self) -> dict[str, object]:
        """The finding as JSON, for `--format json`."""
        return {
            "rule": self.rule,
            "severity": self.severity.label,
            "message": self.message,
            "hint": self.hint,
            "provider": self.provider,
            "place": self.place,
            "span": None if self.span is None else list(self.span),
            "excerpt": self.excerpt,
            "token": self.token,
            "decided": self.decided,
            "waived": None if self.waiver is None else _document(self.waiver),
        }


def _document(waiver: Waiver) -> dict[str, str]:
    expires: date = waiver.expires
    return {"reason": waiver.reason, "owner": waiver.owner, "expires": expires.isoformat()}
