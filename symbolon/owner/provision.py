"""What `symbolon owner provision` wants: the owner's resources, and with a policy whom they admit."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from attestation.digests import Digest
from attestation.errors import ExitCode, Misconfigured, quoted
from contract.kms_keys import ENCRYPTER
from contract.terms import ScaleMissing, parse_terms
from deploy.google_api import GoogleApi
from deploy.resources import Grant, Owner, Resource
from deploy.rights import needs
from policy.mapping import MOST_SUBJECT_BYTES
from policy.policy_file import Policy, parse_policy
from policy.rules.subject_may_exceed_127_bytes import has_no_limit

from ..inputs import read_text
from ..projects import OwnerNames
from ..provisioning import Choice, Deployment, find_project, provision
from ..signing_in import sign_in

SUBJECT_UNBOUNDED = (
    f"`google.subject` may be longer than {MOST_SUBJECT_BYTES} bytes, and then nobody is admitted"
)
_BY_DIGEST = "attribute.image_digest"
_DIGEST_CLAIM = "assertion.submods.container.image_digest"
_READS_NO_CLAIM = {"google.subject": "assertion.sub"}, "assertion.sub == ''"


def provision_owner(
    names: OwnerNames,
    *,
    policy: str | None,
    terms: str | None = None,
    choice: Choice,
    typed: Sequence[str] = (),
    api: GoogleApi | None = None,
) -> ExitCode:
    """The owner's resources are as described, or the plan for that is shown; `typed` are the flags of names.

    The key of a sealed model is the one of the `terms`, where they name one.

    Raises:
        Misconfigured: the policy is for another provider, or pins no image; the terms name another key.
        SymbolonError: as `provision` does.
    """
    asked = None if policy is None else parse_policy(read_text(policy, what="policy"))
    if terms is not None:
        names = replace(names, kms=_key_in(read_text(terms, what="terms"), names.kms))
    api = api or sign_in("owner")
    project, member = find_project(api, names.project)
    owner = names.owner(project.number)
    hints = () if asked else ("no provider yet: name the owner's policy by --policy",)
    if asked is not None and is_subject_unbounded(asked):
        hints = (f"{SUBJECT_UNBOUNDED}: symbolon owner policy lint {shlex.quote(str(policy))}",)
    files = [*(["--policy", policy] if policy else []), *(["--terms", terms] if terms else [])]
    deployment = Deployment(
        party="owner",
        project=project,
        wanted=(*wanted_of(owner, asked), *_sealing(api, owner, member, choice)),
        removed=everything_of(owner),
        member=member,
        words=shlex.join(["symbolon", "owner", "provision", *typed, *files]),
        hints=hints if choice.mode != "destroy" else _what_stays(owner, choice),
    )
    return provision(api, deployment, choice)


def _what_stays(owner: Owner, choice: Choice) -> tuple[str, ...]:
    """What a person has to know of the key before anything is taken down."""
    if owner.key is None:
        return ()
    title = f"key `{owner.key.key_id}` and its key ring are not deleted"
    if choice.with_contents:
        return (f"{title}; once its versions are destroyed, what they have wrapped opens no more",)
    return (f"{title}, and its versions stay too, unless --with-contents is given",)


def _key_in(terms: str, named: str) -> str:
    """The key of these terms; the one that is named otherwise, where their model is not sealed yet."""
    try:
        release = parse_terms(terms).release
    except ScaleMissing as incomplete:
        release = incomplete.unscaled.release
    kms = None if release is None else release.kms
    if kms is not None and named not in ("", kms):
        raise Misconfigured(
            f"the terms say {quoted(kms, most_characters=200)}, and `kms` is another key",
            hint="leave --kms (SYMBOLON_KMS_KEY, `kms` in symbolon.toml) out, or seal the model by that key",
        )
    return named if kms is None else kms


def _sealing(api: GoogleApi, owner: Owner, member: str, choice: Choice) -> tuple[Grant, ...]:
    """Whoever provisions may seal by the key: granted only where they may not anyhow."""
    if owner.key is None or not member or choice.mode == "destroy":
        return ()
    grant = Grant(on=owner.key, role=ENCRYPTER, member=member)
    needed = needs(api, grant, "cloudkms.cryptoKeyVersions.useToEncrypt", owner.key.ring.project)
    return (grant,) if needed else ()


def is_subject_unbounded(policy: Policy) -> bool:
    """Whether a machine's subject may be longer than Google takes."""
    return has_no_limit(policy.mapping.trees["google.subject"])


def wanted_of(owner: Owner, policy: Policy | None) -> tuple[Resource, ...]:
    """What is to be there. Without a policy nobody is admitted by it.

    Raises:
        Misconfigured: the policy is for another provider, or its images cannot be told apart by a binding.
    """
    foundation = (*owner.apis(), *owner.foundation())
    if policy is None:
        return foundation
    if policy.name != owner.provider_name:
        raise Misconfigured(
            f"the policy is for {quoted(policy.name, most_characters=160)}",
            hint=f"the names given say `{owner.provider_name}`: change `[provider]` in it, or the names",
        )
    digests = [Digest(each) for each in policy.conditions.what.image_digests]
    if not digests:
        raise Misconfigured(
            "the policy pins no image by its digest, and a binding for any image is wider than needed",
            hint="write `image_digests` below `[what]`",
        )
    if policy.mapping.expressions.get(_BY_DIGEST) != _DIGEST_CLAIM:
        raise Misconfigured(
            f"the policy does not map `{_BY_DIGEST}`, by which an image is bound",
            hint=f'write `"{_BY_DIGEST}" = "{_DIGEST_CLAIM}"` below `[mapping]`, or leave `[mapping]` out',
        )
    return (
        *foundation,
        policy.provider,
        *owner.admissions(digests),
        owner.no_other_admissions(digests),
        *owner.key_admissions(digests),
        *(owner.pull_grant(f"serviceAccount:{each}") for each in policy.conditions.who.service_accounts),
    )


def everything_of(owner: Owner) -> tuple[Resource, ...]:
    """What `--destroy` looks for; what the provider asks does not matter for that."""
    mapping, condition = _READS_NO_CLAIM
    return (
        *owner.apis(),
        *owner.foundation(),
        owner.provider(mapping=mapping, condition=condition),
        *owner.key_admissions([]),
    )
