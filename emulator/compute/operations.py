"""The operations on instances that were begun: each one's caller may ask for it again, and nobody else.

An operation is done as soon as it is asked for again. A request that comes again with its ID begins
nothing new: the answer is the first one's operation.

Source: Compute Engine API reference v1, `zoneOperations`, and `requestId` of the methods of `instances`.
"""

from __future__ import annotations

import uuid

from ..access_tokens import Caller
from ..errors import GoogleError
from ..state import Document, State
from .catalogue import ROOT
from .rendering import render_operation


class Operations:
    """All operations of all projects."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._operations = state.collection("compute.operations")

    def begin(
        self, kind: str, key: str, instance_id: str, caller: Caller, *, request_id: str = ""
    ) -> Document:
        """A new operation on the instance of that key, as it is shown when it is begun."""
        now = self._state.clock()
        operation = render_operation(kind, key, instance_id, request_id, user=caller.name, now=now)
        self._operations.put(operation["name"], operation)
        return {**operation, "status": "RUNNING", "progress": 0}

    def begun(self, kind: str, key: str, caller: Caller, request_id: str) -> Document | None:
        """The operation that the caller's request of that ID began, if it has come before.

        Raises:
            GoogleError: 400 where the ID is none, or was another request's.
        """
        if not request_id:
            return None
        _check_request_id(request_id)
        for _, operation in self._operations.items():
            if operation.get("clientOperationId") == request_id and operation["user"] == caller.name:
                if (operation["operationType"], operation["targetLink"]) != (kind, f"{ROOT}/{key}"):
                    raise _invalid_request_id(request_id, "It was another request's.")  # not Google's words
                return operation
        return None

    def get(self, caller: Caller, place: str, name: str) -> Document:
        """An operation that the caller began in the zone `place`.

        Raises:
            GoogleError: 404.
        """
        document = self._operations.get(name)
        if document is None or not _shown(document, place, caller):
            raise GoogleError(
                404, f"The resource '{place}/operations/{name}' was not found", reason="notFound"
            )
        return document

    def list_all(self, caller: Caller, place: str) -> list[tuple[str, Document]]:
        """Every operation that the caller began in the zone `place`, by its name."""
        return [(name, each) for name, each in self._operations.items() if _shown(each, place, caller)]


def _shown(operation: Document, place: str, caller: Caller) -> bool:
    return (operation["zone"], operation["user"]) == (f"{ROOT}/{place}", caller.name)


def _check_request_id(text: str) -> None:
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        raise _invalid_request_id(text, "Must be a UUID.") from None
    if not parsed.int:
        raise _invalid_request_id(text, "The UUID of zeros is not supported.")


def _invalid_request_id(text: str, why: str) -> GoogleError:
    return GoogleError(400, f"Invalid value for field 'requestId': '{text[:60]}'. {why}", reason="invalid")
