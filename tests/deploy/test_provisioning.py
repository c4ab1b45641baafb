"""`ensure`: the three steps together, and what appears between looking and creating."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attestation.errors import Denied, Misconfigured
from deploy.google_api import AlreadyExists, GoogleApi
from deploy.planning import Action, Create
from deploy.provisioning import ensure
from tests.deploy.resources_there import BUCKET, OWNER

MISSING = (404, {"error": {"code": 404, "message": "Not found."}})
EXISTS = (409, {"error": {"code": 409, "message": "It exists."}})
DONE = {"name": "operations/1", "done": True}
Answering = Callable[..., None]


def test_what_was_done_is_told_and_returned(api: GoogleApi, answering: Answering) -> None:
    heard: list[Action] = []
    answering(MISSING, {})
    made = Create(resource=OWNER.model_bucket)
    assert ensure(api, OWNER.model_bucket, on_done=heard.append) == (made,)
    assert heard == [made]


def test_what_is_as_described_is_read_and_not_written(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering(BUCKET)
    assert ensure(api, OWNER.model_bucket) == ()
    assert [request.method for request in google.sent] == ["GET"]


def test_everything_is_looked_at_before_anything_is_changed(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering(MISSING, {"format": "NPM"})
    with pytest.raises(Misconfigured, match="holds `NPM`"):
        ensure(api, OWNER.model_bucket, OWNER.repository)
    answering(MISSING, (403, {"error": {"message": "No."}}))
    with pytest.raises(Denied):
        ensure(api, OWNER.model_bucket, OWNER.repository)
    assert {request.method for request in google.sent} == {"GET"}


def test_what_appears_while_it_is_created_is_accepted_and_the_rest_goes_on(
    api: GoogleApi, answering: Answering
) -> None:
    answering(MISSING, MISSING, EXISTS, {"format": "DOCKER"}, MISSING, DONE)
    assert ensure(api, OWNER.repository, OWNER.pool) == (Create(resource=OWNER.pool),)


def test_what_exists_and_cannot_be_read_is_an_error(api: GoogleApi, answering: Answering) -> None:
    answering(MISSING, EXISTS, MISSING, EXISTS)
    with pytest.raises(AlreadyExists):
        ensure(api, OWNER.model_bucket)
