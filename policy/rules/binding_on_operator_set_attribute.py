"""A name, a tag or a variable is the operator's choice: it tells nothing of workload or operator.

Source: google/go-tpm-tools, launcher/spec/launch_spec.go; IAM, principal identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..context import Context, path_text
from ..findings import Finding, Severity
from ..wording import listed, quoted

SLUG: Final = "binding-on-operator-set-attribute"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a role is granted by an attribute that whoever launches sets as they please"

_ATTRIBUTE: Final = re.compile(r"principalSet://iam\.googleapis\.com/.*/(attribute\.[a-z0-9_]+)/.*")
_FREE: Final = (
    "aud",
    "eat_nonce",
    "submods.container.args",
    "submods.container.cmd_override",
    "submods.container.env",
    "submods.container.image_reference",
    "submods.container.restart_policy",
    "submods.gce.instance_name",
    "submods.gce.zone",
)


def check(context: Context) -> Iterator[Finding]:
    for binding in context.policies.bindings or () if context.is_first else ():
        found = _ATTRIBUTE.fullmatch(binding.member)
        free = [] if found is None else _free_claims(context, found.group(1))
        if found is not None and free:
            claims = listed([quoted(each) for each in free], "and")
            yield context.finding(
                f"`{found.group(1)}` is {claims}, as whoever launches likes it",
                hint="grant it by `attribute.image_digest`",
                place="bindings",
                span=found.span(1),
                text=binding.member,
            )


def _free_claims(context: Context, attribute: str) -> list[str]:
    """The claims of an attribute, if all of them are the operator's choice."""
    tree = context.provider.mapping.trees.get(attribute)
    if tree is None or context.policies.kind == "condition":
        return []
    claims = list(dict.fromkeys(text for node, _ in syntax.walk(tree) if (text := path_text(node))))
    longest = [each for each in claims if not any(other.startswith(f"{each}.") for other in claims)]
    return longest if all(each.startswith(_FREE) for each in longest) else []
