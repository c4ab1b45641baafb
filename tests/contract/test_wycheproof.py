"""Wycheproof's cases of AES-GCM and HKDF, as far as a sealed model has their sizes, by `Stream` itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from attestation.digests import Digest
from attestation.errors import EvidenceRejected
from contract.sealed_stream import HEADER_BYTES, TAG_BYTES, Stream, make_header

CASES = json.loads((Path(__file__).parent / "wycheproof.json").read_text(encoding="utf-8"))
HEADER = make_header(bytes(32), bytes(7))
DIGEST = Digest("sha256:" + "0" * 64)


def named(case: dict[str, Any]) -> str:
    return f"{case['tcId']}"


@pytest.mark.parametrize("case", CASES["aes_gcm"], ids=named)
def test_a_segment_is_sealed_and_opened_as_the_case_says(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The case's key stands in the place of the derived one, and its nonce in that of the segment's."""
    key, nonce, plain, ciphertext, tag = (
        bytes.fromhex(case[name]) for name in ("key", "iv", "msg", "ct", "tag")
    )
    monkeypatch.setattr("contract.sealed_stream.HKDF", lambda **_: Given(key))
    monkeypatch.setattr(Stream, "_nonce", lambda _self, _index: nonce)
    stream = Stream(bytes(32), header=HEADER, associated=DIGEST, size=len(plain))
    opened, sealed = bytearray(len(plain)), bytearray(len(plain) + TAG_BYTES)
    stream.seal_segment(0, plain, sealed)
    if case["result"] == "valid":
        assert bytes(sealed) == ciphertext + tag
        stream.open_segment(0, ciphertext + tag, opened)
        assert bytes(opened) == plain
    else:
        assert bytes(sealed) != ciphertext + tag
        with pytest.raises(EvidenceRejected):
            stream.open_segment(0, ciphertext + tag, opened)
        assert not any(opened)


@pytest.mark.parametrize("case", CASES["hkdf_sha256"], ids=named)
def test_the_key_of_a_stream_is_derived_as_the_case_says(case: dict[str, Any]) -> None:
    key, salt, derived = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "okm"))
    header = make_header(salt, bytes(7))
    stream = Stream(key, header=header, associated=Digest("sha256:" + case["info"]), size=5)
    sealed = bytearray(5 + TAG_BYTES)
    stream.seal_segment(0, b"bytes", sealed)
    nonce = header[HEADER_BYTES - 7 :] + (0).to_bytes(4, "big") + b"\1"
    assert AESGCM(derived[:32]).decrypt(nonce, bytes(sealed), None) == b"bytes"


class Given:
    """What HKDF makes is this."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def derive(self, _: bytes) -> bytes:
        return self._key


def test_there_are_cases_of_either_kind() -> None:
    assert {case["result"] for case in CASES["aes_gcm"]} == {"valid", "invalid"}
    assert len(CASES["hkdf_sha256"]) > 5
