"""The rule condition-too-long."""

from __future__ import annotations

from typing import Any

LONGEST = "assertion.secboot == true".ljust(4096)


def test_one_character_more_than_google_takes_is_too_long(findings: Any) -> None:
    assert findings(f"{LONGEST} ") == [
        {
            "rule": "condition-too-long",
            "severity": "high",
            "message": "4,097 characters, Google's limit is 4,096",
            "hint": "pin images by the key that signs them, or use a second provider",
            "provider": "",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_as_many_as_google_takes_are_fine(findings: Any) -> None:
    assert findings(LONGEST) == []
