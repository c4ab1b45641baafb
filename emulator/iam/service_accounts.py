"""iam.googleapis.com: service accounts, and the allow policy of each.

An account that is disabled gets no new tokens, and those it has are refused, at once. A deleted one can
be undeleted for 30 days, by its unique ID. Absent: keys.

Source: IAM API reference v1, `projects.serviceAccounts`.
"""

from __future__ import annotations

import base64
import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..access_tokens import Caller, require_caller
from ..bodies import fields_of, json_of
from ..errors import GoogleError
from ..pages import page_of
from ..state import Document, State
from .account_requests import parse_account_patch, parse_account_request
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
    "disabled",
)
_KEPT_S = 30 * 86400


def find_service_account(state: State, email_or_id: str) -> Document | None:
    """The account of that email address or unique ID."""
    for email, account in state.collection("iam.serviceAccounts").items():
        if email_or_id in (email, account["uniqueId"]):
            return account
    return None


def default_account_of(project_number: str) -> str:
    """The address of the account that a VM is where nobody names another.

    Source: IAM documentation, "Default service accounts".
    """
    return f"{project_number}-compute@developer.gserviceaccount.com"


def seed_default_account(state: State, project: Document) -> None:
    """The project has its Compute Engine default service account, which may nothing yet."""
    email = default_account_of(project["projectNumber"])
    accounts = state.collection("iam.serviceAccounts")
    if email not in accounts:
        accounts.put(
            email, _new_account(project["projectId"], email, "Compute Engine default service account")
        )


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
        Route(one + ":enable", accounts.enable, methods=["POST"]),
        Route(one + ":disable", accounts.disable, methods=["POST"]),
        Route(one + ":undelete", accounts.undelete, methods=["POST"]),
        Route(one + ":getIamPolicy", accounts.get_iam_policy, methods=["POST"]),
        Route(one + ":setIamPolicy", accounts.set_iam_policy, methods=["POST"]),
        Route(one + ":testIamPermissions", accounts.test_iam_permissions, methods=["POST"]),
        Route(one, accounts.get, methods=["GET"]),
        Route(one, accounts.patch, methods=["PATCH"]),
        Route(one, accounts.delete, methods=["DELETE"]),
    ]


class _ServiceAccounts:
    """The REST methods: each asks first whether the caller may."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._accounts = state.collection("iam.serviceAccounts")
        self._deleted = state.collection("iam.deletedServiceAccounts")

    async def create(self, request: Request) -> Response:
        project = self._require_on_project(request, "create")
        wanted = parse_account_request(await json_of(request))
        email = f"{wanted.account_id}@{project['projectId']}.iam.gserviceaccount.com"
        account = _new_account(project["projectId"], email, wanted.display_name, wanted.description)
        if account["email"] in self._accounts:
            account_id, place = account["email"].partition("@")[0], f"projects/{project['projectId']}"
            raise GoogleError(409, f"Service account {account_id} already exists within project {place}.")
        return JSONResponse(_render(self._accounts.put(account["email"], account)))

    async def list_all(self, request: Request) -> Response:
        project_id = self._require_on_project(request, "list")["projectId"]
        found = [
            (email, _render(item))
            for email, item in self._accounts.items()
            if item["projectId"] == project_id
        ]
        page, more = page_of(found, request.query_params)
        return JSONResponse({**({"accounts": page} if page else {}), **more})

    async def get(self, request: Request) -> Response:
        return JSONResponse(_render(self._require(request, "get")))

    async def patch(self, request: Request) -> Response:
        """The display name, the description, or both are what the request says."""
        account = self._require(request, "update")
        changes = parse_account_patch(await json_of(request))
        return JSONResponse(_render(self._put({**account, **changes})))

    async def enable(self, request: Request) -> Response:
        account = self._require(request, "enable")
        await fields_of(request)
        self._put({**account, "disabled": False})
        return JSONResponse({})

    async def disable(self, request: Request) -> Response:
        account = self._require(request, "disable")
        await fields_of(request)
        self._put({**account, "disabled": True})
        return JSONResponse({})

    async def delete(self, request: Request) -> Response:
        account = self._require(request, "delete")
        self._deleted.put(account["uniqueId"], {**account, "deletedAt": int(self._state.clock())})
        self._accounts.delete(account["email"])
        return JSONResponse({})

    async def undelete(self, request: Request) -> Response:
        """The account is there again, with its policy; its unique ID names it: its address may be taken."""
        account = self._deleted.get(request.path_params["account"])
        if account is None or account["deletedAt"] + _KEPT_S <= self._state.clock():
            name = f"serviceAccounts/{request.path_params['account'][:60]}"
            raise denied("iam.serviceAccounts.undelete", name)
        caller = require_caller(self._state, request)
        policies = [project_of(self._state, account["projectId"])["policy"]]
        self._check(caller, "undelete", account["name"], policies)
        if account["email"] in self._accounts:
            raise GoogleError(409, f"Service account {account['email']} exists already.")
        await fields_of(request)
        self._deleted.delete(account["uniqueId"])
        restored = {key: value for key, value in account.items() if key != "deletedAt"}
        return JSONResponse({"restoredAccount": _render(self._put(restored))})

    def _put(self, account: Document) -> Document:
        return self._accounts.put(account["email"], {**account, "etag": _new_etag()})

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


def _new_account(project_id: str, email: str, display_name: str, description: str = "") -> Document:
    unique_id = str(10**20 + secrets.randbelow(10**20))
    return {
        "name": f"projects/{project_id}/serviceAccounts/{email}",
        "projectId": project_id,
        "uniqueId": unique_id,
        "email": email,
        "displayName": display_name,
        "description": description,
        "etag": _new_etag(),
        "oauth2ClientId": unique_id,
        "policy": empty_policy(),
    }


def _new_etag() -> str:
    return base64.b64encode(new_etag().encode()).decode()


def _render(account: Document) -> Document:
    return {key: account[key] for key in _SHOWN if account.get(key)}
