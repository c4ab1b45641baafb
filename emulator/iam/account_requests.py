"""What a service account is made from and what may be changed of it, with Google's limits.

Source: IAM API reference v1, `projects.serviceAccounts.create`; seen error answers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import GoogleError

_ACCOUNT_ID = re.compile(r"[a-z](?:[-a-z0-9]{4,28}[a-z0-9])")
_FIELDS = frozenset(
    {
        "description", "disabled", "displayName", "email", "etag", "name", "oauth2ClientId", "projectId",
        "uniqueId",
    }
)  # fmt: skip
"""Those of an account; all but two are Google's to set, and ignored where a client sends them back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRequest:
    """A service account that can be made."""

    account_id: str
    display_name: str
    description: str


def parse_account_request(body: Mapping[str, Any]) -> AccountRequest:
    """The account that `body` describes.

    Raises:
        GoogleError: 400 for an ID that Google does not take, or details that are no object.
    """
    account_id = body.get("accountId", "")
    if not isinstance(account_id, str) or not _ACCOUNT_ID.fullmatch(account_id):
        raise GoogleError(
            400,
            f"Invalid service account ID {account_id!s}. It must be 6 to 30 characters long and match "
            "the regular expression [a-z]([-a-z0-9]*[a-z0-9]).",
        )
    _refuse_unknown_names(body, {"accountId", "serviceAccount"})
    details = body.get("serviceAccount") or {}
    if not isinstance(details, Mapping):
        raise GoogleError(400, "Invalid value at 'service_account'.")
    _refuse_unknown_names(details, _FIELDS)
    return AccountRequest(
        account_id=account_id,
        display_name=str(details.get("displayName", "")),
        description=str(details.get("description", "")),
    )


def parse_account_patch(body: Mapping[str, Any]) -> dict[str, str]:
    """The fields that a patch changes, as its mask says: `displayName` and `description` alone can be.

    Raises:
        GoogleError: 400 for a mask that is none, or names anything else.
    """
    _refuse_unknown_names(body, {"serviceAccount", "updateMask"})
    account, mask = body.get("serviceAccount"), body.get("updateMask")
    if not isinstance(account, Mapping) or not isinstance(mask, str) or not mask:
        raise GoogleError(400, "Invalid value at 'update_mask': it names what is changed.")
    _refuse_unknown_names(account, _FIELDS)
    fields = {"display_name": "displayName", "description": "description"}
    changes = {}
    for path in mask.split(","):
        field = fields.get(path, path)
        if field not in fields.values():
            raise GoogleError(400, f"Invalid value at 'update_mask': {path[:40]} cannot be changed.")
        changes[field] = str(account.get(field, ""))
    return changes


def _refuse_unknown_names(document: Mapping[str, Any], known: Collection[str]) -> None:
    """Each of its fields is one that the API has.

    Raises:
        GoogleError: 400 for another one, in Google's words.
    """
    for field in document:
        if field not in known:
            raise GoogleError(
                400, f'Invalid JSON payload received. Unknown name "{field[:40]}": Cannot find field.'
            )
