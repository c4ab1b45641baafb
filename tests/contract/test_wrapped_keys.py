"""Wrapped keys name their manifest, have one text, and one entry a key."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from attestation.digests import digest_of
from attestation.errors import Misconfigured
from contract.canonical import render_canonical
from contract.wrapped_keys import (
    MOST_BYTES,
    KeysFormatUnknown,
    KeysMalformed,
    KeysOfAnother,
    WrappedKey,
    entry_of,
    parse_keys,
    render_keys,
)
from tests.sealed_models import KMS

MANIFEST = digest_of(b"a manifest")
OTHER = replace(KMS, project="another-project")
KEYS = (WrappedKey(kms=OTHER, wrapped=b"\x00wrapped"), WrappedKey(kms=KMS, wrapped=bytes(range(100))))
TEXT = render_keys(MANIFEST, KEYS)


def test_keys_are_read_as_they_were_written_in_whichever_order() -> None:
    assert parse_keys(TEXT, manifest=MANIFEST) == KEYS
    assert render_keys(MANIFEST, KEYS[::-1]) == TEXT
    assert json.loads(TEXT) == {
        "format": 1,
        "manifest": MANIFEST,
        "keys": [{"kms": str(each.kms), "wrapped": base64.b64encode(each.wrapped).decode()} for each in KEYS],
    }


def test_the_entry_of_a_key_is_found_and_no_other_is_taken_for_it() -> None:
    assert entry_of(KEYS, KMS) == KEYS[1]
    with pytest.raises(Misconfigured, match="has nothing that `projects/third") as refused:
        entry_of(KEYS, replace(KMS, project="third-project"))
    assert refused.value.hint.endswith(
        f"symbolon owner rotate --add {replace(KMS, project='third-project')}`"
    )
    with pytest.raises(Misconfigured, match="it has none"):
        entry_of((), KMS)


def test_another_manifests_keys_are_refused() -> None:
    with pytest.raises(KeysOfAnother, match=f"belongs to the manifest `{MANIFEST}`"):
        parse_keys(TEXT, manifest=digest_of(b"another"))


def test_each_byte_counts_until_a_key_would_have_to_be_asked() -> None:
    """A letter of a wrapped key is the one thing that the key itself has to refuse."""
    text = render_keys(MANIFEST, KEYS[1:])
    for at in range(len(text)):
        for bit in range(8):
            changed = bytearray(text)
            changed[at] ^= 1 << bit
            try:
                keys = parse_keys(bytes(changed), manifest=MANIFEST)
                wrapped = entry_of(keys, KMS).wrapped
            except (KeysFormatUnknown, KeysMalformed, KeysOfAnother, Misconfigured):
                continue
            assert wrapped != KEYS[1].wrapped


def test_keys_of_a_format_to_come_are_refused_with_a_sentence() -> None:
    with pytest.raises(KeysFormatUnknown, match="is of `format` `2`; this program reads 1 alone"):
        parse_keys(render_canonical({**json.loads(TEXT), "format": 2}), manifest=MANIFEST)


def with_keys(*entries: object) -> bytes:
    return render_canonical({"format": 1, "manifest": MANIFEST, "keys": list(entries)})


ENTRY = {"kms": str(KMS), "wrapped": "AAAA"}


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"{",
        TEXT + b"\n",
        render_canonical({"format": 1, "manifest": MANIFEST}),
        render_canonical({"format": 1, "manifest": MANIFEST, "keys": None}),
        render_canonical({"format": 1, "manifest": "none", "keys": []}),
        with_keys("an entry"),
        with_keys({**ENTRY, "more": 1}),
        with_keys({"kms": "projects/p", "wrapped": "AAAA"}),
        with_keys({"kms": str(KMS), "wrapped": ""}),
        with_keys({"kms": str(KMS), "wrapped": "AAA"}),
        with_keys({"kms": str(KMS), "wrapped": "AAB="}),
        with_keys({"kms": str(KMS), "wrapped": base64.b64encode(bytes(65_537)).decode()}),
        with_keys(ENTRY, ENTRY),
        with_keys(ENTRY, {"kms": str(OTHER), "wrapped": "AAAA"}),
        b" " * (MOST_BYTES + 1),
    ],
)
def test_what_this_program_does_not_write_is_malformed(text: bytes) -> None:
    with pytest.raises(KeysMalformed) as refused:
        parse_keys(text, manifest=MANIFEST)
    assert "\n" not in refused.value.message


def test_a_wrapped_key_is_not_shown() -> None:
    assert "wrapped" not in repr(KEYS[0])
