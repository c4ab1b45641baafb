"""What bears our mark is ours, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.marks import is_ours, mark_of
from deploy.resources import Made
from deploy.rest import creation_of
from tests.deploy.resources_there import AS_DESCRIBED, BUCKET, OWNER


@pytest.mark.parametrize("kind", AS_DESCRIBED)
def test_what_is_created_bears_the_mark_from_that_call_on(kind: str) -> None:
    resource, found = AS_DESCRIBED[kind]
    body = creation_of(resource).body
    body = body.get("serviceAccount", body)
    assert mark_of(resource).items() <= body.items()
    assert is_ours(resource, found)


@pytest.mark.parametrize(
    ("resource", "found"),
    [
        pytest.param(OWNER.model_bucket, None, id="nothing"),
        pytest.param(OWNER.model_bucket, {**BUCKET, "labels": {}}, id="no label"),
        pytest.param(OWNER.model_bucket, {**BUCKET, "labels": {"managed-by": "terraform"}}, id="another's"),
        pytest.param(OWNER.model_bucket, {**BUCKET, "projectNumber": "666"}, id="another project's bucket"),
        pytest.param(OWNER.pool, {"state": "ACTIVE"}, id="no description"),
        pytest.param(OWNER.pool, {"description": "Made by symbolon"}, id="words that are like it"),
        pytest.param(OWNER.service_account, {"displayName": "managed-by=symbolon"}, id="another field"),
    ],
)
def test_what_does_not_say_that_it_is_ours_is_somebody_else_s(
    resource: Made, found: dict[str, Any] | None
) -> None:
    assert not is_ours(resource, found)


def test_a_description_may_say_more() -> None:
    description = "The demo's pool. Made by symbolon (managed-by=symbolon)."
    assert is_ours(OWNER.pool, {"description": description})
