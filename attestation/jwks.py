"""Finding the key that a token names in its issuer's JSON Web Key Set.

Source: RFC 7517 (JWK), sections 4 and 5; RFC 7518, section 6.3.1.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import rsa

from .errors import quoted
from .rejections import DuplicateKeyId, KeyNotAllowed, KeySetMalformed, UnknownKey
from .tokens import decode_base64url

SMALLEST_RSA_BITS = 2048
LARGEST_RSA_BITS = 8192  # more only slows whoever verifies


def find_key(jwks: Mapping[str, object], kid: str) -> rsa.RSAPublicKey:
    """The one key of `jwks` with this `kid`: an RSA key that may verify RS256 signatures.

    Raises:
        KeySetMalformed: `jwks` is no key set, or this key of it cannot be read.
        DuplicateKeyId: it has two keys with one `kid`, this or another.
        UnknownKey: it has no key with this `kid`.
        KeyNotAllowed: the key is of another type, size, use or algorithm.
    """
    keys = jwks.get("keys")
    if not isinstance(keys, list):
        raise KeySetMalformed("the key set has no list `keys`")
    by_kid: dict[str, Mapping[str, object]] = {}
    for jwk in keys:
        if not isinstance(jwk, Mapping):
            raise KeySetMalformed("a key of the key set is not an object")
        key_id = jwk.get("kid")
        if not isinstance(key_id, str):
            continue  # no token can name it
        if key_id in by_kid:
            raise DuplicateKeyId(f"the key set has two keys with `kid` {quoted(key_id)}")
        by_kid[key_id] = jwk
    if kid not in by_kid:
        raise UnknownKey(
            f"the key set has no key {quoted(kid)}",
            hint="the issuer's keys rotate: an old token verifies only with the key set of its day",
        )
    return _rsa_key(by_kid[kid])


def check_rsa_key(key: object, whose: str) -> rsa.RSAPublicKey:
    """`key`, which is an RSA public key of an acceptable size.

    Raises:
        KeyNotAllowed: it is not.
    """
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyNotAllowed(f"{whose} is not an RSA key")
    if not SMALLEST_RSA_BITS <= key.key_size <= LARGEST_RSA_BITS:
        raise KeyNotAllowed(
            f"{whose} has {key.key_size} bits, and {SMALLEST_RSA_BITS} to {LARGEST_RSA_BITS} are allowed"
        )
    return key


def _rsa_key(jwk: Mapping[str, object]) -> rsa.RSAPublicKey:
    if jwk.get("kty") != "RSA":
        raise KeyNotAllowed("the key that the token names is not an RSA key")
    for name, only in (("use", "sig"), ("alg", "RS256")):
        if name in jwk and jwk[name] != only:
            raise KeyNotAllowed(f"the key that the token names is not for `{name}` `{only}`")
    numbers = rsa.RSAPublicNumbers(e=_number(jwk, "e"), n=_number(jwk, "n"))
    try:
        key = numbers.public_key()
    except ValueError:
        raise KeySetMalformed("the key that the token names is not an RSA public key") from None
    return check_rsa_key(key, "the key that the token names")


def _number(jwk: Mapping[str, object], name: str) -> int:
    value = jwk.get(name)
    data = decode_base64url(value) if isinstance(value, str) else None
    if data is None:
        raise KeySetMalformed(f"the key that the token names has no number `{name}` in base64url")
    return int.from_bytes(data, "big")
