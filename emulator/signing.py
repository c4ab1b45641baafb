"""What a service account signs: ID tokens with the folder's one key, blobs and claims with its own.

Google's own keys sign the ID tokens; an account has a key of its own that Google keeps. Both are made
here when they are wanted, and their public halves are published where Google publishes them.

Source: Google Cloud documentation, "ID tokens"; IAM documentation, "Service account credentials"
(`https://www.googleapis.com/service_accounts/v1/metadata/jwk/EMAIL`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .keys import key_id_of, load_or_make_rsa_key
from .state import State

_ISSUER = "https://accounts.google.com"
_LIFETIME_S = 3600


def mint_id_token(state: State, unique_id: str, audience: str, more: Mapping[str, object]) -> str:
    """An ID token of the account with that unique ID, for `audience`, with `more` claims; for an hour."""
    now = int(state.clock())
    claims = {
        "aud": audience,
        "azp": unique_id,
        "exp": now + _LIFETIME_S,
        "iat": now,
        "iss": _ISSUER,
        "sub": unique_id,
        **more,
    }
    key = _id_token_key(state)
    return jwt.encode(claims, key, "RS256", {"kid": key_id_of(key.public_key())})


def sign_bytes(state: State, unique_id: str, payload: bytes) -> tuple[bytes, str]:
    """The account's signature (RSASSA-PKCS1-v1_5, SHA-256), and the ID of its key."""
    key = _account_key(state, unique_id)
    return key.sign(payload, padding.PKCS1v15(), hashes.SHA256()), key_id_of(key.public_key())


def sign_claims(state: State, unique_id: str, claims: dict[str, Any]) -> tuple[str, str]:
    """A JWT that the account signed, and the ID of its key."""
    key = _account_key(state, unique_id)
    key_id = key_id_of(key.public_key())
    return jwt.encode(claims, key, "RS256", {"kid": key_id}), key_id


def public_keys_of_id_tokens(state: State) -> dict[str, object]:
    """The key that ID tokens verify with, as a JSON Web Key Set."""
    return _render_keys(_id_token_key(state))


def public_keys_of(state: State, unique_id: str) -> dict[str, object]:
    """The key that the account's signatures verify with, as a JSON Web Key Set."""
    return _render_keys(_account_key(state, unique_id))


def _id_token_key(state: State) -> rsa.RSAPrivateKey:
    return load_or_make_rsa_key(state.folder / "metadata" / "identity-key.pem")


def _account_key(state: State, unique_id: str) -> rsa.RSAPrivateKey:
    return load_or_make_rsa_key(state.folder / "account-keys" / Path(f"{unique_id}.pem").name)


def _render_keys(key: rsa.RSAPrivateKey) -> dict[str, object]:
    public = key.public_key()
    whole = jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True)
    shown = {name: whole[name] for name in ("kty", "n", "e")}
    return {"keys": [{**shown, "use": "sig", "alg": "RS256", "kid": key_id_of(public)}]}
