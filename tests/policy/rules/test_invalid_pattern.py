"""The rule invalid-pattern."""

from __future__ import annotations

from typing import Any


def test_lookahead_is_refused(findings: Any) -> None:
    assert findings('assertion.submods.gce.project_id.matches("^(?!competitor).*$")') == [
        {
            "rule": "invalid-pattern",
            "severity": "high",
            "message": "not a regular expression of RE2: RE2 has no lookaround, "
            "backreferences or such groups",
            "hint": "",
            "provider": "",
            "place": "condition",
            "span": [41, 61],
            "excerpt": '"^(?!competitor).*$"',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_what_re2_reads_is_fine(findings: Any) -> None:
    assert findings('assertion.submods.gce.project_id.matches("^secundus(-[a-z]+)?$")') == []
