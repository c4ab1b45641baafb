"""Finding the one key that a token names, and refusing every key that may not verify it."""

from __future__ import annotations

from typing import Any

import pytest

from attestation.errors import EvidenceRejected
from attestation.jwks import check_rsa_key, find_key
from attestation.rejections import DuplicateKeyId, KeyNotAllowed, KeySetMalformed, UnknownKey
from tests.attestation.signing import base64url, ec_key

Jwk = dict[str, object]


def jwk(kid: object = "key", *, bits: int = 2048, **changes: Any) -> Jwk:
    """A public key of so many bits, whose private key nobody has."""
    modulus = ((1 << (bits - 1)) | 1).to_bytes((bits + 7) // 8, "big")
    whole = {"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": base64url(modulus), "e": "AQAB"}
    return {name: value for name, value in (whole | changes).items() if value is not None}


@pytest.mark.parametrize("bits", [2048, 4096, 8192])
def test_the_key_that_a_token_names_is_found_among_others(bits: int) -> None:
    found = find_key({"keys": [jwk("other"), jwk(bits=bits), jwk("third")]}, "key")
    numbers = found.public_numbers()
    assert (found.key_size, numbers.e, numbers.n) == (bits, 65537, (1 << (bits - 1)) | 1)


@pytest.mark.parametrize("without", [jwk(use=None), jwk(alg=None)])
def test_a_key_may_leave_out_what_it_is_for(without: Jwk) -> None:
    assert find_key({"keys": [without]}, "key").key_size == 2048


@pytest.mark.parametrize("kid", [None, 7, ["key"]])
def test_a_key_that_no_token_can_name_is_passed_over(kid: object) -> None:
    keys = [{"kty": "RSA"} | ({} if kid is None else {"kid": kid}), jwk()]
    assert find_key({"keys": keys}, "key").key_size == 2048


@pytest.mark.parametrize(
    ("jwks", "rejection", "said"),
    [
        ({}, KeySetMalformed, "the key set has no list `keys`"),
        ({"keys": {"key": jwk()}}, KeySetMalformed, "the key set has no list `keys`"),
        ({"keys": [jwk(), "key"]}, KeySetMalformed, "a key of the key set is not an object"),
        ({"keys": []}, UnknownKey, "the key set has no key `key`"),
        ({"keys": [jwk("Key")]}, UnknownKey, "the key set has no key `key`"),
        ({"keys": [jwk(), jwk()]}, DuplicateKeyId, "the key set has two keys with `kid` `key`"),
        ({"keys": [jwk("a"), jwk(), jwk("a")]}, DuplicateKeyId, "the key set has two keys with `kid` `a`"),
        ({"keys": [jwk(kty="EC")]}, KeyNotAllowed, "the key that the token names is not an RSA key"),
        ({"keys": [jwk(kty=None)]}, KeyNotAllowed, "the key that the token names is not an RSA key"),
        ({"keys": [jwk(use="enc")]}, KeyNotAllowed, "the key that the token names is not for `use` `sig`"),
        (
            {"keys": [jwk(alg="PS256")]},
            KeyNotAllowed,
            "the key that the token names is not for `alg` `RS256`",
        ),
        (
            {"keys": [jwk(bits=2047)]},
            KeyNotAllowed,
            "the key that the token names has 2047 bits, and 2048 to 8192 are allowed",
        ),
        (
            {"keys": [jwk(bits=8193)]},
            KeyNotAllowed,
            "the key that the token names has 8193 bits, and 2048 to 8192 are allowed",
        ),
        (
            {"keys": [jwk(n=None)]},
            KeySetMalformed,
            "the key that the token names has no number `n` in base64url",
        ),
        (
            {"keys": [jwk(e=65537)]},
            KeySetMalformed,
            "the key that the token names has no number `e` in base64url",
        ),
        (
            {"keys": [jwk(e="AQAB=")]},
            KeySetMalformed,
            "the key that the token names has no number `e` in base64url",
        ),
        ({"keys": [jwk(e="AA")]}, KeySetMalformed, "the key that the token names is not an RSA public key"),
    ],
)
def test_a_key_set_without_such_a_key_is_rejected_with_its_cause(
    jwks: Jwk, rejection: type[EvidenceRejected], said: str
) -> None:
    with pytest.raises(EvidenceRejected) as caught:
        find_key(jwks, "key")
    assert (type(caught.value), caught.value.message) == (rejection, said)


def test_a_key_of_a_certificate_is_named_as_whose_it_is() -> None:
    with pytest.raises(KeyNotAllowed, match=r"^the leaf's key is not an RSA key$"):
        check_rsa_key(ec_key().public_key(), "the leaf's key")
