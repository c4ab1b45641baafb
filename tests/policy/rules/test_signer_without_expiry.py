"""The rule signer-without-expiry."""

from __future__ import annotations

from typing import Any


def test_a_key_signs_for_ever(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_signatures.exists(s, s.signature_algorithm + "
        '":" + s.key_id in '
        '["ECDSA_P256_SHA256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"])'
    ) == [
        {
            "rule": "signer-without-expiry",
            "severity": "info",
            "message": "whatever the key has signed, or will sign, is admitted for as long "
            "as the condition stands",
            "hint": "plan when this key is replaced",
            "provider": "",
            "place": "condition",
            "span": [0, 184],
            "excerpt": "assertion.submods.container.image_signatures.exists(s, "
            's.signature_algorithm + ":" + s.key_id in '
            '["ECDSA_P256_SHA256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"])',
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_digest_beside_it_is_an_end(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            "assertion.submods.container.image_signatures.exists(s, s.key_id == "
            '"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc")'
        )
        == []
    )
