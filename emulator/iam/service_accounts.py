"""iam.googleapis.com: service accounts, and the allow policy of each.

Absent: keys, disabling, undeleting, patching, signing.

Source: IAM API reference v1, `projects.serviceAccounts`.
"""

from __future__ import annotations

import base64
import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..access_tokens import Caller, require_caller
from ..bodies import json_of
from ..errors import GoogleError
from ..state import Document, State
from .account_requests import AccountRequest, parse_account_request
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
from .policy_requests import parse_permissions_request, parse_policy_request, render_permissions

_SERVICE = "iam.googleapis.com"
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
    accounts = _ServiceAccounts(state)
    collection = "/v1/projects/{project}/serviceAccounts"
    one = collection + "/{account}"
    return [
        Route(collection, accounts.create, methods=["POST"]),
        Route(collection, accounts.list_all, methods=["GET"]),
        Route(one + ":getIamPolicy", accounts.get_iam_policy, methods=["POST"]),
        Route(one + ":setIamPolicy", accounts.set_iam_policy, methods=["POST"]),
        Route(one + ":testIamPermissions", accounts.test_iam_permissions, methods=["POST"]),
        Route(one, accounts.get, methods=["GET"]),
        Route(one, accounts.delete, methods=["DELETE"]),
    ]


class _ServiceAccounts:
    """The REST methods: each asks first whether the caller may."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._accounts = state.collection("iam.serviceAccounts")

    async def create(self, request: Request) -> Response:
        project = self._require_on_project(request, "create")
        account = _new_account(project["projectId"], parse_account_request(await json_of(request)))
        if account["email"] in self._accounts:
            account_id, place = account["email"].partition("@")[0], f"projects/{project['projectId']}"
            raise GoogleError(409, f"Service account {account_id} already exists within project {place}.")
        return JSONResponse(_render(self._accounts.put(account["email"], account)))

    async def list_all(self, request: Request) -> Response:
        project_id = self._require_on_project(request, "list")["projectId"]
        found = [_render(item) for _, item in self._accounts.items() if item["projectId"] == project_id]
        return JSONResponse({"accounts": found} if found else {})

    async def get(self, request: Request) -> Response:
        return JSONResponse(_render(self._require(request, "get")))

    async def delete(self, request: Request) -> Response:
        self._accounts.delete(self._require(request, "delete")["email"])
        return JSONResponse({})

    async def get_iam_policy(self, request: Request) -> Response:
        return JSONResponse(self._require(request, "getIamPolicy")["policy"])

    async def set_iam_policy(self, request: Request) -> Response:
        account = self._require(request, "setIamPolicy")
        policy = replace_policy(account["policy"], parse_policy_request(await json_of(request)))
        self._accounts.put(account["email"], {**account, "policy": policy})
        return JSONResponse(policy)

    async def test_iam_permissions(self, request: Request) -> Response:
        caller, account = require_caller(self._state, request), self._named(request)
        held = permissions_of(caller, policies_of(self._state, account)) if account else frozenset()
        asked = parse_permissions_request(await json_of(request))
        return JSONResponse(render_permissions(asked, held))

    def _named(self, request: Request) -> Document | None:
        """The account that the path names; `-` stands for the account's own project."""
        account = find_service_account(self._state, request.path_params["account"])
        project = request.path_params["project"]
        if account is None or project == "-":
            return account
        return account if project_of(self._state, project)["projectId"] == account["projectId"] else None

    def _require_on_project(self, request: Request, verb: str) -> Document:
        """The project that the path names, where the caller may do so."""
        project = project_of(self._state, request.path_params["project"])
        resource = f"projects/{project['projectId']}"
        self._check(require_caller(self._state, request), verb, resource, [project["policy"]])
        return project

    def _require(self, request: Request, verb: str) -> Document:
        """The account that the path names, where the caller may do so.

        Raises:
            GoogleError: 403; 404 for an absent one, where the caller may know that.
        """
        caller, account = require_caller(self._state, request), self._named(request)
        if account is None:
            # Source: IAM API reference, `projects.serviceAccounts.get`, on the `-` wildcard.
            if request.path_params["project"] == "-":
                name = f"serviceAccounts/{request.path_params['account']}"
                raise denied(f"iam.serviceAccounts.{verb}", name)
            self._require_on_project(request, verb)
            raise GoogleError(404, "Unknown service account")
        self._check(caller, verb, account["name"], policies_of(self._state, account))
        return account

    def _check(self, caller: Caller, verb: str, resource: str, policies: list[Policy]) -> None:
        require_permission(
            self._state,
            caller,
            f"iam.serviceAccounts.{verb}",
            service=_SERVICE,
            method=f"projects.serviceAccounts.{verb}",
            resource=resource,
            policies=policies,
        )


def _new_account(project_id: str, wanted: AccountRequest) -> Document:
    email = f"{wanted.account_id}@{project_id}.iam.gserviceaccount.com"
    unique_id = str(10**20 + secrets.randbelow(10**20))
    return {
        "name": f"projects/{project_id}/serviceAccounts/{email}",
        "projectId": project_id,
        "uniqueId": unique_id,
        "email": email,
        "displayName": wanted.display_name,
        "description": wanted.description,
        "etag": base64.b64encode(new_etag().encode()).decode(),
        "oauth2ClientId": unique_id,
        "policy": empty_policy(),
    }


def _render(account: Document) -> Document:
    return {key: account[key] for key in _SHOWN if account[key]}
