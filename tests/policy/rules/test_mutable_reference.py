"""The rule mutable-reference."""

from __future__ import annotations

from typing import Any


def test_a_tag_can_be_moved(findings: Any) -> None:
    assert findings('assertion.submods.container.image_reference == "us-docker.pkg.dev/p/r/i:latest"') == [
        {
            "rule": "mutable-reference",
            "severity": "high",
            "message": "`us-docker.pkg.dev/p/r/i:latest` can be moved to another image",
            "hint": "name the image by its digest: `…@sha256:…`",
            "provider": "",
            "place": "condition",
            "span": [0, 79],
            "excerpt": 'assertion.submods.container.image_reference == "us-docker.pkg.dev/p/r/i:latest"',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_prefix_within_a_name_begins_others(findings: Any) -> None:
    assert findings('assertion.submods.container.image_reference.startsWith("us-docker.pkg.dev/p/r")') == [
        {
            "rule": "mutable-reference",
            "severity": "high",
            "message": "`us-docker.pkg.dev/p/r` begins others as well",
            "hint": "name the image by its digest: `…@sha256:…`",
            "provider": "",
            "place": "condition",
            "span": [0, 79],
            "excerpt": 'assertion.submods.container.image_reference.startsWith("us-docker.pkg.dev/p/r")',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_digest_beside_it_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            'assertion.submods.container.image_reference == "us-docker.pkg.dev/p/r/i:latest"'
        )
        == []
    )


def test_a_prefix_that_ends_with_a_slash_begins_what_it_says(findings: Any) -> None:
    assert findings('assertion.submods.container.image_reference.startsWith("us-docker.pkg.dev/p/r/")') == []
