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
    with pytest.raises(Misconfigured, match=r"it has none$"):
        entry_of((), KMS)
    several = [replace(KMS, key=f"key-{number}") for number in range(4)]
    with pytest.raises(Misconfigured) as refused:
        entry_of(tuple(WrappedKey(kms=each, wrapped=b"w") for each in several), KMS)
    assert refused.value.message.endswith(f"it has `{several[0]}`, `{several[1]}`, `{several[2]}`")


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
    with pytest.raises(
        KeysFormatUnknown,
        match=r"`format` in the sealed model's `keys.json` is `2`; this program reads 1 alone",
    ):
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
    ],
)
def test_what_this_program_does_not_write_is_malformed(text: bytes) -> None:
    with pytest.raises(KeysMalformed) as refused:
        parse_keys(text, manifest=MANIFEST)
    assert "\n" not in refused.value.message


def test_a_wrapped_key_is_not_shown() -> None:
    assert "wrapped" not in repr(KEYS[0])


def test_a_wrapped_key_has_one_byte_or_more() -> None:
    (only,) = parse_keys(with_keys({**ENTRY, "wrapped": "AA=="}), manifest=MANIFEST)
    assert only.wrapped == b"\0"


def test_the_file_has_at_most_a_mebibyte_and_a_wrapped_key_64_kibibytes() -> None:
    def of_size(size: int) -> bytes:
        eleven = [
            WrappedKey(kms=replace(KMS, key=f"key-{number:02}"), wrapped=bytes(65_536))
            for number in range(11)
        ]
        last = WrappedKey(kms=replace(KMS, key="last"), wrapped=b"w")
        left = size - len(render_keys(MANIFEST, (*eleven, last)))
        last = WrappedKey(kms=replace(KMS, key="last" + "t" * (left % 4)), wrapped=bytes(1 + left // 4 * 3))
        return render_keys(MANIFEST, (*eleven, last))

    assert len(of_size(1 << 20)) == 1 << 20
    assert len(parse_keys(of_size(1 << 20), manifest=MANIFEST)) == 12
    with pytest.raises(KeysMalformed, match="is larger than 1048576 bytes"):
        parse_keys(of_size((1 << 20) + 1), manifest=MANIFEST)


def test_each_rejection_has_its_code() -> None:
    assert KeysMalformed.code == "keys-malformed"
    assert KeysFormatUnknown.code == "keys-format-unknown"
    assert KeysOfAnother.code == "keys-of-another"
