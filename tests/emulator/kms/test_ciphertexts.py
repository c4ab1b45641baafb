"""A ciphertext of which one bit is another is refused, and so is one in the wrong hands."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import GoogleError
from emulator.kms.ciphertexts import decrypt, encrypt, parse_ciphertext

MATERIAL, KEY_ID = bytes(range(32)), bytes(range(16))


def made(plaintext: bytes = b"a data key", aad: bytes = b"aad", version: int = 7) -> bytes:
    return encrypt(plaintext, aad, material=MATERIAL, key_id=KEY_ID, version=version)


def opened(data: bytes, aad: bytes = b"aad", material: bytes = MATERIAL) -> bytes:
    return decrypt(parse_ciphertext(data), aad, material)


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 2**32 - 1))
def test_what_is_encrypted_is_decrypted(plaintext: bytes, aad: bytes, version: int) -> None:
    data = made(plaintext, aad, version)
    parsed = parse_ciphertext(data)
    assert (parsed.key_id, parsed.version) == (KEY_ID, version)
    assert opened(data, aad) == plaintext


def test_it_begins_as_googles_do_and_never_comes_twice() -> None:
    assert base64.b64encode(made()).startswith(b"CiQA")
    assert made() != made()


def test_every_bit_counts() -> None:
    data = made()
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(GoogleError, match=r"Decryption failed: the ciphertext is invalid\."):
            opened(bytes(flipped))


def test_every_byte_counts() -> None:
    data = made()
    for cut in [*(data[:length] for length in range(len(data))), data + b"\0", data[1:]]:
        with pytest.raises(GoogleError, match="the ciphertext is invalid"):
            opened(cut)


@pytest.mark.parametrize("aad", [b"", b"aae", b"aad\0", b"aa"])
def test_other_additional_data_is_refused(aad: bytes) -> None:
    with pytest.raises(GoogleError, match="the ciphertext is invalid"):
        opened(made(), aad)


def test_nothing_goes_from_the_plaintexts_side_to_the_additional_datas() -> None:
    data = made(b"", b"")
    with pytest.raises(GoogleError, match="the ciphertext is invalid"):
        opened(data[:38] + data[39:], data[38:39])


def test_another_versions_material_is_refused() -> None:
    with pytest.raises(GoogleError, match="the ciphertext is invalid"):
        opened(made(), material=bytes(32))
