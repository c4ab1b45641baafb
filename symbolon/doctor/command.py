"""What `symbolon doctor` asks for either party, from the credentials to the last binding."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from shlex import join, quote
from typing import Final

from attestation.errors import Denied, ExitCode, Misconfigured
from attestation.issuer import ISSUER
from deploy.google_api import IAM, GoogleApi, NotFound
from deploy.observing import look_up_project
from deploy.resources import Owner, Project
from policy.policy_file import parse_policy

from ..inputs import read_text
from ..owner.provision import SUBJECT_UNBOUNDED, is_subject_unbounded, wanted_of
from ..progress import patience
from ..projects import OperatorNames, OwnerNames
from ..signing_in import member_of, sign_in
from .checks import Check, show
from .examining import (
    check_acting,
    check_apis,
    check_clock,
    check_permissions,
    check_quota,
    check_resources,
    told,
)

_BUCKETS: Final = tuple(
    f"storage.{each}"
    for each in (
        "buckets.create",
        "buckets.get",
        "buckets.getIamPolicy",
        "buckets.setIamPolicy",
        "buckets.update",
        "objects.create",
        "objects.get",
        "objects.list",
    )
)
_ACCOUNTS: Final = tuple(
    f"iam.serviceAccounts.{verb}" for verb in ("create", "get", "getIamPolicy", "setIamPolicy")
)
_KEYS: Final = tuple(
    f"cloudkms.{each}"
    for each in (
        "keyRings.create",
        "keyRings.get",
        "cryptoKeys.create",
        "cryptoKeys.get",
        "cryptoKeys.getIamPolicy",
        "cryptoKeys.setIamPolicy",
    )
)
"""What making a key and binding an image to it asks for, where a model is to lie sealed."""
_OWNER: Final = (
    "serviceusage.services.enable",
    "serviceusage.services.get",
    *_BUCKETS,
    *_ACCOUNTS,
    *(
        f"iam.{kind}.{verb}"
        for kind in ("workloadIdentityPools", "workloadIdentityPoolProviders")
        for verb in ("create", "get", "update")
    ),
    *(
        f"artifactregistry.repositories.{verb}"
        for verb in ("create", "get", "getIamPolicy", "setIamPolicy", "uploadArtifacts")
    ),
)
_OPERATOR: Final = (
    "serviceusage.services.enable",
    "serviceusage.services.get",
    *_BUCKETS,
    *_ACCOUNTS,
    "resourcemanager.projects.getIamPolicy",
    "resourcemanager.projects.setIamPolicy",
    *(
        f"compute.instances.{verb}"
        for verb in ("create", "delete", "get", "getSerialPortOutput", "setMetadata")
    ),
)
_VM: Final = {"N2D_CPUS": 2, "CPUS": 2, "INSTANCES": 1}
"""What one VM of the machine type that `operator launch` chooses by itself needs of a region's quotas."""

Clock = Callable[[], float]


def examine_owner(
    names: OwnerNames,
    *,
    policy: str | None,
    output: str,
    typed: Sequence[str] = (),
    api: GoogleApi | None = None,
    clock: Clock = time.time,
) -> ExitCode:
    """Whether the owner can begin stands on standard output, and in the exit code.

    `typed` are the flags of names, which the commands that mend have too.

    Raises:
        Misconfigured: the policy is none that the owner's provider could ask.
        Unavailable: Google does not answer.
    """
    asked = None if policy is None else parse_policy(read_text(policy, what="policy"))

    def examine(api: GoogleApi, project: Project, member: str) -> Iterator[Check]:
        owner = names.owner(project.number)
        wanted = wanted_of(owner, asked)
        more = ["--policy", policy] if policy else []
        words = join(["symbolon", "owner", "provision", *typed, *more])
        yield from check_apis(api, owner.apis(), member=member)
        needed = (*_OWNER, *(() if owner.key is None else _KEYS))
        yield from check_permissions(api, project, needed, member=member)
        yield from check_resources(api, project, wanted, member=member, words=words)
        if asked is not None and is_subject_unbounded(asked):
            fix = f"symbolon owner policy lint {quote(str(policy))}"
            yield Check(what="subject of the policy", is_well=False, says=SUBJECT_UNBOUNDED, fix=fix)
        if asked is None:
            yield _check_provider(api, owner, project, member=member)

    return _examine(names.project, "owner", examine, output=output, api=api, clock=clock)


def examine_operator(
    names: OperatorNames,
    *,
    output: str,
    typed: Sequence[str] = (),
    api: GoogleApi | None = None,
    clock: Clock = time.time,
) -> ExitCode:
    """Whether the operator can begin stands on standard output, and in the exit code.

    Raises:
        Unavailable: Google does not answer.
    """

    def examine(api: GoogleApi, project: Project, member: str) -> Iterator[Check]:
        operator = names.operator(project.number)
        words = join(["symbolon", "operator", "provision", *typed])
        yield from check_apis(api, operator.apis(), member=member)
        yield from check_permissions(api, project, _OPERATOR, member=member)
        yield from check_resources(api, project, operator.foundation(), member=member, words=words)
        yield check_acting(api, operator.workload_account, member=member)
        yield check_quota(api, project, names.zone, _VM, member=member)

    return _examine(names.project, "operator", examine, output=output, api=api, clock=clock)


def _examine(
    project_id: str,
    party: str,
    examine: Callable[[GoogleApi, Project, str], Iterator[Check]],
    *,
    output: str,
    api: GoogleApi | None,
    clock: Clock,
) -> ExitCode:
    with patience("looking at what is there"):
        checks = list(_checks(party, project_id, examine, api=api, clock=clock))
    return show(checks, party=party, project=project_id, output=output)


def _checks(
    party: str,
    project_id: str,
    examine: Callable[[GoogleApi, Project, str], Iterator[Check]],
    *,
    api: GoogleApi | None,
    clock: Clock,
) -> Iterator[Check]:
    """Without credentials, or a project to see, nothing else is asked."""
    try:
        api = api or sign_in(party)
    except Misconfigured as error:
        yield Check(what="credentials", is_well=False, says=error.message, fix=error.hint)
        return
    try:
        project = look_up_project(api, project_id)
    except (Denied, Misconfigured) as error:
        yield told(f"project `{project_id}`", error, project_id=project_id, member=member_of(api))
        return
    member = member_of(api)
    yield Check(what="credentials", is_well=True, says=member or "google does not say whose")
    yield Check(what=f"project `{project_id}`", is_well=True, says=f"number {project.number}")
    yield check_clock(api, project, clock=clock)
    yield from examine(api, project, member)


def _check_provider(api: GoogleApi, owner: Owner, project: Project, *, member: str) -> Check:
    """The provider is there, asks something of Confidential Space's tokens, and is switched on."""
    what = f"provider `{owner.provider_id}`"
    words = "symbolon owner provision --policy POLICY --apply"
    try:
        found = api.call("GET", f"{IAM}/{owner.provider_name}", doing=f"reading {what}")
    except NotFound:
        return Check(what=what, is_well=False, says="not there", fix=words)
    except (Denied, Misconfigured) as error:
        return told(what, error, project_id=project.project_id, member=member)
    issuer = str((found.get("oidc") or {}).get("issuerUri", "")).rstrip("/")
    says = {
        found.get("state") == "DELETED": "deleted; it can be restored",
        bool(found.get("disabled")): "disabled: nobody is admitted",
        issuer != ISSUER: f"believes the tokens of `{issuer[:100]}`, not of Confidential Space",
        not found.get("attributeCondition"): "has no condition: every workload of anybody's is admitted",
    }.get(True, "")
    if says:
        # Which the command refuses: nothing that somebody has switched off is switched on by it.
        by_hand = (
            f"gcloud iam workload-identity-pools providers update-oidc {owner.provider_name} --no-disabled"
        )
        return Check(what=what, is_well=False, says=says, fix=by_hand if found.get("disabled") else words)
    return Check(what=what, is_well=True, says="active, and asks a condition")
