"""cloudresourcemanager.googleapis.com: the projects that are there, and their allow policies.

The emulator starts with the three projects of the story, each with an owner of its own. Absent:
creating and deleting projects, folders, organizations, liens, tags. So only policies are asked
for here, and `iam/policy_requests.py` reads them.

Source: Cloud Resource Manager API reference, v1 and v3 `projects`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .access_tokens import require_caller
from .bodies import fields_of, json_of
from .errors import not_emulated
from .iam.authorization import empty_policy, permissions_of, project_of, replace_policy, require_permission
from .iam.policy_requests import parse_permissions_request, parse_policy_request, render_permissions
from .iam.service_accounts import seed_default_account
from .oauth2 import write_credentials_file
from .pages import page_of
from .state import Document, State

_SERVICE = "cloudresourcemanager.googleapis.com"
_TERM = re.compile(r"(?P<key>[a-zA-Z]+)[:=](?P<value>[\w.*'\"-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Someone who owns a project; `name` is the name of their credentials file."""

    name: str
    email: str
    project_id: str
    project_number: str


PARTIES = (
    Party(name="owner", email="owner@primus.example", project_id="primus", project_number="100000000001"),
    Party(
        name="operator",
        email="operator@secundus.example",
        project_id="secundus",
        project_number="200000000002",
    ),
    Party(
        name="auditor",
        email="auditor@tertius.example",
        project_id="tertius",
        project_number="300000000003",
    ),
)


def seed(state: State) -> None:
    """The parties of the story have their projects and credentials files."""
    projects = state.collection("projects")
    for party in PARTIES:
        if party.project_id not in projects:
            owner = {"role": "roles/owner", "members": [f"user:{party.email}"]}
            projects.put(
                party.project_id,
                {
                    "projectId": party.project_id,
                    "projectNumber": party.project_number,
                    "policy": {**empty_policy(), "bindings": [owner]},
                },
            )
        seed_default_account(state, projects.get(party.project_id) or {})
        write_credentials_file(state, party.name, email=party.email, project_id=party.project_id)


def permitted_project(
    state: State, request: Request, permission: str, *, service: str, method: str
) -> Document:
    """The project that the path names, if the caller has the permission on it.

    Raises:
        GoogleError: 401, 403.
    """
    project = project_of(state, request.path_params["project"])
    require_permission(
        state,
        require_caller(state, request),
        permission,
        service=service,
        method=method,
        resource=f"projects/{project['projectId']}",
        policies=[project["policy"]],
    )
    return project


def routes(state: State) -> list[BaseRoute]:
    """`GET …/projects`, `GET …/projects/ID` and `POST …/projects/ID:VERB`, in version 1 and in version 3."""

    def require(request: Request, verb: str) -> Document:
        return permitted_project(
            state,
            request,
            f"resourcemanager.projects.{verb}",
            service=_SERVICE,
            method=f"projects.{verb}",
        )

    async def get(request: Request) -> Response:
        project = require(request, "get")
        render = _render_v1 if request.url.path.startswith("/v1/") else _render_v3
        return JSONResponse(render(project))

    async def get_iam_policy(request: Request) -> Response:
        policy = require(request, "getIamPolicy")["policy"]
        await fields_of(request, "options")
        return JSONResponse(policy)

    async def set_iam_policy(request: Request) -> Response:
        project = require(request, "setIamPolicy")
        policy = replace_policy(project["policy"], parse_policy_request(await json_of(request)))
        state.collection("projects").put(project["projectId"], {**project, "policy": policy})
        return JSONResponse(policy)

    async def test_iam_permissions(request: Request) -> Response:
        caller = require_caller(state, request)
        project = project_of(state, request.path_params["project"])
        held = permissions_of(caller, [project["policy"]])
        asked = parse_permissions_request(await json_of(request))
        return JSONResponse(render_permissions(asked, held))

    async def list_all(request: Request) -> Response:
        """Every project that the caller may see: `list` of version 1, `search` of version 3."""
        caller, query = require_caller(state, request), request.query_params
        first = request.url.path.startswith("/v1/")
        wanted = query.get("filter" if first else "query", "")
        render = _render_v1 if first else _render_v3
        found = [
            (name, render(project))
            for name, project in state.collection("projects").items()
            if "resourcemanager.projects.get" in permissions_of(caller, [project["policy"]])
            and _is_found(project, wanted)
        ]
        page, more = page_of(found, query)
        return JSONResponse({**({"projects": page} if page else {}), **more})

    lists: list[BaseRoute] = [Route("/v1/projects", list_all), Route("/v3/projects:search", list_all)]
    return lists + [
        Route(f"/{version}/projects/{{project}}{verb}", endpoint, methods=[method])
        for version in ("v1", "v3")
        for verb, endpoint, method in (
            (":getIamPolicy", get_iam_policy, "POST"),
            (":setIamPolicy", set_iam_policy, "POST"),
            (":testIamPermissions", test_iam_permissions, "POST"),
            ("", get, "GET"),
        )
    ]


def _is_found(project: Document, wanted: str) -> bool:
    """Whether the project is one that a filter of version 1, or a query of version 3, asks for.

    Raises:
        GoogleError: 400 for anything but `KEY:VALUE` and `KEY=VALUE`, with `AND` or nothing between them.
    """
    names = {"id": "projectId", "projectid": "projectId", "projectnumber": "projectNumber"}
    for term in wanted.replace(" AND ", " ").split():
        match = _TERM.fullmatch(term)
        if match is None:
            raise not_emulated(f"the emulator does not have the filter `{wanted[:100]}`")
        key, value = match["key"].lower(), match["value"].strip("'\"").lower()
        if key in ("lifecyclestate", "state"):
            actual = "active"
        elif key in ("name", "displayname"):
            actual = project["projectId"]
        elif key in names:
            actual = project[names[key]]
        else:
            raise not_emulated(f"the emulator does not have the filter `{wanted[:100]}`")
        if not fnmatch(actual.lower(), value):
            return False
    return True


def _render_v1(project: Document) -> Document:
    return {
        "projectNumber": project["projectNumber"],
        "projectId": project["projectId"],
        "lifecycleState": "ACTIVE",
        "name": project["projectId"],
    }


def _render_v3(project: Document) -> Document:
    return {
        "name": f"projects/{project['projectNumber']}",
        "projectId": project["projectId"],
        "state": "ACTIVE",
        "displayName": project["projectId"],
    }
