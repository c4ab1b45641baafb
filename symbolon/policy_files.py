"""A policy and what is read beside it, as a person names them: files, or standard input."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from attestation.digests import digest_of, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured, quoted
from attestation.strict_json import parse_json_object
from policy.policy_set import PolicySet, parse_policy_set

from .inputs import decode_text, read_bytes, read_text
from .token_mistakes import check_are_claims, parse_handed_token

_DEEPEST: Final = 3  # an image may stand in an index, and that in a layout's own


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedText:
    """A file as it was named, and what is written in it; `data` are its bytes where they say more."""

    name: str
    text: str
    data: bytes | None = None
    is_token: bool = False

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file, as 64 hex digits."""
        return hashlib.sha256(self.text.encode() if self.data is None else self.data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPolicySet:
    """A policy, and the files that it was read from, for whoever points into them."""

    policies: PolicySet
    policy: NamedText
    bindings: NamedText | None
    image: NamedText | None


def read_policy_set(policy: str, *, bindings: str | None = None, image: str | None = None) -> NamedPolicySet:
    """The policy in the file `policy` (`-`: standard input), with an IAM policy and an image beside it.

    `image` is an image's configuration in JSON, or the folder of an OCI layout.

    Raises:
        Misconfigured: one of them cannot be read, or is not of its kind.
        EvidenceRejected: the layout's configuration is not what its digest says.
    """
    if [policy, bindings, image].count("-") > 1:
        raise Misconfigured("standard input (`-`) is named twice", hint="put one of the two into a file")
    named = _read(policy, what="policy")
    bound = None if bindings is None else _read(bindings, what="bindings")
    labelled = None if image is None else _image(image)
    policies = parse_policy_set(
        named.text,
        name=_told_by_content(policy, named.text),
        bindings=None if bound is None else bound.text,
        image=None if labelled is None else labelled.text,
    )
    return NamedPolicySet(policies=policies, policy=named, bindings=bound, image=labelled)


def read_claims(name: str) -> Mapping[str, object]:
    """The claims in the file `name`: JSON as they stand, or a token, which nobody verifies here.

    Raises:
        Misconfigured: the file cannot be read.
        EvidenceRejected: it is neither.
    """
    return read_named_claims(name)[1]


def read_named_claims(name: str) -> tuple[NamedText, Mapping[str, object]]:
    """The file `name` too, for whoever has to say what was read.

    Raises:
        Misconfigured: the file cannot be read.
        EvidenceRejected: it is neither.
    """
    named = _read(name, what="token")
    text = named.text.strip()
    if text.startswith("{"):
        claims = parse_json_object(text.encode(), what="token")
        check_are_claims(claims)
        return named, claims
    return replace(named, is_token=True), parse_handed_token(text).claims


def _read(name: str, *, what: str) -> NamedText:
    data = read_bytes(name, what=what)
    return NamedText(name=name, text=decode_text(data, name, what=what), data=data)


def _told_by_content(name: str, text: str) -> str:
    """A name whose end says what the text is, where a person's name for it does not."""
    if name.lower().endswith((".toml", ".json", ".yaml", ".yml", ".cel", ".tf", ".md", ".markdown")):
        return name
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return name
    return f"{name}.toml" if text.strip() else name


def _image(name: str) -> NamedText:
    folder = Path(name)
    if not folder.is_dir():
        return _read(name, what="image configuration")
    try:
        document = _members(read_text(str(folder / "index.json"), what="image's index"))
        for _ in range(_DEEPEST):
            if "manifests" not in document:
                break
            (only,) = filter(_is_image, document["manifests"])
            document = _members(_blob(folder, only["digest"]))
        return NamedText(name=name, text=_blob(folder, document["config"]["digest"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Misconfigured(
            f"{quoted(name)} is not an OCI layout of one image",
            hint="give the folder with `index.json` in it, or the image's configuration alone",
        ) from None


def _is_image(descriptor: Mapping[str, Any]) -> bool:
    """Whether it is no attestation that a builder has put beside the image."""
    platform: Mapping[str, Any] = descriptor.get("platform", {})
    return platform.get("os") != "unknown"


def _members(text: str) -> dict[str, Any]:
    return dict(json.loads(text))


def _blob(folder: Path, name: str) -> str:
    digest = parse_digest(name)
    text = read_text(str(folder / "blobs" / "sha256" / digest.removeprefix("sha256:")), what="image's blob")
    if digest_of(text.encode()) != digest:
        raise EvidenceRejected(f"blob `{digest}` of the layout was changed", hint="build the layout again")
    return text
