"""The rule signature-without-algorithm."""

from __future__ import annotations

from typing import Any


def test_a_key_alone_leaves_its_algorithm_open(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_signatures.exists(s, s.key_id == "
        '"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc")'
    ) == [
        {
            "rule": "signature-without-algorithm",
            "severity": "medium",
            "message": "a signature's key is asked, and not how it signs",
            "hint": 'ask `signature.signature_algorithm == "ECDSA_P256_SHA256"` as well',
            "provider": "",
            "place": "condition",
            "span": [0, 134],
            "excerpt": "assertion.submods.container.image_signatures.exists(s, s.key_id == "
            '"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc")',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_asking_for_the_algorithm_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_signatures.exists(s, s.key_id == "
            '"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc" && '
            's.signature_algorithm == "ECDSA_P256_SHA256")'
        )
        == []
    )
