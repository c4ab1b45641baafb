"""The questions that have names: what can be typed, and what is then asked of every admitted token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NAMED_QUESTIONS: Final[Mapping[str, str]] = {
    "production-image": "only production images of Confidential Space are admitted",
    "encrypted-memory": "only machines whose memory is encrypted are admitted",
    "pinned-image": "only images that the condition names, by digest or by signer, are admitted",
    "pinned-operator": "only projects or service accounts that the condition names are admitted",
    "no-overrides": "nobody who overrides command or environment is admitted",
    "satisfiable": "somebody is admitted",
    "never-errors": "the condition is true or false of every token, never an error",
}
