"""cloudresourcemanager.googleapis.com: the projects that are there, and their allow policies.

The emulator starts with the three projects of the story, each with an owner of its own. Absent:
creating and deleting projects, folders, organizations, liens, tags. So nothing but policies is
asked for here, which `iam/policy_requests.py` reads.

Source: Cloud Resource Manager API reference, v1 and v3 `projects`.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .access_tokens import require_caller
from .bodies import json_of
from .iam.authorization import empty_policy, permissions_of, project_of, replace_policy, require_permission
from .iam.policy_requests import parse_permissions_request, parse_policy_request, render_permissions
from .iam.service_accounts import seed_default_account
from .oauth2 import write_credentials_file
from .state import Document, State

_SERVICE = "cloudresourcemanager.googleapis.com"


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


def routes(state: State) -> list[BaseRoute]:
    """`GET …/projects/ID` and `POST …/projects/ID:VERB`, in version 1 and in version 3."""

    def require(request: Request, verb: str) -> Document:
        project = project_of(state, request.path_params["project"])
        require_permission(
            state,
            require_caller(state, request),
            f"resourcemanager.projects.{verb}",
            service=_SERVICE,
            method=f"projects.{verb}",
            resource=f"projects/{project['projectId']}",
            policies=[project["policy"]],
        )
        return project

    async def get(request: Request) -> Response:
        project = require(request, "get")
        render = _render_v1 if request.url.path.startswith("/v1/") else _render_v3
        return JSONResponse(render(project))

    async def get_iam_policy(request: Request) -> Response:
        return JSONResponse(require(request, "getIamPolicy")["policy"])

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

    return [
        Route(f"/{version}/projects/{{project}}{verb}", endpoint, methods=[method])
        for version in ("v1", "v3")
        for verb, endpoint, method in (
            (":getIamPolicy", get_iam_policy, "POST"),
            (":setIamPolicy", set_iam_policy, "POST"),
            (":testIamPermissions", test_iam_permissions, "POST"),
            ("", get, "GET"),
        )
    ]


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
