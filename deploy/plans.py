"""A plan as a person reads it before it is done, and as a file that is done later or not at all.

Each resource has one row: created, changed, kept or deleted, with what differs field by field. A saved plan
is stale once planning again wants something that it does not show; what is done already does not matter, so
that an interrupted start can be gone on with.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, assert_never

from attestation.errors import Misconfigured, quoted

from .observing import Observed
from .planning import Action, Create, Delete, DestroyVersions, Enable, Give, Restore, Revoke, Update
from .removing import stays
from .resources import EnabledApi, Grant, NoOther, Resource
from .rest import creation_of, title_of, title_of_grant, url_of

FORMAT: Final = 1
Verb = Literal["create", "change", "keep", "delete"]


class StalePlan(Misconfigured):
    """What stands now would be changed otherwise than the plan shows."""

    code = "stale-plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field as found and as it will be; None: it is not there."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What becomes of one resource; `where` is its address in Google's API."""

    verb: Verb
    what: str
    where: str
    differences: tuple[Difference, ...] = ()
    note: str = ""


def rows_of(
    wanted: Iterable[Resource], observed: Observed, actions: Sequence[Action], *, removing: bool
) -> tuple[Row, ...]:
    """A row for each resource in the order of what is done: actions first where something goes."""
    rows: dict[tuple[str, str], Row] = {}
    for action in actions:
        for row in _rows_of(action):
            before = rows.get((row.what, row.where))
            if before is not None:  # restored, and then changed
                row = Row(**{**_fields(row), "differences": (*before.differences, *row.differences)})
            rows[row.what, row.where] = row
    ordered: dict[tuple[str, str], Row] = {}
    for resource in wanted:
        if isinstance(resource, NoOther) or _named(resource) in ordered:
            continue
        what, where = _named(resource)
        ordered[what, where] = rows.get((what, where)) or Row(
            verb="keep", what=what, where=where, note=_note(resource, observed, removing=removing)
        )
    ordered |= {key: row for key, row in rows.items() if key not in ordered}
    return tuple(reversed(ordered.values()) if removing else ordered.values())


def _fields(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Row.__slots__}


def _named(resource: Resource) -> tuple[str, str]:
    if isinstance(resource, Grant):
        return title_of_grant(resource), url_of(resource.on)
    if isinstance(resource, NoOther):
        raise TypeError("it is no resource of its own")
    return title_of(resource), url_of(resource)


def _note(resource: Resource, observed: Observed, *, removing: bool) -> str:
    if not removing or isinstance(resource, NoOther):
        return ""
    if isinstance(resource, EnabledApi):
        return "stays enabled: others may call it"
    if isinstance(resource, Grant):
        return "goes with its resource, was not given, or is not known to be ours"
    return stays(resource, observed)


def _rows_of(action: Action) -> Iterator[Row]:
    match action:
        case Enable():
            for api in action.apis:
                state = Difference(field="state", before="DISABLED", after="ENABLED")
                yield Row(verb="change", what=title_of(api), where=url_of(api), differences=(state,))
        case Create():
            yield _row("create", action.resource, _differences({}, creation_of(action.resource).body))
        case Restore():
            state = Difference(field="state", before="DELETED", after="ACTIVE")
            yield _row("change", action.resource, (state,))
        case Update():
            yield _row("change", action.resource, _differences(action.before, action.after))
        case Give():
            what, where = _named(action.grant)
            yield Row(verb="create", what=what, where=where)
        case Revoke():
            what, where = _named(action.grant)
            yield Row(verb="delete", what=what, where=where)
        case Delete():
            things = (Difference(field=action.kind, before=action.objects, after=None),)
            yield _row("delete", action.resource, things if action.objects else ())
        case DestroyVersions():
            what, where = _named(action.key)
            state = Difference(field=f"state of {action.what}", before="usable", after="DESTROY_SCHEDULED")
            note = "the key stays; until they are destroyed, its versions can be restored"
            yield Row(verb="change", what=what, where=where, differences=(state,), note=note)
        case _:
            assert_never(action)


def _row(verb: Verb, resource: Resource, differences: Iterable[Difference]) -> Row:
    what, where = _named(resource)
    return Row(verb=verb, what=what, where=where, differences=tuple(differences))


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The leaves that differ; what is found besides and not spoken of does not."""
    old, new = dict(_leaves(before, "")), dict(_leaves(after, ""))
    gone = [path for path in old if path.partition(".")[0] == "attributeMapping" and path not in new]
    return tuple(
        Difference(field=path, before=old.get(path), after=new.get(path))
        for path in [*new, *gone]
        if old.get(path) != new.get(path)
    )


def _leaves(value: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """The fields of `value` with nothing below them: `oidc.issuerUri`.

    >>> list(_leaves({"a": {"b": 1, "c": {}}, "d": [2]}, ""))
    [('a.b', 1), ('a.c', {}), ('d', [2])]
    """
    for key, each in value.items():
        if isinstance(each, Mapping) and each:
            yield from _leaves(each, f"{path}{key}.")
        else:
            yield path + key, each


def changes(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows by which something is changed."""
    return tuple(row for row in rows if row.verb != "keep")


def render_plan(rows: Iterable[Row], *, party: str, project: str, removing: bool) -> dict[str, Any]:
    """The plan as a JSON document, which `parse_plan` reads back."""
    return {
        "format": FORMAT,
        "plan": "destroy" if removing else "apply",
        "party": party,
        "project": project,
        "rows": [asdict(row) for row in rows],
    }


def check_fresh(document: Mapping[str, Any], rows: Iterable[Row], *, party: str, project: str) -> None:
    """Nothing would be done that the saved plan does not show.

    Raises:
        Misconfigured: it is no plan, or one of another party, of another project, or to destroy.
        StalePlan: something would.
    """
    if document.get("format") != FORMAT or not isinstance(document.get("rows"), list):
        raise Misconfigured("the file is no plan", hint="write one with --plan --output FILE")
    meant = (document.get("plan"), document.get("party"), document.get("project"))
    if meant != ("apply", party, project):
        said = quoted(" ".join(str(each) for each in meant))
        raise Misconfigured(
            f"the file is another plan: {said}", hint=f"this one is to apply for the {party} in `{project}`"
        )
    shown = [_canonical(row) for row in document["rows"]]
    for row in changes(rows):
        if _canonical(asdict(row)) not in shown:
            raise StalePlan(
                f"the plan is stale: it does not show that {row.what} is {_PAST[row.verb]} as it would be",
                hint="what stands has changed since, or what is wanted; plan again, and look at it",
            )


_PAST: Final = {"create": "created", "change": "changed", "delete": "deleted", "keep": "kept"}


def _canonical(row: object) -> str:
    return json.dumps(row, sort_keys=True)
