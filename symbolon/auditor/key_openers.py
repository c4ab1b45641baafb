"""Who can open a sealed model, by the allow policy of the key that has wrapped its key: each member in words.

A member can open it where a role gives `cloudkms.cryptoKeyVersions.useToDecrypt`. Which of Cloud KMS's roles
do is listed here; any other role, and a binding with a condition, may do so: that is not known. Policies of
the key ring, of the project and above it give rights too, and are not in the key's own.

Source: IAM documentation, "Cloud Key Management Service roles and permissions" and "Principal identifiers".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from attestation.errors import quoted
from policy.policy_set import Binding

_OPENS: Final = frozenset(
    {
        "roles/cloudkms.cryptoKeyDecrypter",
        "roles/cloudkms.cryptoKeyEncrypterDecrypter",
        "roles/cloudkms.cryptoOperator",
        "roles/owner",
    }
)
_ONLY_CHANGES: Final = frozenset({"roles/cloudkms.admin"})
_DOES_NOT_OPEN: Final = _ONLY_CHANGES | {
    "roles/cloudkms.cryptoKeyEncrypter",
    "roles/cloudkms.importer",
    "roles/cloudkms.publicKeyViewer",
    "roles/cloudkms.signer",
    "roles/cloudkms.signerVerifier",
    "roles/cloudkms.verifier",
    "roles/cloudkms.viewer",
}
_EVERYBODY: Final = {
    "allUsers": "everybody, without any account",
    "allAuthenticatedUsers": "everybody with any Google account",
}
_ACCOUNTS: Final = {
    "user": "a person's account",
    "serviceAccount": "a service account, and whoever may act as it",
    "group": "every member of a group",
    "domain": "every account of a domain",
    "projectOwner": "every owner of a project",
    "projectEditor": "every editor of a project",
    "projectViewer": "every viewer of a project",
    "deleted": "an account that was deleted, should it be restored",
}
_POOL: Final = re.compile(
    r"(principal|principalSet)://iam\.googleapis\.com"
    r"/(projects/[0-9]+/locations/global/workloadIdentityPools/[a-z0-9-]+)/(.+)",
    re.ASCII | re.DOTALL,
)
_UNKNOWN_KIND: Final = "a kind of member that is not known here"
_BY_DIGEST: Final = "attribute.image_digest/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """A member that can open the model, or may be able to, and `who` that is.

    `doubts` say why it is not known whether it can; () where it can. `is_outside`: it is neither this image
    nor an account that the owner named, but everybody, or whoever a pool lets in.
    """

    member: str
    who: str
    roles: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    is_image: bool = False
    is_outside: bool = False

    def document(self) -> dict[str, object]:
        """The member as JSON."""
        return {
            "member": self.member,
            "who": self.who,
            "roles": list(self.roles),
            "can_open": "not known" if self.doubts else "yes",
            "why_not_known": list(self.doubts),
        }


def openers_of(bindings: Iterable[Binding], *, pool: str, digest: str) -> tuple[Opener, ...]:
    """Each member that can open the model, or may, once, in the policy's order.

    `pool` is the one of the terms' provider, as `projects/N/locations/global/workloadIdentityPools/ID`.
    """
    by_member: dict[str, list[Binding]] = {}
    for binding in bindings:
        if binding.role not in _DOES_NOT_OPEN:
            by_member.setdefault(binding.member, []).append(binding)
    return tuple(_opener(member, held, pool, digest) for member, held in by_member.items())


def changers_of(bindings: Iterable[Binding]) -> tuple[str, ...]:
    """The members that can let others in, or themselves, and cannot open the model as it is."""
    return tuple(dict.fromkeys(each.member for each in bindings if each.role in _ONLY_CHANGES))


def _opener(member: str, held: list[Binding], pool: str, digest: str) -> Opener:
    person = _who(member, pool, digest)
    doubts = {each: _doubt(each) for each in held}
    if person.who == _UNKNOWN_KIND:
        doubts = dict.fromkeys(held, "whether it is an account, or more")
    sure = [each for each, doubt in doubts.items() if not doubt]
    return Opener(
        member=member,
        who=person.who,
        roles=tuple(dict.fromkeys(each.role for each in sure or held)),
        doubts=() if sure else tuple(dict.fromkeys(doubts.values())),
        is_image=person.is_image,
        is_outside=person.is_outside,
    )


def _doubt(binding: Binding) -> str:
    """Why it is not known whether the binding lets its member open the model; "" where it does."""
    if binding.role not in _OPENS:
        return f"what the role {quoted(binding.role)} gives is not known here"
    if binding.condition:
        return f"under a condition, {quoted(binding.condition, most_characters=160)}"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """A member in words; whether it is this image, or neither that nor an account."""

    who: str
    is_image: bool = False
    is_outside: bool = True


def _who(member: str, pool: str, digest: str) -> _Person:
    if member in _EVERYBODY:
        return _Person(who=_EVERYBODY[member])
    if match := _POOL.fullmatch(member):
        return _of_pool(*match.groups(), pool=pool, digest=digest)
    kind, _, named = member.partition(":")
    if named and kind in _ACCOUNTS:
        return _Person(who=_ACCOUNTS[kind], is_outside=False)
    return _Person(who=_UNKNOWN_KIND, is_outside=False)


def _of_pool(kind: str, of: str, rest: str, *, pool: str, digest: str) -> _Person:
    """Whoever the pool `of` lets in with `rest`."""
    whose = "the pool" if of == pool else f"another pool, `{of}`,"
    if kind == "principal":
        return _Person(who=f"one subject that {whose} lets in: {quoted(rest)}")
    if rest == "*":
        return _Person(who=f"whoever {whose} lets in, with any image")
    if not rest.startswith(_BY_DIGEST):
        return _Person(who=f"whoever {whose} lets in with {quoted(rest)}, whatever the image")
    found = rest.removeprefix(_BY_DIGEST)
    if found != digest:
        return _Person(who=f"another image that {whose} lets in: {quoted(found)}")
    if of != pool:
        return _Person(who=f"whatever {whose} takes for this image")
    return _Person(who="this image", is_image=True, is_outside=False)
