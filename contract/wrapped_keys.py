"""Who can open a sealed model: its data key, wrapped by each key that can unwrap it. `keys.json`.

    {"format": 1, "manifest": "sha256:…", "keys": [{"kms": "projects/…/cryptoKeys/…", "wrapped": base64}]}

It names the manifest that it belongs to, and each entry is wrapped with that digest as additional
authenticated data: an entry of another model does not open. Rotation and another key change it, so the terms
do not pin it: whoever can write to the bucket can keep the model from being opened, and can do nothing else.

It has one text, RFC 8785's, with its entries sorted by key; any other bytes are malformed.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from attestation.digests import Digest, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured

from .canonical import render_canonical
from .formats import read_document
from .kms_keys import KmsKey, parse_kms_key

FORMAT = 1
MOST_BYTES = 1 << 20
_MOST_WRAPPED_BYTES = 65_536
_HINT = "the owner restores it, or seals the model again: `symbolon owner protect`"


class KeysMalformed(EvidenceRejected):
    """It is not a `keys.json` as this program writes one."""

    code = "keys-malformed"


class KeysFormatUnknown(Misconfigured):
    """It is a `keys.json` of another format."""

    code = "keys-format-unknown"


class KeysOfAnother(EvidenceRejected):
    """The wrapped keys belong to another manifest."""

    code = "keys-of-another"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """The data key as that key of Cloud KMS encrypted it."""

    kms: KmsKey
    wrapped: bytes = field(repr=False)


def render_keys(manifest: Digest, keys: tuple[WrappedKey, ...]) -> bytes:
    """The content of `keys.json`."""
    entries = sorted((str(each.kms), base64.b64encode(each.wrapped).decode()) for each in keys)
    return render_canonical(
        {
            "format": FORMAT,
            "manifest": manifest,
            "keys": [{"kms": name, "wrapped": wrapped} for name, wrapped in entries],
        }
    )


def parse_keys(data: bytes, *, manifest: Digest) -> tuple[WrappedKey, ...]:
    """The entries of the `keys.json` of that manifest.

    Raises:
        KeysFormatUnknown: it is of another format.
        KeysOfAnother: it is another manifest's.
        KeysMalformed: it is anything else.
    """
    document = read_document(
        data,
        "sealed model's `keys.json`",
        known=FORMAT,
        malformed=KeysMalformed,
        unknown=KeysFormatUnknown,
        hint="publish the image from the version of this program that wrote it, or rotate with this one",
        most_bytes=MOST_BYTES,
        repair=_HINT,
    )
    try:
        named = parse_digest(str(document["manifest"]))
        keys = tuple(map(_key, document["keys"]))  # type: ignore[call-overload]  # what is no list is refused below
        is_ours = render_keys(named, keys) == data and len({each.kms for each in keys}) == len(keys)
    except (LookupError, TypeError, ValueError, Misconfigured):
        is_ours = False
    if not is_ours:
        raise KeysMalformed("the sealed model's `keys.json` is not as this program writes it", hint=_HINT)
    if named != manifest:
        raise KeysOfAnother(
            f"the sealed model's `keys.json` belongs to the manifest `{named}`, not to this one",
            hint=f"the owner restores the one of `{manifest}`, or seals the model again",
        )
    return keys


def entry_of(keys: tuple[WrappedKey, ...], kms: KmsKey) -> WrappedKey:
    """The entry that this key opens.

    Raises:
        Misconfigured: it opens none.
    """
    for each in keys:
        if each.kms == kms:
            return each
    known = ", ".join(f"`{each.kms}`" for each in keys[:3]) or "none"
    raise Misconfigured(
        f"the sealed model's `keys.json` has nothing that `{kms}` opens: it has {known}",
        hint=f"the owner adds it: `symbolon owner rotate --add {kms}`",
    )


def _key(entry: dict[str, object]) -> WrappedKey:
    wrapped = base64.b64decode(str(entry["wrapped"]), validate=True)
    if not 0 < len(wrapped) <= _MOST_WRAPPED_BYTES:
        raise ValueError
    return WrappedKey(kms=parse_kms_key(str(entry["kms"]), where="keys"), wrapped=wrapped)
