"""Whether the operator may launch, and whether the VM's account may do what its job needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from attestation.errors import Denied, Misconfigured, SymbolonError
from deploy.allow_policies import read_policy
from deploy.confidential_vm import CLOUD_PLATFORM
from deploy.google_api import GoogleApi, NotFound
from deploy.push import ImageReference
from deploy.resources import Bucket, DockerRepository, Grant, Guarded, Project, ServiceAccount
from deploy.rest import title_of, url_of
from deploy.rights import Standing, grant_line, held, speak_for, standing

from .answers import Answer
from .launch_file import Wanted

_LAUNCH: Final = frozenset(
    f"compute.instances.{verb}" for verb in ("create", "delete", "get", "getSerialPortOutput")
)
_STORAGE: Final = "roles/storage."


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What the VM's account needs on a resource: `role` is the narrowest, and `enough` are all that do."""

    asked: str
    on: Guarded
    permissions: frozenset[str]
    role: str
    enough: tuple[str, ...]
    who: str = "operator"
    """Who can grant it."""


def check_rights(api: GoogleApi, wanted: Wanted, project: Project) -> Iterator[Answer]:
    """Each right that the launch and the job need: held, missing, or not to be seen from here.

    Raises:
        Unavailable: as Google answers.
    """
    account = account_of(wanted.vm.service_account, project)
    yield from _of_the_operator(api, account, project)
    try:
        api.call("GET", url_of(account), doing=f"reading `{account.email}`")
    except NotFound:
        yield Answer(
            asked="account",
            standing="no",
            says=f"there is no service account `{account.email}`",
            fix=f"operator: gcloud iam service-accounts create {account.account_id}"
            f" --project={account.project.project_id}",
        )
        return
    except Denied:
        yield Answer(asked="account", standing="unknown", says=f"`{account.email}` may not be looked at")
    as_account = speak_for(api, account, CLOUD_PLATFORM)
    for need in _needs(wanted, project):
        yield _of_the_account(api, as_account, account, need)


def account_of(email: str, project: Project) -> ServiceAccount:
    """The service account of that address: of another project, where it says so."""
    name, _, domain = email.partition("@")
    project_id = domain.removesuffix(".iam.gserviceaccount.com")
    if project_id == project.project_id:
        return ServiceAccount(project=project, account_id=name)
    return ServiceAccount(project=Project(project_id=project_id, number=""), account_id=name)


def repository_of(reference: ImageReference) -> DockerRepository:
    """The repository of Artifact Registry that the image is in."""
    project_id, repository_id = reference.name.split("/")[:2]
    return DockerRepository(
        project=Project(project_id=project_id, number=""),
        location=reference.host.removesuffix("-docker.pkg.dev"),
        repository_id=repository_id,
    )


def _of_the_operator(api: GoogleApi, account: ServiceAccount, project: Project) -> Iterator[Answer]:
    you = "user:YOU"
    for asked, on, permissions, role in (
        ("launching", project, _LAUNCH, "roles/compute.instanceAdmin.v1"),
        ("acting as the account", account, {"iam.serviceAccounts.actAs"}, "roles/iam.serviceAccountUser"),
    ):
        fix = grant_line(Grant(on=on, role=role, member=you))
        try:
            missing = sorted(set(permissions) - held(api, on, permissions))
        except (Denied, Misconfigured) as error:
            yield Answer(asked=asked, standing="unknown", says=error.message, fix=f"operator: {fix}")
            continue
        if missing:
            says = f"you lack `{'`, `'.join(missing)}` on {title_of(on)}"
            yield Answer(asked=asked, standing="no", says=says, fix=f"operator: {fix}")
        else:
            yield Answer(asked=asked, standing="yes", says=f"you may, on {title_of(on)}")


def _needs(wanted: Wanted, project: Project) -> tuple[Need, ...]:
    reading = frozenset({"storage.objects.get", "storage.objects.list"})
    writing = reading | {"storage.objects.create", "storage.objects.delete"}
    writers = tuple(f"{_STORAGE}{name}" for name in ("objectUser", "objectAdmin", "admin"))
    return (
        Need(
            asked="pulling the image",
            on=repository_of(wanted.reference),
            permissions=frozenset({"artifactregistry.repositories.downloadArtifacts"}),
            role="roles/artifactregistry.reader",
            enough=tuple(
                f"roles/artifactregistry.{name}" for name in ("reader", "writer", "repoAdmin", "admin")
            ),
            who="owner",
        ),
        Need(
            asked="asking for a token",
            on=project,
            permissions=frozenset(
                {f"confidentialcomputing.challenges.{verb}" for verb in ("create", "verify")}
            ),
            role="roles/confidentialcomputing.workloadUser",
            enough=("roles/confidentialcomputing.workloadUser",),
        ),
        Need(
            asked="writing logs",
            on=project,
            permissions=frozenset({"logging.logEntries.create"}),
            role="roles/logging.logWriter",
            enough=("roles/logging.logWriter", "roles/logging.admin", "roles/editor", "roles/owner"),
        ),
        Need(
            asked="reading the pictures",
            on=Bucket(project=project, name=wanted.input.bucket, location=""),
            permissions=reading,
            role=f"{_STORAGE}objectViewer",
            enough=(f"{_STORAGE}objectViewer", *writers),
        ),
        Need(
            asked="writing results",
            on=Bucket(project=project, name=wanted.results.bucket, location=""),
            permissions=writing,
            role=f"{_STORAGE}objectUser",
            enough=writers,
        ),
    )


def _of_the_account(
    api: GoogleApi, as_account: GoogleApi | None, account: ServiceAccount, need: Need
) -> Answer:
    title = title_of(need.on)
    fix = f"{need.who}: {grant_line(Grant(on=need.on, role=need.role, member=account.member))}"
    try:
        if as_account is not None:
            found: Standing = (
                "no" if need.permissions - held(as_account, need.on, need.permissions) else "yes"
            )
        else:
            found = _read(api, need, account.member)
    except NotFound:
        where = "the owner has not made it" if need.who == "owner" else "make it, or name another one"
        return Answer(
            asked=need.asked, standing="no", says=f"{title} is not there", fix=f"{need.who}: {where}"
        )
    except SymbolonError as error:
        if not isinstance(error, Denied | Misconfigured):
            raise
        found = "unknown"
    if found == "yes":
        return Answer(asked=need.asked, standing="yes", says=f"the account may, on {title}")
    if found == "no":
        return Answer(
            asked=need.asked, standing="no", says=f"the account lacks `{need.role}` on {title}", fix=fix
        )
    you = grant_line(Grant(on=account, role="roles/iam.serviceAccountTokenCreator", member="user:YOU"))
    return Answer(
        asked=need.asked,
        standing="unknown",
        says=f"whether the account may, on {title}, cannot be seen from here",
        fix=f"{fix}; or, to let preflight ask as the account: {you}",
    )


def _read(api: GoogleApi, need: Need, member: str) -> Standing:
    """By the policies that can be read: the resource's own, and its project's where it is the operator's."""
    readable: Collection[Guarded] = (need.on,)
    if isinstance(need.on, Bucket):
        readable = (need.on, need.on.project)
    found = [
        standing(read_policy(api, on, doing=f"reading who may use {title_of(on)}"), member, need.enough)
        for on in readable
    ]
    if "yes" in found:
        return "yes"
    # What a folder or an organization grants is inherited, and stands in no policy that is read here.
    inherits = need.who != "operator" or _has_parent(api, readable)
    return "unknown" if "unknown" in found or inherits else "no"


def _has_parent(api: GoogleApi, readable: Collection[Guarded]) -> bool:
    project = next(each for each in readable if isinstance(each, Project))
    answer = api.call("GET", url_of(project), doing=f"reading {title_of(project)}")
    return bool(answer.get("parent"))
