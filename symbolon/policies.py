"""The three ways in which a person holds a policy: the owner's TOML, a condition, Google's JSON."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from attestation.errors import Misconfigured, quoted
from policy.policy_file import parse_policy
from policy.provider import Provider, parse_provider

from .inputs import parse_json_document, read_text


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPolicy:
    """A condition, with the provider that asks it where the policy says which."""

    described: str
    condition: str
    provider: Provider | None


def read_policy(name: str) -> NamedPolicy:
    """The policy in the file `name` (`-`: standard input), its kind told by what it contains.

    Raises:
        Misconfigured: it cannot be read, or is not a policy of its kind.
    """
    text = read_text(name, what="policy")
    if text.lstrip().startswith("{"):
        provider = parse_provider(parse_json_document(text, what="provider"))
        return NamedPolicy(described="a provider", condition=provider.condition, provider=provider)
    if name.endswith(".toml") or (not name.endswith(".cel") and _is_toml(text)):
        provider = parse_provider(parse_policy(text).provider_document())
        return NamedPolicy(described="a policy file", condition=provider.condition, provider=provider)
    if not text.strip():
        raise Misconfigured(
            f"the policy {quoted(name)} is empty",
            hint="to ask nothing of a token, write the condition `true`",
        )
    return NamedPolicy(described="a condition alone", condition=text, provider=None)


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):  # TOMLDecodeError is the one, endless numbers and nesting the others
        return False
    return True
