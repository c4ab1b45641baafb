"""What `provision` of either party does: shows a plan, does it, takes it down again, or prints it for others.

Without a word it is the plan that is shown. Nothing is changed by looking, and nothing is created or changed
that was not shown: a plan, saved or on the screen, that what stands now has outrun is refused.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from attestation.errors import ExitCode, Misconfigured
from deploy.failures import NotOurs, PermissionDenied
from deploy.google_api import GoogleApi
from deploy.observing import Observed, look_up_project, observe
from deploy.permissions import granting_line, role_for
from deploy.planning import Action, Delete, plan
from deploy.plans import Difference, Row, changes, check_fresh, render_plan, rows_of
from deploy.provisioning import converge, free_pool_id
from deploy.removing import look_inside, plan_removal
from deploy.resources import Project, Resource, WorkloadIdentityPool
from policy.explaining import compile_condition

from .inputs import parse_json_document, read_text
from .progress import patience
from .rendering import console, print_json, printable_lines, styled
from .signing_in import member_of

Mode = Literal["plan", "apply", "destroy"]
_SIGNS = {"create": ("+", "green"), "change": ("~", "yellow"), "keep": (" ", "dim"), "delete": ("-", "red")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a party wants in its project; `words` is how its command is typed."""

    party: Literal["owner", "operator"]
    project: Project
    wanted: tuple[Resource, ...]
    removed: tuple[Resource, ...]
    """What `--destroy` looks for, in the order of creation."""
    member: str
    words: str
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was asked for."""

    mode: Mode
    only_show: bool = False
    plan_file: str | None = None
    save: Path | None = None
    printing: Literal["gcloud", "terraform"] | None = None
    with_contents: bool = False
    yes: bool = False
    output: str = "human"


def provision(api: GoogleApi, deployment: Deployment, choice: Choice) -> ExitCode:
    """The plan is shown, saved or printed; or it is done, each step told as soon as it is.

    Raises:
        NameTaken, NotOurs, Misconfigured: it cannot be done as a whole; nothing was changed.
        StalePlan: what stands now would be changed otherwise than the saved plan shows.
        Denied, Unavailable: as Google answers; what was done until then stays, and the next start goes on.
    """
    with _explained(api, deployment):
        if choice.mode == "destroy":
            return _destroy(api, deployment, choice)
        return _create(api, deployment, choice)


def _create(api: GoogleApi, deployment: Deployment, choice: Choice) -> ExitCode:
    party, project = deployment.party, deployment.project.project_id

    def planned(wanted: tuple[Resource, ...], observed: Observed) -> tuple[Action, ...]:
        """What is to be done now, all of which was shown."""
        actions = plan(wanted, observed)
        now = rows_of(wanted, observed, actions, removing=False)
        check_fresh(shown, now, party=party, project=project)
        return actions

    saved = None if choice.plan_file is None else _read_plan(choice.plan_file)
    with patience("looking at what stands"):
        observed = observe(api, deployment.wanted)
    actions = plan(deployment.wanted, observed)
    rows = rows_of(deployment.wanted, observed, actions, removing=False)
    if choice.printing is not None:
        return _print(deployment, actions, choice)
    if choice.mode == "plan":
        _save(rows, deployment, choice)
        _show(rows, deployment, choice)
        return ExitCode.YES
    shown = _document(rows, deployment, choice) if saved is None else saved
    check_fresh(shown, rows, party=party, project=project)
    _show(rows, deployment, choice, quiet=True)
    return _act(api, deployment.wanted, planned, rows, deployment, choice)


def _read_plan(name: str) -> dict[str, object]:
    return parse_json_document(read_text(name, what="plan"), what="the plan")


def _destroy(api: GoogleApi, deployment: Deployment, choice: Choice) -> ExitCode:
    def planned(wanted: tuple[Resource, ...], observed: Observed) -> tuple[Action, ...]:
        inside = look_inside(api, wanted, observed)
        may_empty = choice.with_contents or choice.only_show or choice.printing is not None
        return plan_removal(
            wanted, observed, inside, with_contents=may_empty, with_versions=choice.with_contents
        )

    wanted = deployment.removed
    with patience("looking at what stands"):
        observed = observe(api, wanted)
        actions = planned(wanted, observed)
    rows = rows_of(wanted, observed, actions, removing=True)
    if choice.printing is not None:
        return _print(deployment, actions, choice)
    if choice.only_show:
        _save(rows, deployment, choice)
        _show(rows, deployment, choice)
        is_full = any(isinstance(each, Delete) and each.objects for each in actions)
        if is_full and not choice.with_contents and choice.output == "human":
            console().print("that deletes nothing while they hold something: add --with-contents to lose it")
        return ExitCode.YES
    _show(rows, deployment, choice, quiet=True)
    if changes(rows):
        _ask(choice)
    return _act(api, wanted, planned, rows, deployment, choice)


def _act(
    api: GoogleApi,
    wanted: tuple[Resource, ...],
    planned: Callable[[tuple[Resource, ...], Observed], tuple[Action, ...]],
    rows: Sequence[Row],
    deployment: Deployment,
    choice: Choice,
) -> ExitCode:
    done: list[str] = []
    waiting = ExitStack()

    def started(action: Action) -> None:
        waiting.close()
        waiting.enter_context(patience(str(action)))

    def heard(action: Action) -> None:
        waiting.close()
        done.append(str(action))
        if choice.output == "human":
            console().print(f"done: {action}")
            sys.stdout.flush()

    with waiting:
        try:
            converge(api, wanted, planned, on_start=started, on_done=heard)
        except KeyboardInterrupt:
            sys.stderr.write(f"\n{len(done)} steps are done; the same command goes on from here")
            raise
    if choice.output == "json":
        print_json({**_document(rows, deployment, choice), "done": done})
    elif not done:
        console().print("nothing had to be done")
    return ExitCode.YES


def _ask(choice: Choice) -> None:
    """A person has said yes, on the command line or here.

    Raises:
        Misconfigured: nobody has.
    """
    if choice.yes:
        return
    if sys.stdin.isatty() and sys.stderr.isatty():
        sys.stderr.write("delete these? Only `yes` is one: ")
        sys.stderr.flush()
        if sys.stdin.readline().strip() == "yes":
            return
    raise Misconfigured("nothing was deleted: nobody said yes", hint="look at the plan, then add --yes")


def _document(rows: Iterable[Row], deployment: Deployment, choice: Choice) -> dict[str, object]:
    return render_plan(
        rows,
        party=deployment.party,
        project=deployment.project.project_id,
        removing=choice.mode == "destroy",
    )


def _save(rows: Sequence[Row], deployment: Deployment, choice: Choice) -> None:
    """The plan is in the file, whole; what was there before is until then.

    Raises:
        Misconfigured: the file cannot be written.
    """
    if choice.save is None:
        return
    text = json.dumps(_document(rows, deployment, choice), indent=2, ensure_ascii=False) + "\n"
    draft = choice.save.with_name(f".{choice.save.name}.{secrets.token_hex(4)}")
    try:
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, choice.save)  # noqa: PTH105  one call, whatever the type of the path
    except OSError as error:
        draft.unlink(missing_ok=True)
        reason = (error.strerror or "no reason given").lower()
        raise Misconfigured(
            f"cannot write the plan: {reason}", hint="name a file in a folder that you can write to"
        ) from None


def _show(rows: Sequence[Row], deployment: Deployment, choice: Choice, *, quiet: bool = False) -> None:
    """The plan stands on standard output; `quiet`: what stays as it is is counted, not listed."""
    if choice.output == "json":
        if not quiet:
            print_json(_document(rows, deployment, choice))
        return
    terminal = console()
    what = "take down" if choice.mode == "destroy" else "provision"
    terminal.print(
        styled((f"{what} the {deployment.party}'s resources", "bold"))
        + styled(f" in project {deployment.project.project_id} (number {deployment.project.number})")
    )
    for row in rows:
        if row.verb != "keep" or not quiet:
            _show_row(row)
    counts = {verb: sum(row.verb == verb for row in rows) for verb in _SIGNS}
    terminal.print(", ".join(f"{counts[verb]} to {verb}" for verb in _SIGNS))
    for hint in deployment.hints:
        terminal.print(hint)
    if not quiet and changes(rows):
        flag = "--destroy" if choice.mode == "destroy" else "--apply"
        flag += " --with-contents" if choice.with_contents else ""
        terminal.print(styled(f"to do it: {deployment.words} {flag}", whole=True))


def _show_row(row: Row) -> None:
    terminal = console()
    sign, style = _SIGNS[row.verb]
    note = f"  ({row.note})" if row.note else ""
    terminal.print(styled((f"{sign} {row.verb:<6}", style), f"  {printable_lines(row.what)}{note}"))
    for each in row.differences:
        for line in _lines_of(each, row.verb):
            terminal.print(printable_lines(f"            {line}"))


def _lines_of(difference: Difference, verb: str) -> list[str]:
    """A field in lines: of a condition only the clauses that come and go."""
    before, after = (_value(value) for value in (difference.before, difference.after))
    if verb == "create":
        return [f"{difference.field}: {after}"]
    if difference.field == "attributeCondition" and verb == "change":
        old, new = (_clauses(value) for value in (difference.before, difference.after))
        gone = [f"  - {clause}" for clause in old if clause not in new]
        come = [f"  + {clause}" for clause in new if clause not in old]
        if gone or come:
            kept = len(new) - len(come)
            return [f"{difference.field}: {kept} clauses stay", *gone, *come]
    return [f"{difference.field}: {before} -> {after}"]


def _clauses(condition: object) -> list[str]:
    """The clauses of a condition; what cannot be read is one, and nothing has none."""
    if not isinstance(condition, str):
        return []
    try:
        return [clause.text for clause in compile_condition(condition).clauses]
    except Misconfigured:
        return [condition]


def _value(value: object) -> str:
    if value is None:
        return "(none)"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _print(deployment: Deployment, actions: Sequence[Action], choice: Choice) -> ExitCode:
    if choice.printing == "gcloud":
        from deploy.as_gcloud import render_gcloud

        sys.stdout.write(render_gcloud(actions))
    else:
        from deploy.as_terraform import render_terraform

        print_json(render_terraform(deployment.wanted, deployment.project))
    return ExitCode.YES


def find_project(api: GoogleApi, project_id: str) -> tuple[Project, str]:
    """The project, and the member that whoever signed in is.

    Raises:
        PermissionDenied: there is none, or the caller may not see it, with the line that lets them.
        Denied, Unavailable: as Google answers.
    """
    try:
        project = look_up_project(api, project_id)
    except PermissionDenied as error:
        raise _with_line(error, project_id, member_of(api)) from None
    return project, member_of(api)


def _with_line(error: PermissionDenied, project_id: str, member: str) -> PermissionDenied:
    """The error with the line that grants what is missing, where that is known."""
    if role := role_for(error.permission):
        line = granting_line(role, project_id=project_id, member=member)
        error.hint = f"`{error.permission}` is missing; whoever owns the project grants it: {line}"
    return error


@contextmanager
def _explained(api: GoogleApi, deployment: Deployment) -> Iterator[None]:
    """What Google denies is told with the line that grants it; an ID that stays taken, with a free one."""
    try:
        yield
    except PermissionDenied as error:
        raise _with_line(error, deployment.project.project_id, deployment.member) from None
    except NotOurs as error:
        for each in deployment.wanted:
            if not isinstance(each, WorkloadIdentityPool) or each.pool_id != error.taken_id:
                continue
            if free := free_pool_id(api, each):
                error.hint = f"choose an ID that is free: --pool {free}"
        raise
