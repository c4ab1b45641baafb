"""A provider as words of a gcloud command, for whoever would rather type it.

The provider is named in full: gcloud takes no project's number for `--project`, and a provider's name has
nothing else.

Source: gcloud 528, `--help` of `create-oidc` and `update-oidc`; `gcloud topic escaping`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from .provider import Provider

Field = Literal["attributeMapping", "attributeCondition", "oidc"]
FIELDS: tuple[Field, ...] = ("attributeMapping", "attributeCondition", "oidc")


def provider_command(
    provider: Provider,
    verb: Literal["create-oidc", "update-oidc"] = "create-oidc",
    *,
    fields: Iterable[str] = FIELDS,
    description: str = "",
) -> list[str]:
    """The words that create the provider, or set these fields of it."""
    words = ["gcloud", "iam", "workload-identity-pools", "providers", verb, provider.name]
    chosen = set(fields)
    if "oidc" in chosen:
        words.append(f"--issuer-uri={provider.issuer}")
    if "attributeMapping" in chosen:
        expressions = [f"{key}={text}" for key, text in provider.mapping.expressions.items()]
        words.append(f"--attribute-mapping={gcloud_list(expressions)}")
    if "attributeCondition" in chosen:
        words.append(f"--attribute-condition={provider.condition}")
    if "oidc" in chosen and (provider.allowed_audiences or verb == "update-oidc"):
        words.append(f"--allowed-audiences={gcloud_list(list(provider.allowed_audiences))}")
    if description:
        words.append(f"--description={description}")
    return words


def gcloud_list(items: Sequence[str]) -> str:
    """Items as gcloud reads a list: joined by commas, or by another mark that it names first.

    >>> gcloud_list(["a", "b"]), gcloud_list(["a,b", "c"])
    ('a,b', '^;^a,b;c')
    """
    text = "".join(items)
    if "," not in text and not text.startswith("^"):
        return ",".join(items)
    mark = next(mark for mark in (*";~|!#@", *map(chr, range(0x21, 0x7F)), "::,::") if mark not in text)
    return f"^{mark}^{mark.join(items)}"
