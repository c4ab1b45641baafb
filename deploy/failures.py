"""What Google answers where it does not do what was asked, as our families of errors: by who acts next.

Source: google.aip.dev/193 (`google.rpc.ErrorInfo`: reasons of `googleapis.com`); Cloud Storage documentation,
"HTTP status and error codes for JSON" (`errors[].reason`, words of a 403).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from attestation.errors import Denied, Misconfigured, SymbolonError, Unavailable

TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
"""Answers that another try may change."""

_MOST_WORDS = 500
_PERMISSION = re.compile(r"\b([a-z]+\.[a-zA-Z]+\.[a-zA-Z]+)\b")
_SIGN_IN = "sign in again: gcloud auth application-default login"
_QUOTA_REASONS = ("quotaExceeded", "QUOTA_EXCEEDED", "limitExceeded")


class NotFound(Misconfigured):
    """The thing that was asked for is not there."""

    code = "not-found"


class AlreadyExists(Misconfigured):
    """The thing that was to be created is there already."""

    code = "already-exists"


class ConcurrentChange(Unavailable):
    """Somebody else changed the same resource between our reading and our writing it."""

    code = "concurrent-change"


class ApiDisabled(Misconfigured):
    """The project does not call this API: nobody has enabled it there."""

    code = "api-disabled"


class BillingOff(Misconfigured):
    """The project has no billing account, or a closed one."""

    code = "billing-off"


class QuotaExceeded(Misconfigured):
    """The project has as many of these as Google gives it."""

    code = "quota-exceeded"


class NameTaken(Misconfigured):
    """The name is another project's: names of buckets are global."""

    code = "name-taken"


class NotOurs(Misconfigured):
    """A thing would have to be changed that this program did not make.

    `taken_id` is the ID of a pool or a provider that stays taken though it was deleted.
    """

    code = "not-ours"

    def __init__(self, message: str, *, taken_id: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.taken_id = taken_id


class PermissionDenied(Denied):
    """The caller may not do this; `permission` is the one that is missing, "" where Google does not say."""

    code = "permission-denied"

    def __init__(self, message: str, *, permission: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.permission = permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a failed request says: its words, and the machine's reason with what belongs to it."""

    words: str
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


def failure_of(status: int, answer: Answer, doing: str) -> SymbolonError:
    """The error of a request that Google answered with `status`; `doing` names the act."""
    message = f"google answered {doing} with {status}: `{legible(answer.words)}`"
    words = answer.words.lower()
    if status == 403 and (answer.reason == "BILLING_DISABLED" or "billing" in words):
        return BillingOff(message, hint="link a billing account to the project: gcloud billing projects link")
    if status == 403 and answer.reason in ("SERVICE_DISABLED", "accessNotConfigured"):
        return ApiDisabled(message, hint=_enabling(answer.metadata))
    if answer.reason in _QUOTA_REASONS or (status in (403, 429) and "quota exceeded" in words):
        return QuotaExceeded(message, hint="remove what is not needed, or ask Google for more quota")
    match status:
        case 404:
            return NotFound(message, hint="check the name and the project, and that it was created")
        case 409 if "concurrent" in words or answer.reason == "ABORTED":
            return ConcurrentChange(message, hint="try again")
        case 409:
            return AlreadyExists(message, hint="choose another name, or look at who made it")
        case 412:
            return ConcurrentChange(message, hint="try again")
        case 401:
            return Denied(message, hint=_SIGN_IN)
        case 403:
            return PermissionDenied(
                message,
                permission=_permission(answer),
                hint="act as someone who holds the permission, or have it granted",
            )
    if status in TRANSIENT:
        return Unavailable(message, hint="try again later")
    return Misconfigured(message, hint="google's words say which value it does not accept")


def sign_in_again(words: str, doing: str) -> Denied:
    """The error of credentials that are no longer any."""
    return Denied(f"google refused the credentials for {doing}: `{legible(words)}`", hint=_SIGN_IN)


def _enabling(metadata: Mapping[str, str]) -> str:
    service = re.sub(r"[^a-z0-9.-]", "", metadata.get("service", "")) or "API"
    project = re.sub(r"[^a-z0-9-]", "", metadata.get("consumer", "").rpartition("/")[2]) or "PROJECT"
    return f"gcloud services enable {service} --project={project}; it takes a minute or two"


def _permission(answer: Answer) -> str:
    """`storage.buckets.create` and its like, from the details or else from the words."""
    if named := answer.metadata.get("permission", ""):
        return named if _PERMISSION.fullmatch(named) else ""
    found = [each for each in _PERMISSION.findall(answer.words) if not each.endswith((".com", ".dev"))]
    return found[-1] if found else ""


def answer_of(response: requests.Response) -> Answer:
    """What the body says in any of the shapes that Google's services and registries use."""
    try:
        body = response.json()
    except ValueError:
        # Not `response.text`, which guesses an encoding where none is named.
        return Answer(words=response.content.decode(errors="replace") or response.reason or "")
    match body:
        case {"error": {"message": str(words)} as error}:
            return Answer(words=words, **_reason_of(error))
        case {"error": str(error)}:
            return Answer(words=f"{error}: {body.get('error_description', '')}".rstrip(": "))
        case {"errors": [{"message": str(words)}, *_]}:
            return Answer(words=words)
    return Answer(words=response.content.decode(errors="replace"))


def _reason_of(error: Mapping[str, object]) -> dict[str, Any]:
    """The reason in `details` (AIP-193), else the one in `errors` (the older shape), else the status."""
    details, errors = error.get("details"), error.get("errors")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and isinstance(detail.get("reason"), str):
            metadata = detail.get("metadata")
            kept = metadata if isinstance(metadata, dict) else {}
            return {"reason": detail["reason"], "metadata": {str(k): str(v) for k, v in kept.items()}}
    for each in errors if isinstance(errors, list) else ():
        if isinstance(each, dict) and isinstance(each.get("reason"), str):
            return {"reason": each["reason"]}
    return {"reason": str(error.get("status", ""))}


def legible(words: str) -> str:
    """`words` on one line, without backticks, and not endless."""
    line = "".join(letter if letter.isprintable() else " " for letter in words).replace("`", "'")
    return line if len(line) <= _MOST_WORDS else line[:_MOST_WORDS] + " …"
