"""The rule redundant-clause."""

from __future__ import annotations

from typing import Any

import pytest


def test_a_clause_that_follows_from_another_keeps_nothing_out(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
        'assertion.submods.container.image_digest.startsWith("sha256:")'
    ) == [
        {
            "rule": "redundant-clause",
            "severity": "warning",
            "message": '`assertion.submods.container.image_digest.startsWith("sha256:")` '
            "keeps nothing out that the rest does not",
            "hint": "leave it out",
            "provider": "",
            "place": "condition",
            "span": [121, 183],
            "excerpt": 'assertion.submods.container.image_digest.startsWith("sha256:")',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


STABLE = '"STABLE" in assertion.submods.confidential_space.support_attributes'
LOCKS = f'assertion.swname == "CONFIDENTIAL_SPACE" && {STABLE} && assertion.dbgstat == "disabled-since-boot"'


def test_a_clause_that_only_a_guarantee_makes_redundant_is_told(findings: Any) -> None:
    assert findings(f'assertion.dbgstat == "disabled-since-boot" && {STABLE}') == [
        {
            "rule": "redundant-clause",
            "severity": "info",
            "message": '`assertion.dbgstat == "disabled-since-boot"` keeps nothing out '
            "that the rest does not, since a debug image has no support attribute",
            "hint": "keep it as a second lock, for the day when that is no longer so, or leave it out",
            "provider": "",
            "place": "condition",
            "span": [0, 42],
            "excerpt": 'assertion.dbgstat == "disabled-since-boot"',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_the_three_locks_that_we_write_repeat_one_another_by_design(findings: Any) -> None:
    assert findings(LOCKS) == []
    assert findings(f'{LOCKS} && assertion.sub.startsWith("https://")') == []


@pytest.mark.parametrize(
    ("condition", "excerpt", "since"),
    [
        (
            f"{LOCKS} && assertion.oemid == 11129",
            "assertion.oemid == 11129",
            "`oemid` is Google's number, 11129",
        ),
        (
            f"{LOCKS} && {STABLE.replace('STABLE', 'USABLE')}",
            STABLE.replace("STABLE", "USABLE"),
            "an image that is STABLE is USABLE",
        ),
        (
            f'assertion.dbgstat != "enabled" && {STABLE}',
            'assertion.dbgstat != "enabled"',
            "a debug image has no support attribute",
        ),
    ],
)
def test_whatever_else_a_guarantee_makes_redundant_is_told(
    condition: str, excerpt: str, since: str, findings: Any
) -> None:
    (found,) = findings(condition)
    assert (found["severity"], found["excerpt"]) == ("info", excerpt)
    assert found["message"].endswith(f"since {since}")


def test_a_clause_that_keeps_something_out_stays(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            "assertion.secboot == true"
        )
        == []
    )
