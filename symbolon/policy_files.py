"""A policy, its bindings and its image, as a person names them: files, or standard input."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from attestation.errors import Misconfigured, quoted
from attestation.strict_json import parse_json_object
from policy.policy_set import PolicySet, parse_policy_set

from .inputs import check_named_once, decode_text, read_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedText:
    """A file: its name as it was typed, its text, and its bytes where these are not the text's."""

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

    @property
    def inputs(self) -> tuple[tuple[str, NamedText], ...]:
        """The files that were read, each with the part that it plays."""
        inputs = (("policy", self.policy), ("bindings", self.bindings), ("image", self.image))
        return tuple((role, text) for role, text in inputs if text is not None)

    @property
    def described(self) -> str:
        """The files' names, for a person."""
        return ", ".join("standard input" if each.name == "-" else each.name for _, each in self.inputs)


def read_policy_set(policy: str, *, bindings: str | None = None, image: str | None = None) -> NamedPolicySet:
    """The policy in the file `policy` (`-`: standard input), with an IAM policy and an image beside it.

    `image` is an image's configuration in JSON, or the folder of an OCI layout.

    Raises:
        Misconfigured: one of them cannot be read, or is not of its kind.
        EvidenceRejected: the layout's configuration is not what its digest says.
    """
    check_named_once(policy, bindings, image)
    named = read_named(policy, what="policy")
    bound = None if bindings is None else read_named(bindings, what="bindings")
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
    """The claims in the file `name`, and the file.

    Raises:
        Misconfigured: the file cannot be read.
        EvidenceRejected: it is neither.
    """
    from .token_mistakes import check_are_claims, parse_handed_token  # a policy needs none of it

    named = read_named(name, what="token")
    text = named.text.strip()
    if text.startswith("{"):
        claims = parse_json_object(text.encode(), what="token")
        check_are_claims(claims)
        return named, claims
    return replace(named, is_token=True), parse_handed_token(text).claims


def read_named(name: str, *, what: str) -> NamedText:
    """The file `name`: its text and its bytes.

    Raises:
        Misconfigured: it cannot be read, is too large, or is not UTF-8.
    """
    data = read_bytes(name, what=what)
    return NamedText(name=name, text=decode_text(data, name, what=what), data=data)


def _told_by_content(name: str, text: str) -> str:
    """A name whose end says what the text is, where a person's name for it does not."""
    if name.lower().endswith((".toml", ".json", ".yaml", ".yml", ".cel", ".tf", ".md", ".markdown")):
        return name
    import tomllib  # only a name that says nothing needs it here

    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return name
    return f"{name}.toml" if text.strip() else name


def _image(name: str) -> NamedText:
    folder = Path(name)
    if not folder.is_dir():
        return read_named(name, what="image configuration")
    from deploy.layout import read_layout  # who hands in no layout does not wait for it

    try:
        return NamedText(name=name, text=read_layout(folder).configuration.decode())
    except UnicodeDecodeError:
        raise Misconfigured(f"the configuration of the image in {quoted(name)} is not text") from None
