"""A policy and what is read beside it, as a person names them: files, or standard input."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from attestation.errors import Misconfigured, quoted
from attestation.strict_json import parse_json_object
from attestation.tokens import parse_token
from deploy.layout import read_layout
from policy.policy_set import PolicySet, parse_policy_set

from .inputs import read_text


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedText:
    """A file as it was named, and what is written in it."""

    name: str
    text: str


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
    text = read_text(policy, what="policy")
    bound = None if bindings is None else NamedText(name=bindings, text=read_text(bindings, what="bindings"))
    labelled = None if image is None else _image(image)
    policies = parse_policy_set(
        text,
        name=_told_by_content(policy, text),
        bindings=None if bound is None else bound.text,
        image=None if labelled is None else labelled.text,
    )
    return NamedPolicySet(
        policies=policies, policy=NamedText(name=policy, text=text), bindings=bound, image=labelled
    )


def read_claims(name: str) -> Mapping[str, object]:
    """The claims in the file `name`: JSON as they stand, or a token, which nobody verifies here.

    Raises:
        Misconfigured: the file cannot be read.
        EvidenceRejected: it is neither.
    """
    text = read_text(name, what="token").strip()
    is_json = text.startswith("{")
    return parse_json_object(text.encode(), what="token") if is_json else parse_token(text).claims


def _told_by_content(name: str, text: str) -> str:
    """A name whose end says what the text is, where a person's name for it does not."""
    if name.lower().endswith((".toml", ".json", ".cel")):
        return name
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return name
    return f"{name}.toml" if text.strip() else name


def _image(name: str) -> NamedText:
    folder = Path(name)
    if not folder.is_dir():
        return NamedText(name=name, text=read_text(name, what="image configuration"))
    try:
        return NamedText(name=name, text=read_layout(folder).configuration.decode())
    except UnicodeDecodeError:
        raise Misconfigured(f"the configuration of the image in {quoted(name)} is not text") from None
