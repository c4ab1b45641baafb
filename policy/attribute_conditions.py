"""An owner's conditions as types, in the codelab's order: what, where, who, how.

    text = render_condition(conditions)      # CEL, at most 4,096 characters
    parse_condition(text) == conditions      # and back

In every field `None` (or an empty tuple, for the plain lists) means "not asked".
Signatures are settled, bodies follow.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    key_id: str
    algorithm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    image_digests: tuple[str, ...] = ()
    image_references: tuple[str, ...] = ()
    signers: tuple[Signer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    swname: str | None = None
    support_attribute: str | None = None
    dbgstat: str | None = None
    hwmodels: tuple[str, ...] = ()
    secboot: bool | None = None
    memory_monitoring: bool | None = None
    gpu_cc_mode: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    service_accounts: tuple[str, ...] = ()
    project_ids: tuple[str, ...] = ()
    project_numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """`cmd_override=()` and `env_override=()` mean "none at all"; None means not asked.

    `env_override` lists the names that may be set; `args` and `cmd_override` are exact.
    """

    args: tuple[str, ...] | None = None
    cmd_override: tuple[str, ...] | None = None
    env_override: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeConditions:
    what: What = field(default_factory=What)
    where: Where = field(default_factory=Where)
    who: Who = field(default_factory=Who)
    how: How = field(default_factory=How)


RECOMMENDED_MAPPING = {
    "google.subject": '"gcpcs::" + assertion.submods.container.image_digest + "::"'
    ' + assertion.submods.gce.project_number + "::" + assertion.submods.gce.instance_id',
    "attribute.image_digest": "assertion.submods.container.image_digest",
}


def render_condition(conditions: AttributeConditions) -> str:
    """Raises: Misconfigured when nothing is asked, or Google's 4,096 characters are passed."""
    raise NotImplementedError


def parse_condition(text: str) -> AttributeConditions:
    """Raises: Misconfigured, naming the clause that is not of our shape."""
    raise NotImplementedError
