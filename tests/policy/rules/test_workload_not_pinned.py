"""The rule workload-not-pinned."""

from __future__ import annotations

from typing import Any


def test_a_tag_pins_nothing(findings: Any) -> None:
    assert findings('assertion.submods.container.image_reference == "us-docker.pkg.dev/p/r/i:latest"') == [
        {
            "rule": "workload-not-pinned",
            "severity": "critical",
            "message": "a workload is admitted that the condition does not name",
            "hint": 'ask `assertion.submods.container.image_digest == "sha256:…"`, or for a '
            "signature by a key of yours",
            "provider": "",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": {"submods.container.image_reference": "us-docker.pkg.dev/p/r/i:latest"},
            "decided": True,
            "waived": None,
        }
    ]


def test_a_refused_digest_pins_nothing(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest != "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
    ) == [
        {
            "rule": "workload-not-pinned",
            "severity": "critical",
            "message": "a workload is admitted that the condition does not name",
            "hint": 'ask `assertion.submods.container.image_digest == "sha256:…"`, or for a '
            "signature by a key of yours",
            "provider": "",
            "place": "condition",
            "span": [0, 117],
            "excerpt": "assertion.submods.container.image_digest != "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"',
            "token": {},
            "decided": True,
            "waived": None,
        }
    ]


def test_a_digest_pins_it(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
        )
        == []
    )


def test_a_reference_by_digest_pins_it(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_reference == "
            '"us-docker.pkg.dev/p/r/i@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
        )
        == []
    )


def test_a_signature_by_a_key_pins_it(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_signatures.exists(s, s.key_id == "
            '"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc")'
        )
        == []
    )


def test_the_configurations_digest_pins_it(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_id == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
        )
        == []
    )
