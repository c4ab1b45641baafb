"""What a service account is made from, with Google's limits.

Source: IAM API reference v1, `projects.serviceAccounts.create`; seen error answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import GoogleError

_ACCOUNT_ID = re.compile(r"[a-z](?:[-a-z0-9]{4,28}[a-z0-9])")


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
    details = body.get("serviceAccount") or {}
    if not isinstance(details, Mapping):
        raise GoogleError(400, "Invalid value at 'service_account'.")
    return AccountRequest(
        account_id=account_id,
        display_name=str(details.get("displayName", "")),
        description=str(details.get("description", "")),
    )
