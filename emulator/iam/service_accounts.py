"""iam.googleapis.com: service accounts, and the allow policy of each.

Absent: keys, disabling, undeleting, patching, signing.

Source: IAM API reference v1, `projects.serviceAccounts`.
"""

from __future__ import annotations

import base64
import re
import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..access_tokens import require_caller
from ..bodies import json_of
from ..errors import GoogleError
from ..state import Document, State
from .authorization import (
    Policy,
    denied,
    empty_policy,
    new_etag,
    permissions_of,
    project_of,
    replace_policy,
    require_permission,
)

_SERVICE = "iam.googleapis.com"
_ACCOUNT_ID = re.compile(r"[a-z](?:[-a-z0-9]{4,28}[a-z0-9])")
_SHOWN = (
    "name",
    "projectId",
    "uniqueId",
    "email",
    "displayName",
    "etag",
    "description",
    "oauth2ClientId",
)


def find_service_account(state: State, email_or_id: str) -> Document | None:
    """The account of that email address or unique ID."""
    for email, account in state.collection("iam.serviceAccounts").items():
        if email_or_id in (email, account["uniqueId"]):
            return account
    return None


def policies_of(state: State, account: Document) -> list[Policy]:
    """What grants permissions on an account: its own policy, and its project's."""
    return [account["policy"], project_of(state, account["projectId"])["policy"]]


def routes(state: State) -> list[BaseRoute]:
    """`projects/…/serviceAccounts` and what can be asked of one."""
    accounts = state.collection("iam.serviceAccounts")

    def require_on_project(request: Request, verb: str) -> Document:
        project = project_of(state, request.path_params["project"])
        require_permission(
            state,
            require_caller(state, request),
            f"iam.serviceAccounts.{verb}",
            service=_SERVICE,
            method=f"projects.serviceAccounts.{verb}",
            resource=f"projects/{project['projectId']}",
            policies=[project["policy"]],
        )
        return project

    def require(request: Request, verb: str) -> Document:
        caller = require_caller(state, request)
        permission = f"iam.serviceAccounts.{verb}"
        account = _named(state, request)
        if account is None:
            # Source: IAM API reference, `projects.serviceAccounts.get`, on the `-` wildcard.
            if request.path_params["project"] == "-":
                raise denied(permission, f"serviceAccounts/{request.path_params['account']}")
            require_on_project(request, verb)
            raise GoogleError(404, "Unknown service account")
        require_permission(
            state,
            caller,
            permission,
            service=_SERVICE,
            method=f"projects.serviceAccounts.{verb}",
            resource=account["name"],
            policies=policies_of(state, account),
        )
        return account

    async def create(request: Request) -> Response:
        project = require_on_project(request, "create")
        body = await json_of(request)
        account_id = body.get("accountId", "")
        if not isinstance(account_id, str) or not _ACCOUNT_ID.fullmatch(account_id):
            raise GoogleError(
                400,
                f"Invalid service account ID {account_id!s}. It must be 6 to 30 characters long and match "
                "the regular expression [a-z]([-a-z0-9]*[a-z0-9]).",
            )
        details = body.get("serviceAccount") or {}
        account = _new_account(project["projectId"], account_id, details)
        if account["email"] in accounts:
            place = f"projects/{project['projectId']}"
            raise GoogleError(409, f"Service account {account_id} already exists within project {place}.")
        return JSONResponse(_render(accounts.put(account["email"], account)))

    async def list_all(request: Request) -> Response:
        project = require_on_project(request, "list")
        found = [_render(item) for _, item in accounts.items() if item["projectId"] == project["projectId"]]
        return JSONResponse({"accounts": found} if found else {})

    async def get(request: Request) -> Response:
        return JSONResponse(_render(require(request, "get")))

    async def delete(request: Request) -> Response:
        accounts.delete(require(request, "delete")["email"])
        return JSONResponse({})

    async def get_iam_policy(request: Request) -> Response:
        return JSONResponse(require(request, "getIamPolicy")["policy"])

    async def set_iam_policy(request: Request) -> Response:
        account = require(request, "setIamPolicy")
        policy = replace_policy(account["policy"], (await json_of(request)).get("policy") or {})
        accounts.put(account["email"], {**account, "policy": policy})
        return JSONResponse(policy)

    async def test_iam_permissions(request: Request) -> Response:
        caller = require_caller(state, request)
        account = _named(state, request)
        held = permissions_of(caller, policies_of(state, account)) if account else frozenset()
        asked = (await json_of(request)).get("permissions") or []
        granted = [permission for permission in asked if permission in held]
        return JSONResponse({"permissions": granted} if granted else {})

    collection = "/v1/projects/{project}/serviceAccounts"
    return [
        Route(collection, create, methods=["POST"]),
        Route(collection, list_all, methods=["GET"]),
        Route(collection + "/{account}:getIamPolicy", get_iam_policy, methods=["POST"]),
        Route(collection + "/{account}:setIamPolicy", set_iam_policy, methods=["POST"]),
        Route(collection + "/{account}:testIamPermissions", test_iam_permissions, methods=["POST"]),
        Route(collection + "/{account}", get, methods=["GET"]),
        Route(collection + "/{account}", delete, methods=["DELETE"]),
    ]


def _named(state: State, request: Request) -> Document | None:
    """The account that the path names; `-` stands for the account's own project."""
    account = find_service_account(state, request.path_params["account"])
    project = request.path_params["project"]
    if account is None or project == "-":
        return account
    return account if project_of(state, project)["projectId"] == account["projectId"] else None


def _new_account(project_id: str, account_id: str, details: Document) -> Document:
    email = f"{account_id}@{project_id}.iam.gserviceaccount.com"
    unique_id = str(10**20 + secrets.randbelow(10**20))
    return {
        "name": f"projects/{project_id}/serviceAccounts/{email}",
        "projectId": project_id,
        "uniqueId": unique_id,
        "email": email,
        "displayName": str(details.get("displayName", "")),
        "description": str(details.get("description", "")),
        "etag": base64.b64encode(new_etag().encode()).decode(),
        "oauth2ClientId": unique_id,
        "policy": empty_policy(),
    }


def _render(account: Document) -> Document:
    return {key: account[key] for key in _SHOWN if account[key]}
