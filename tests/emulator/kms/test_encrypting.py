"""`encrypt` and `decrypt`: whose ciphertext is opened, and what the checksums say in either direction."""

from __future__ import annotations

import base64
from typing import Any

import google_crc32c
import pytest

from emulator.kms.encrypting import parse_bytes
from tests.emulator.kms.conftest import FIRST, KEY, RING, SECOND, SYMMETRIC, b64, said

DATA, AAD = b"a data key of 32 bytes, as it were", b"sha256:1234"


def crc(data: bytes) -> str:
    return str(google_crc32c.value(data))


def test_what_is_encrypted_is_decrypted_and_both_say_by_what(key: Any) -> None:
    encrypted = key.encrypt(DATA, AAD).json
    ciphertext = base64.b64decode(encrypted["ciphertext"])
    assert encrypted == {
        "name": FIRST,
        "ciphertext": encrypted["ciphertext"],
        "ciphertextCrc32c": crc(ciphertext),
        "protectionLevel": "SOFTWARE",
    }
    assert DATA not in ciphertext
    assert key.decrypt(encrypted["ciphertext"], AAD).json == {
        "plaintext": b64(DATA),
        "plaintextCrc32c": crc(DATA),
        "usedPrimary": True,
        "protectionLevel": "SOFTWARE",
    }


def test_decryption_finds_the_version_itself(key: Any) -> None:
    old = key.encrypt(DATA).json["ciphertext"]
    key.made(f"{KEY}/cryptoKeyVersions", {})
    key.made(f"{KEY}:updatePrimaryVersion", {"cryptoKeyVersionId": "2"})
    new = key.encrypt(DATA).json
    assert new["name"] == SECOND
    answers = [key.decrypt(each).json for each in (old, new["ciphertext"])]
    assert [each["plaintext"] for each in answers] == [b64(DATA)] * 2
    assert ["usedPrimary" in each for each in answers] == [False, True]


def test_a_checksum_that_came_and_fits_is_said_to_be_verified(key: Any) -> None:
    body = {"plaintext": b64(DATA), "plaintextCrc32c": crc(DATA)}
    one = key.made(f"{KEY}:encrypt", body)
    assert one["verifiedPlaintextCrc32c"] is True
    assert "verifiedAdditionalAuthenticatedDataCrc32c" not in one
    # Of additional data that is not there, a checksum is that of no bytes: `gcloud` sends it.
    both = key.made(f"{KEY}:encrypt", {**body, "additionalAuthenticatedDataCrc32c": "0"})
    assert both["verifiedAdditionalAuthenticatedDataCrc32c"] is True
    checked = {
        "ciphertext": both["ciphertext"],
        "ciphertextCrc32c": both["ciphertextCrc32c"],
        "additionalAuthenticatedDataCrc32c": 0,
    }
    assert key.made(f"{KEY}:decrypt", checked)["plaintext"] == b64(DATA)


@pytest.mark.parametrize(
    ("verb", "field", "sentence"),
    [
        (
            "encrypt",
            "plaintextCrc32c",
            "The checksum in field plaintext_crc32c did not match the data in field plaintext.",
        ),
        (
            "encrypt",
            "additionalAuthenticatedDataCrc32c",
            "The checksum in field additional_authenticated_data_crc32c did not match the data in field "
            "additional_authenticated_data.",
        ),
        (
            "decrypt",
            "ciphertextCrc32c",
            "The checksum in field ciphertext_crc32c did not match the data in field ciphertext.",
        ),
        (
            "decrypt",
            "additionalAuthenticatedDataCrc32c",
            "The checksum in field additional_authenticated_data_crc32c did not match the data in field "
            "additional_authenticated_data.",
        ),
    ],
)
def test_a_checksum_that_does_not_fit_is_refused_in_googles_words(
    key: Any, verb: str, field: str, sentence: str
) -> None:
    sealed = key.encrypt(DATA, AAD).json["ciphertext"]
    body = {"plaintext": b64(DATA)} if verb == "encrypt" else {"ciphertext": sealed}
    body |= {"additionalAuthenticatedData": b64(AAD)}
    assert key.call("POST", f"{KEY}:{verb}", body).status == 200
    answer = key.call("POST", f"{KEY}:{verb}", {**body, field: "1"})
    assert said(answer) == (400, "INVALID_ARGUMENT", sentence)


@pytest.mark.parametrize("checksum", ["x", "-1", 1.5, True, "1e3", "", [1]])
def test_a_checksum_that_is_no_number_is_refused(key: Any, checksum: object) -> None:
    body = {"plaintext": b64(DATA), "plaintextCrc32c": checksum}
    assert key.call("POST", f"{KEY}:encrypt", body).status == 400


def test_no_bytes_are_encrypted_and_come_back_as_no_field(key: Any) -> None:
    ciphertext = key.encrypt(b"").json["ciphertext"]
    answer = key.decrypt(ciphertext).json
    assert answer == {"plaintextCrc32c": "0", "usedPrimary": True, "protectionLevel": "SOFTWARE"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"plaintext": "?"}, "plaintext"),
        ({"plaintext": 7}, "plaintext"),
        ({"plaintext": []}, "plaintext"),
        ({"plaintext": False}, "plaintext"),
        ({"plaintext": b64(bytes(65537))}, "plaintext"),
        (
            {"plaintext": "", "additionalAuthenticatedData": b64(bytes(65537))},
            "additional_authenticated_data",
        ),
    ],
)
def test_bytes_that_are_none_or_too_many_are_refused_and_not_repeated(
    key: Any, body: dict[str, Any], field: str
) -> None:
    answer = key.call("POST", f"{KEY}:encrypt", body)
    assert said(answer)[2].startswith(f"Invalid value at '{field}': it ")
    assert len(answer.text) < 400


def test_as_many_bytes_as_google_takes_are_taken(key: Any) -> None:
    answer = key.encrypt(bytes(65536), bytes(65536))
    assert key.decrypt(answer.json["ciphertext"], bytes(65536)).json["plaintext"] == b64(bytes(65536))


def test_base64_comes_in_either_alphabet_with_or_without_padding() -> None:
    for text in ("-_8=", "+/8=", "-_8", "+/8"):
        assert parse_bytes({"a": text}, "a").data == b"\xfb\xff"


def test_what_was_read_of_a_request_does_not_show_itself() -> None:
    assert repr(parse_bytes({"a": b64(DATA)}, "a")) == f"Checked(<{len(DATA)} bytes>, verified=False)"


def test_other_additional_data_opens_nothing(key: Any) -> None:
    ciphertext = key.encrypt(DATA, AAD).json["ciphertext"]
    for aad in (b"", AAD + b"x"):
        refused = said(key.decrypt(ciphertext, aad))
        assert refused == (400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.")


def test_another_keys_ciphertext_is_refused_in_googles_words(key: Any) -> None:
    key.made(f"{RING}/cryptoKeys?cryptoKeyId=other", SYMMETRIC)
    ciphertext = key.encrypt(DATA).json["ciphertext"]
    sentence = "Decryption failed: verify that 'name' refers to the correct CryptoKey."
    refused = said(key.decrypt(ciphertext, name=f"{RING}/cryptoKeys/other"))
    assert refused == (400, "INVALID_ARGUMENT", sentence)


def test_a_version_that_never_was_opens_nothing(key: Any) -> None:
    ciphertext = bytearray(base64.b64decode(key.encrypt(DATA).json["ciphertext"]))
    ciphertext[37] = 9
    assert said(key.decrypt(b64(bytes(ciphertext))))[2] == "Decryption failed: the ciphertext is invalid."


@pytest.mark.parametrize("ciphertext", ["", b64(b"InvalidKMSData"), b64(bytes(200))])
def test_what_is_no_ciphertext_opens_nothing(key: Any, ciphertext: str) -> None:
    assert said(key.decrypt(ciphertext))[2] == "Decryption failed: the ciphertext is invalid."


@pytest.mark.parametrize("verb", ["encrypt", "decrypt"])
def test_a_field_that_the_call_does_not_have_is_refused(key: Any, verb: str) -> None:
    answer = key.call("POST", f"{KEY}:{verb}", {"aad": b64(AAD)})
    assert 'Unknown name "aad"' in said(answer)[2]


def test_a_parameter_is_refused_of_a_version_as_well(key: Any) -> None:
    for name in (KEY, FIRST):
        answer = key.call("POST", f"{name}:encrypt?more=1", {"plaintext": ""})
        assert "does not have the parameter `more`" in said(answer)[2]
