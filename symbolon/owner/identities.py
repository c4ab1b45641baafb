"""Who the owner is to Google, and where the model will lie: by flags, by the codelab's names, or asked."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from attestation.errors import SymbolonError
from contract.terms import CredentialTerms
from deploy.resources import Bucket, Owner, Project, ServiceAccount, WorkloadIdentityPool, owner_of

from .asking import Asker, matching
from .packing import ARCHIVES

_PROJECT = r"[a-z][a-z0-9-]{4,28}[a-z0-9]"
_NUMBER = r"[0-9]{1,20}"
_EMAIL = r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+"
_WELL_KNOWN = "application_default_credentials.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What was said of names; None is the codelab's. `service_account` may be a name in the project."""

    project: str | None = None
    project_number: str | None = None
    bucket: str | None = None
    object_name: str | None = None
    service_account: str | None = None
    pool: str | None = None
    provider: str | None = None
    operators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """The owner's resources, the object that the model will be, and the operators' accounts."""

    owner: Owner
    object_name: str
    service_account: str
    operators: tuple[str, ...]

    @property
    def bucket(self) -> str:
        return self.owner.model_bucket.name

    @property
    def credential(self) -> CredentialTerms:
        return CredentialTerms(audience=self.owner.audience, service_account=self.service_account)


def ask_identities(named: Named, asker: Asker, *, archive: Path | None) -> Identities:
    """As named; what is missing is asked, and missing to `asker` where nobody answers.

    `archive` is the owner's own, whose suffix the object keeps.

    Raises:
        Misconfigured: the person has left.
    """
    project = asker.take(
        named.project,
        question="the ID of your Google Cloud project",
        flag="--project ID",
        parse=matching(_PROJECT, "a project's ID, like `primus-models`"),
    )
    number = named.project_number or (None if project is None else _looked_up(project))
    number = asker.take(
        number,
        question="its number (gcloud projects describe ID --format='value(projectNumber)')",
        flag="--project-number N",
        parse=matching(_NUMBER, "digits"),
    )
    operator = asker.take(
        named.operators[0] if named.operators else None,
        question="the operator's workload account (NAME@PROJECT.iam.gserviceaccount.com)",
        flag="--operator-account EMAIL",
        parse=matching(_EMAIL, "a service account's e-mail address"),
    )
    owner = _owner(named, Project(project_id=project or "none", number=number or "0"))
    account = named.service_account or ""
    return Identities(
        owner=owner,
        object_name=named.object_name or f"model{_suffix(archive)}",
        service_account=account if "@" in account else owner.service_account.email,
        operators=named.operators or ((operator,) if operator else ()),
    )


def _owner(named: Named, project: Project) -> Owner:
    owner = owner_of(project)
    if named.bucket is not None:
        bucket = Bucket(project=project, name=named.bucket, location=owner.model_bucket.location)
        owner = replace(owner, model_bucket=bucket)
    if named.service_account is not None:
        account = ServiceAccount(project=project, account_id=named.service_account.partition("@")[0])
        owner = replace(owner, service_account=account)
    if named.pool is not None:
        owner = replace(owner, pool=WorkloadIdentityPool(project=project, pool_id=named.pool))
    return owner if named.provider is None else replace(owner, provider_id=named.provider)


def _suffix(archive: Path | None) -> str:
    name = "model.tar" if archive is None else archive.name
    return next(suffix for suffix in sorted(ARCHIVES, key=len, reverse=True) if name.endswith(suffix))


def _looked_up(project_id: str) -> str | None:
    """The project's number, where somebody is signed in who may see it."""
    folder = Path(os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
    if not ("GOOGLE_APPLICATION_CREDENTIALS" in os.environ or (folder / _WELL_KNOWN).is_file()):
        return None
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    from deploy.confidential_vm import CLOUD_PLATFORM
    from deploy.google_api import GoogleApi
    from deploy.observing import look_up_project

    try:
        credentials, _ = google.auth.default(scopes=[CLOUD_PLATFORM])
        return look_up_project(GoogleApi(credentials, sleep=lambda _seconds: None), project_id).number
    except (GoogleAuthError, SymbolonError):
        return None
