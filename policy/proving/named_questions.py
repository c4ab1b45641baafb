"""What a question with a name asks to be true of every admitted token, as a condition."""

from __future__ import annotations

from typing import Final

from ..cel import syntax
from ..cel.rendering import render_constant
from ..policy_set import PolicySet
from ..schema import ENCRYPTED_MEMORY, UNDOCUMENTED_ENCRYPTED_MEMORY
from .smt.admission import admissions_of, trees_of

_CONTAINER: Final = "assertion.submods.container"
_IN_CONTAINER: Final = f"has({_CONTAINER})"


def named_condition(policies: PolicySet, name: str) -> str:
    """What a named question asks to be true of every admitted token, as a condition.

    "That the condition names" is one of the strings that are written in it.
    """
    match name:
        case "production-image":
            return 'assertion.swname == "CONFIDENTIAL_SPACE" && assertion.dbgstat == "disabled-since-boot"'
        case "encrypted-memory":
            return f"assertion.hwmodel in {render_constant(ENCRYPTED_MEMORY + UNDOCUMENTED_ENCRYPTED_MEMORY)}"
        case "pinned-image":
            return _pinned_image(_strings(policies))
        case "pinned-operator":
            named = render_constant(_strings(policies))
            return (
                f"assertion.submods.gce.project_id in {named}"
                f" || assertion.submods.gce.project_number in {named}"
                f" || assertion.google_service_accounts.exists(account, account in {named})"
            )
        case _:
            return " && ".join(
                f"(!{_IN_CONTAINER} || !has({claim}) || {claim} == null || size({claim}) == 0)"
                for claim in (f"{_CONTAINER}.cmd_override", f"{_CONTAINER}.env_override")
            )


def _pinned_image(named: list[str]) -> str:
    digests = render_constant([each for each in named if each.startswith("sha256:")])
    references = render_constant([each for each in named if "@sha256:" in each])
    return (
        f"{_CONTAINER}.image_digest in {digests} || {_CONTAINER}.image_reference in {references}"
        f" || {_CONTAINER}.image_id in {digests}"
        f" || {_CONTAINER}.image_signatures.exists(signature, signature.key_id in {render_constant(named)})"
    )


def _strings(policies: PolicySet) -> list[str]:
    """The string constants of the policies' conditions, as they are written."""
    found: dict[str, None] = {}
    for admission in admissions_of(policies):
        for tree in trees_of(admission.condition):
            for node, _ in syntax.walk(tree):
                if isinstance(node, syntax.Literal) and isinstance(node.value, str):
                    found[node.value] = None
    return list(found)
