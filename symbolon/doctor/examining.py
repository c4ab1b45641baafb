"""The questions that are asked for either party, each answered by a check of its own.

Nothing is changed. What the caller may not even see is missing too: a check that cannot be made is not well.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from email.utils import parsedate_to_datetime

from attestation.errors import Denied, Misconfigured, SymbolonError
from deploy.failures import ApiDisabled, PermissionDenied
from deploy.google_api import COMPUTE, RESOURCE_MANAGER, GoogleApi, Json, NotFound
from deploy.observing import holds, is_enabled, observe
from deploy.permissions import granting_line, role_for
from deploy.planning import Action, Create, Restore, Update, plan
from deploy.resources import EnabledApi, Grant, Project, Resource, ServiceAccount, made_of
from deploy.rest import title_of, title_of_grant, url_of

from .checks import Check

_MOST_SKEW_S = 60.0


def check_clock(api: GoogleApi, project: Project, *, clock: Callable[[], float]) -> Check:
    """This machine's clock says what Google's says: tokens and signatures live between two moments."""
    url = f"{RESOURCE_MANAGER}/projects/{project.project_id}"
    date = api.send("GET", url, doing="asking what time it is").headers.get("date", "")
    try:
        skew_s = clock() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Check(what="clock", is_well=False, says="google's answer has no date to compare with")
    return Check(
        what="clock",
        is_well=abs(skew_s) <= _MOST_SKEW_S,
        says=f"{abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} google's",
        fix="" if abs(skew_s) <= _MOST_SKEW_S else "sudo timedatectl set-ntp true",
    )


def check_apis(api: GoogleApi, wanted: Sequence[EnabledApi], *, member: str) -> Iterator[Check]:
    """Each API is enabled."""
    project = wanted[0].project.project_id
    try:
        observed = observe(api, wanted)
    except SymbolonError as error:
        yield told("APIs", error, project_id=project, member=member)
        return
    for each in wanted:
        well = is_enabled(observed[url_of(each)])
        yield Check(
            what=title_of(each),
            is_well=well,
            says="enabled" if well else "not enabled",
            fix="" if well else f"gcloud services enable {each.name} --project={project}",
        )


def check_permissions(
    api: GoogleApi, project: Project, permissions: Sequence[str], *, member: str
) -> Iterator[Check]:
    """What this party's commands do, the caller may: one check for each role that would do."""
    try:
        held = holds(api, project, permissions)
    except SymbolonError as error:
        yield told("permissions", error, project_id=project.project_id, member=member)
        return
    roles: dict[str, list[str]] = {}
    for permission in permissions:
        roles.setdefault(role_for(permission), []).append(permission)
    for role, asked in roles.items():
        missing = [permission for permission in asked if permission not in held]
        yield Check(
            what=f"permissions of `{role}` on project `{project.project_id}`",
            is_well=not missing,
            says=f"missing: {', '.join(missing)}" if missing else "held",
            fix=granting_line(role, project_id=project.project_id, member=member) if missing else "",
        )


def check_resources(
    api: GoogleApi, project: Project, wanted: Iterable[Resource], *, member: str, words: str
) -> Iterator[Check]:
    """Each resource and each grant is there as described; `words` is the command that makes them."""
    resources = tuple(wanted)
    missing: set[str] = set()

    def check_one(resource: Resource, what: str) -> Check:
        try:
            actions = plan([resource], observe(api, [resource]))
        except SymbolonError as error:
            return told(what, error, project_id=project.project_id, member=member)
        for action in actions:
            return Check(what=what, is_well=False, says=_in_words(action), fix=f"{words} --apply")
        return Check(what=what, is_well=True, says="there")

    for each in made_of(resources):
        check = check_one(each, title_of(each))
        if not check.is_well:
            missing.add(url_of(each))
        yield check
    for grant in (each for each in resources if isinstance(each, Grant)):
        if isinstance(grant.on, Project) or url_of(grant.on) not in missing:
            yield check_one(grant, title_of_grant(grant))


def check_acting(api: GoogleApi, account: ServiceAccount, *, member: str) -> Check:
    """The caller may give a VM this account; asked of the account itself, where alone it may be granted."""
    what, asked = f"acting as {title_of(account)}", "iam.serviceAccounts.actAs"
    try:
        may = asked in holds(api, account.project, [asked]) or _may_act_as(api, account, asked)
    except SymbolonError as error:
        return told(what, error, project_id=account.project.project_id, member=member)
    words = ["gcloud", "iam", "service-accounts", "add-iam-policy-binding", account.email]
    words += [f"--member={member or 'user:YOU'}", f"--role={role_for(asked)}"]
    words.append(f"--project={account.project.project_id}")
    says = "you may" if may else f"missing: {asked}"
    return Check(what=what, is_well=may, says=says, fix="" if may else shlex.join(words))


def _may_act_as(api: GoogleApi, account: ServiceAccount, asked: str) -> bool:
    doing = f"asking what you may do with {title_of(account)}"
    url = f"{url_of(account)}:testIamPermissions"
    try:
        answer = api.call("POST", url, doing=doing, body={"permissions": [asked]})
    except NotFound:
        return False
    return asked in answer.get("permissions", [])


def _in_words(action: Action) -> str:
    """What is wrong, of which the action is the remedy."""
    match action:
        case Restore():
            return "deleted; it can be restored"
        case Update():
            return f"differs in {', '.join(action.after)}"
        case Create():
            return "not there"
    return "not given"


def check_quota(api: GoogleApi, project: Project, zone: str, needs: dict[str, int], *, member: str) -> Check:
    """The zone is up, and its region leaves the project room for what a confidential VM needs."""
    region = zone.rpartition("-")[0]
    what = f"quota in `{region}`"
    place = f"{COMPUTE}/projects/{project.project_id}"
    try:
        found: Json = api.call("GET", f"{place}/zones/{zone}", doing=f"looking at zone `{zone}`")
        limits = api.call("GET", f"{place}/regions/{region}", doing=f"reading the quotas of `{region}`")
    except SymbolonError as error:
        return told(what, error, project_id=project.project_id, member=member)
    if found.get("status") != "UP":
        return Check(what=what, is_well=False, says=f"zone `{zone}` is down", fix="choose another by --zone")
    free = {each["metric"]: each["limit"] - each["usage"] for each in limits.get("quotas", [])}
    short = {metric: free[metric] for metric, need in needs.items() if free.get(metric, need) < need}
    if short:
        says = "; ".join(
            f"{metric}: {left:.0f} left, {needs[metric]} needed" for metric, left in short.items()
        )
        fix = "ask Google for more in the console, below quotas, or choose another region by --zone"
        return Check(what=what, is_well=False, says=says, fix=fix)
    left = ", ".join(f"{metric} {free[metric]:.0f} left" for metric in needs if metric in free)
    return Check(what=what, is_well=True, says=left or "none is told")


def told(what: str, error: SymbolonError, *, project_id: str, member: str) -> Check:
    """The check of what could not be looked at, with what to do.

    Raises:
        SymbolonError: the same one, where nobody has to act: Google does not answer.
    """
    if not isinstance(error, Denied | Misconfigured):
        raise error
    fix = error.hint
    if isinstance(error, PermissionDenied) and (role := role_for(error.permission)):
        fix = granting_line(role, project_id=project_id, member=member)
    if isinstance(error, ApiDisabled):
        fix = error.hint.partition(";")[0]
    return Check(what=what, is_well=False, says=error.message, fix=fix)
